"""Rows with gaps: whole markers and whole tubes, never everything, the same for a seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cohort, labels, plain_sample

import flowml
from flowml.errors import FlowmlError
from flowml.features.gaps import GapShares, with_gaps
from flowml.models import load_model
from flowml.models.answer import RESULT_COLUMNS
from flowml.pipeline import train
from flowml.records import Case, Tube

NAMES = ("A|q1", "A|q2", "B|q1", "C|q1", "A:B|pairs1", "A:C|pairs1", "B:C|pairs1",
         "A:B:C|som1", "lab|wbc|result")  # fmt: skip
ONE_TUBE = [{"A", "B", "C"}]


def gapped(values, tubes=None, names=NAMES, markers=0.0, parts=0.0, seed=0):
    rows = np.asarray(values, dtype=np.float32)
    every = [ONE_TUBE] * len(rows) if tubes is None else tubes
    rng = np.random.default_rng(seed)
    return with_gaps(rows, names, every, GapShares(markers, parts), rng)


def patterns(found, n_rows):
    """Return the sets of features that copies lack."""
    values = found[0][n_rows:]
    return {frozenset(np.array(NAMES)[np.isnan(row)].tolist()) for row in values}


def test_no_share_gives_the_rows_themselves():
    rows = np.arange(18).reshape(2, 9)
    values, source = gapped(rows)
    assert values.tobytes() == rows.astype(np.float32).tobytes()
    assert source.tolist() == [0, 1]


def test_a_marker_goes_with_its_pairs_and_maps():
    found = gapped(np.ones((400, 9)), markers=0.3)
    assert patterns(found, 400) == {
        frozenset(name for name in NAMES if set(name.partition("|")[0].split(":")) & gone)
        for gone in ({"A"}, {"B"}, {"C"}, {"A", "B"}, {"A", "C"}, {"B", "C"})
    }


def test_a_share_is_the_probability_of_each_marker():
    names = tuple(f"M{n}|q" for n in range(20))
    tubes = [[{f"M{n}" for n in range(20)}]] * 2000
    values, _ = gapped(np.ones((2000, 20)), tubes, names, markers=0.2)
    share = np.isnan(values[2000:]).sum() / (2000 * 20)
    assert abs(share - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 40_000)


def test_a_tube_goes_with_what_no_other_tube_measured():
    tubes = [[{"A", "B"}, {"A", "C"}]] * 300
    rows = np.ones((300, 9))
    rows[:, [6, 7]] = np.nan  # B and C were in different tubes
    values, source = gapped(rows, tubes, parts=0.4)
    never = frozenset({"B:C|pairs1", "A:B:C|som1"})
    expected = {never | {"B|q1", "A:B|pairs1"}, never | {"C|q1", "A:C|pairs1"}}
    assert patterns((values, source), 300) == expected
    assert len(source) == len(values)


def test_a_pair_goes_with_the_only_tube_that_measured_both_its_markers():
    tubes = [[{"A", "B"}, {"A"}, {"B"}]] * 200
    names = ("A|q", "B|q", "A:B|pairs")
    values, _ = gapped(np.ones((200, 3)), tubes, names, parts=0.3)
    lost = {tuple(np.isnan(row).tolist()) for row in values[200:]}
    assert (False, False, True) in lost
    assert (True, True, True) not in lost
    assert all(pair for _, _, pair in lost)


def test_tubes_of_one_panel_stand_in_for_one_another():
    values, _ = gapped(np.ones((100, 9)), [[{"A", "B", "C"}] * 2] * 100, parts=0.3)
    assert len(values) == 100


def test_a_single_tube_stays():
    assert len(gapped(np.ones((100, 9)), parts=0.9)[0]) == 100
    assert len(gapped(np.ones((100, 9)), [[]] * 100, parts=0.9)[0]) == 100
    plain, shared = (gapped(np.ones((300, 9)), markers=0.3, parts=p)[0] for p in (0, 0.9))
    assert plain.tobytes() == shared.tobytes()


def test_a_tube_that_a_case_does_not_have_is_no_tube_of_it():
    names = ("T1|A|q", "T1|B|q", "T1|C|q", "T2|A|q")
    rows = np.ones((300, 4))
    rows[:, 3] = np.nan
    plain, shared = (gapped(rows, [[]] * 300, names, markers=0.3, parts=p)[0] for p in (0, 0.9))
    assert plain.tobytes() == shared.tobytes()


def test_tubes_that_are_kept_apart_go_whole():
    names = ("T1|A|q", "T1|B|q", "T1|A:B|pairs", "T2|A|q", "T2|C|q", "lab|wbc|result")
    values, _ = gapped(np.ones((200, 6)), [[{"A", "B"}, {"A", "C"}]] * 200, names, parts=0.4)
    lost = {"".join("x" if gone else "." for gone in np.isnan(row)) for row in values[200:]}
    assert lost == {"xxx...", "...xx."}
    values, _ = gapped(np.ones((200, 6)), [[]] * 200, names, markers=0.3)
    lost = {"".join("x" if gone else "." for gone in np.isnan(row)) for row in values[200:]}
    assert "x.xx.." in lost  # a marker goes from every tube


def test_a_map_of_all_markers_can_lose_none():
    values, _ = gapped(np.ones((50, 2)), names=("A:B|som1", "A:B|som2"), markers=0.9)
    assert len(values) == 50


def test_a_case_that_measured_nothing_stays_as_it_is():
    values, source = gapped(np.full((5, 9), np.nan), markers=0.5, parts=0.5)
    assert len(values) == len(source) == 5


def test_no_rows_and_foreign_names():
    values, source = gapped(np.empty((0, 9)), markers=0.5)
    assert values.shape == (0, 9)
    assert source.dtype == np.intp
    values, _ = gapped(np.ones((50, 2)), names=("0", "1"), markers=0.5)
    assert {tuple(np.isnan(r).tolist()) for r in values[50:]} == {(True, False), (False, True)}


TUBES = st.lists(st.sets(st.sampled_from("ABC")), max_size=4)


@settings(deadline=None)
@given(
    st.lists(st.tuples(TUBES, st.lists(st.booleans(), min_size=9, max_size=9)), max_size=6),
    st.floats(0, 0.99), st.floats(0, 0.99), st.integers(0, 2**32),
)  # fmt: skip
def test_copies_are_rows_with_gaps_and_something_left(cases, markers, parts, seed):
    rows = np.arange(9 * len(cases), dtype=np.float32).reshape(-1, 9)
    rows[np.array([known for _, known in cases], dtype=bool).reshape(-1, 9)] = np.nan
    tubes = [of_case for of_case, _ in cases]
    values, source = gapped(rows, tubes, markers=markers, parts=parts, seed=seed)
    again, source_again = gapped(rows, tubes, markers=markers, parts=parts, seed=seed)
    assert values.tobytes() == again.tobytes()
    assert source.tolist() == source_again.tolist()
    n = len(rows)
    assert values[:n].tobytes() == rows.tobytes()
    assert source[:n].tolist() == list(range(n))
    assert len(values) == len(source) <= 2 * n
    assert values.dtype == np.float32
    for copy, origin in zip(values[n:], rows[source[n:]], strict=True):
        kept = ~np.isnan(copy)
        np.testing.assert_array_equal(copy[kept], origin[kept])
        assert np.isnan(copy).sum() > np.isnan(origin).sum()
        assert kept[:8].any()
        np.testing.assert_array_equal(copy[8], origin[8])  # results of other methods stay


@pytest.mark.parametrize("share", [-0.1, 1, 2, math.nan, math.inf])
def test_a_share_that_is_none_is_refused(share):
    for shares in ((share, 0.0), (0.0, share)):
        with pytest.raises(FlowmlError, match="expected a number from 0 to below 1"):
            GapShares(*shares)


# --- the classifier ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return flowml.extract(cohort())


def fitted(table, **how):
    settings = {"n_rounds": 10, "max_depth": 2} | how
    return flowml.LineageClassifier(**settings).fit(table, [labels()[c] for c in table.index])


def test_no_gaps_is_the_model_as_it_was(table):
    assert fitted(table, gap_share=0.0).document_ == fitted(table).document_
    assert "gap_share" not in fitted(table).training_


def test_gaps_are_those_of_the_seed(table):
    models = [fitted(table, gap_share=0.3, random_state=seed).document_ for seed in (1, 1, 2)]
    assert models[0] == models[1] != models[2]
    assert models[0] != fitted(table, random_state=1).document_


def test_gaps_are_on_record_and_cases_are_counted_once(table):
    model = fitted(table, gap_share=0.3).trained()
    assert model.training["gap_share"] == 0.3
    assert model.training["n_cases"] == 12
    assert "- gap_share: `0.3`" in model.card


@pytest.mark.parametrize("share", [-1, 1, math.nan])
def test_the_classifier_refuses_what_is_no_share(table, share):
    with pytest.raises(FlowmlError, match="share of gaps"):
        fitted(table, gap_share=share)


def test_training_with_what_is_no_share_reads_no_case():
    with pytest.raises(FlowmlError, match="share of gaps"):
        train(cohort(), labels(), gap_share=1, progress=pytest.fail)


def test_the_classifier_knows_the_tubes_that_were_read(monkeypatch):
    rows = np.random.default_rng(0).normal(100, 50, (300, 2)).astype(np.float32)
    panels = (["CD3", "CD19"], ["CD3", "CD5"])
    samples = [plain_sample(rows, panel, name=f"{n}.fcs") for n, panel in enumerate(panels)]
    tubes = tuple(Tube(sample.name, sample) for sample in samples)
    frame = flowml.extract([Case(case_id, tubes) for case_id in "ab"])
    seen = []
    monkeypatch.setattr(
        "flowml.models.classifier.with_gaps",
        lambda *given: (seen.append(given[2]), with_gaps(*given))[1],
    )
    flowml.LineageClassifier(n_rounds=2, gap_share=0.3).fit(frame, ["AML", "CLL"])
    assert [[set(tube) for tube in case] for case in seen[0]] == [[*map(set, panels)]] * 2


def test_trees_learn_where_to_send_what_is_missing():
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 2
    rows = truth[:, None] + rng.normal(0, 0.2, (200, 2))
    hole = rows.copy()
    hole[:, 0] = np.nan
    settings = {"n_rounds": 20, "max_depth": 2, "colsample": 1.0, "subsample": 1.0}
    with_holes = flowml.LineageClassifier(**settings, gap_share=0.4).fit(rows, truth)
    assert (with_holes.predict(hole) == truth).mean() > 0.95


def test_a_case_must_have_all_markers_all_the_same(tmp_path):
    training = train(cohort(), labels(), gap_share=0.2)
    training.classifier.save(tmp_path / "m.flowml")
    model = load_model(tmp_path / "m.flowml")
    frame = flowml.extract(cohort())
    frame.loc[:, [name for name in frame if name.startswith("CD5|")]] = np.nan
    found = model.classify(frame)
    assert (found["status"] == "not_classifiable").all()
    assert found["reason"].str.contains("missing: CD5").all()
    assert list(found.columns[: len(RESULT_COLUMNS) - 1]) == list(RESULT_COLUMNS[1:])
