"""What goes wrong on request: each accident does what it says, and nothing else."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from flowml.errors import FlowmlError
from flowml.fcs import read_fcs
from flowml.knowledge.biology import load_biology
from flowml.knowledge.panels import load_panel
from flowml.simulator import ACCIDENTS, simulate, write_cohort
from flowml.simulator.accidents import (
    AGED_GLOW,
    AGED_LOSS,
    GRANULOCYTES,
    SEVERITIES,
    Accidents,
)
from flowml.simulator.formats import FORMATS
from flowml.simulator.plan import TubePlan
from flowml.simulator.truth import plan_of
from tests.simulator.drawing import tube_of

N = 8
PANELS = ("cll-9f", "lst")  # three tubes, and one
UNCHANGED = {"missing marker", "relabelled detector", "wrong spillover", "aged sample",
             "truncated file", "empty tube"}  # fmt: skip  # of the patient


def cohort(kind=None, panel="cll-9f", cases=N, events=400, seed=11, **how):
    asked = {} if kind is None else {"accidents": 1.0, "accident_kinds": [kind]}
    return list(simulate(panel, cases=cases, events=events, seed=seed, **(asked | how)))


def pairs(kind, panel="cll-9f", **how):
    """Return cases as they are, and after the accident."""
    return list(zip(cohort(panel=panel, **how), cohort(kind, panel, **how), strict=True))


def same(one, other):
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return one is other or one == other


def run_of(plan):
    run = plan.run
    return {
        "gain": run.gain, "scatter_gain": run.scatter_gain, "spilled": run.spilled,
        "written": run.spillover.matrix, "rate": run.events_per_second,
    }  # fmt: skip


def changed(before, after):
    """Return what is different about a tube."""
    one, other = plan_of(before.origin), plan_of(after.origin)
    names = [field.name for field in fields(TubePlan) if field.name != "run"]
    found = {name for name in names if not same(getattr(one, name), getattr(other, name))}
    runs = run_of(one), run_of(other)
    found |= {name for name in runs[0] if not same(runs[0][name], runs[1][name])}
    if before.origin.channels != after.origin.channels:
        found.add("channels")
    if before.origin.keywords != after.origin.keywords:
        found.add("keywords")
    if (before.name, before.label) != (after.name, after.label):
        found.add("name")
    return found


def changes(one, other):
    """Return what is different about each tube of two cases with the same tubes."""
    return [changed(*tubes) for tubes in zip(one.tubes, other.tubes, strict=True)]


def told(one, other):
    """Return the details that differ."""
    return {key for key in one.details if one.details[key] != other.details[key]}


# --- how often, and which ----------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_accidents_befall_their_share_of_the_cases(share):
    found = cohort(panel="screening", cases=80, events=1, accidents=share)
    hit = np.mean([case.details["accident"] != "" for case in found])
    assert hit == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 80))


def test_every_kind_is_as_likely_as_the_others():
    found = cohort(cases=120, events=1, accidents=1.0, entities="normal", panel="alot")
    counts = Counter(case.details["accident"] for case in found)
    assert set(counts) == set(ACCIDENTS)
    assert min(counts.values()) > 2  # of 12
    assert max(counts.values()) < 28


def test_cases_that_nothing_befalls_are_as_they_would_be():
    for one, other in zip(cohort(), cohort(accidents=0.4), strict=True):
        if not other.details["accident"]:
            assert one.details == other.details
            assert changes(one, other) == [set()] * 3
            for before, after in zip(one.tubes, other.tubes, strict=True):
                assert before.origin.events().tobytes() == after.origin.events().tobytes()


def test_accidents_happen_alike_for_the_same_seed():
    for one, other in zip(cohort(accidents=0.9), cohort(accidents=0.9), strict=True):
        assert one.details == other.details
        assert [len(case.tubes) for case in (one, other)] == [len(one.tubes)] * 2
        assert changes(one, other) == [set()] * len(one.tubes)


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("kind", ACCIDENTS)
def test_the_details_name_the_accident_and_keep_the_rest(kind, panel):
    for one, other in pairs(kind, panel, cases=4):
        assert other.details["accident"] == kind
        assert (other.details["severity"] in SEVERITIES) == (kind == "wrong spillover")
        if kind in UNCHANGED:
            assert told(one, other) <= {"accident", "severity"}
        assert one.case_id == other.case_id


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("kind", sorted(set(ACCIDENTS) - {"truncated file"}))
def test_files_after_an_accident_hold_what_memory_holds(tmp_path, kind, panel):
    cases = cohort(kind, panel, cases=2)
    files = iter(write_cohort(cases, tmp_path))
    for case in cases:
        for tube in case.tubes:
            disk = read_fcs(next(files))
            assert disk.events().tobytes() == tube.origin.events().tobytes()
            assert disk.channels == tube.origin.channels
            assert np.array_equal(disk.spillover.matrix, tube.origin.spillover.matrix)


# --- one by one --------------------------------------------------------------------------


def test_a_tube_is_lost():
    lost = set()
    for one, other in pairs("lost tube"):
        labels = [tube.label for tube in one.tubes]
        kept = [tube.label for tube in other.tubes]
        (gone,) = set(labels) - set(kept)
        lost.add(gone)
        assert kept == [label for label in labels if label != gone]
        for tube in other.tubes:
            assert changed(one.tubes[labels.index(tube.label)], tube) == set()
    assert lost == {"1", "2", "3"}


@pytest.mark.parametrize(("kind", "panel"), [("lost tube", "lst"), ("empty tube", "cll-9f")])
def test_a_tube_is_empty(kind, panel):
    for one, other in pairs(kind, panel):
        found = changes(one, other)
        assert sorted(map(len, found)) == [0] * (len(found) - 1) + [1]
        assert {"n_events"} in found
        assert sum(tube.origin.n_events == 0 for tube in other.tubes) == 1


def test_two_tubes_are_swapped():
    for one, other in pairs("swapped tubes"):
        before = {tube.label: tube.origin.markers for tube in one.tubes}
        assert [tube.label for tube in other.tubes] == list(before)
        moved = [tube for tube in other.tubes if tube.origin.markers != before[tube.label]]
        assert len(moved) == 2
        assert moved[0].origin.markers == before[moved[1].label]
        assert moved[1].origin.markers == before[moved[0].label]
        for tube in moved:
            assert tube.name == f"{other.case_id}/{other.case_id}_{tube.label}.lmd"
        seeds = sorted(plan_of(tube.origin).seed for tube in one.tubes)
        assert sorted(plan_of(tube.origin).seed for tube in other.tubes) == seeds


@pytest.mark.parametrize(
    ("kind", "panel"), [("foreign tube", "cll-9f"), ("swapped tubes", "lst")]
)
def test_a_tube_is_another_patients(kind, panel):
    for one, other in pairs(kind, panel):
        found = changes(one, other)
        assert found.count(set()) == len(found) - 1
        (there,) = [place for place, what in enumerate(found) if what]
        assert {"path", "scatter", "weights", "seed"} <= found[there]
        of_the_patient = {
            "names", "chains", "neoplastic", "weights", "path", "spread", "cells", "scatter",
            "scatter_spread", "size_to_ssc", "together", "autofluorescence", "seed", "doublets",
        }  # fmt: skip
        assert found[there] <= of_the_patient  # same tube, instrument, run and label
        assert told(one, other) == {"accident"}


def test_an_antibody_is_missing():
    for one, other in pairs("missing marker"):
        (what,) = [what for what in changes(one, other) if what]
        assert what == {"path", "channels"}
        (place,) = [n for n, what in enumerate(changes(one, other)) if what]
        before, after = one.tubes[place].origin, other.tubes[place].origin
        (column,) = [
            n for n in range(len(before.channels)) if before.channels[n] != after.channels[n]
        ]
        assert before.markers[column]
        assert after.channels[column].marker == after.channels[column].label == ""
        assert after.channels[column].name == before.channels[column].name
        plan = plan_of(after)
        antigen = column - 3
        assert (plan.path[:, :, antigen] == plan.negative[antigen]).all()
        others = np.arange(plan.negative.size) != antigen
        assert np.array_equal(plan.path[..., others], plan_of(before).path[..., others])


def test_a_missing_dye_takes_both_of_its_markers_along():
    for one, other in pairs("missing marker", "lst"):
        plan, before = plan_of(other.tubes[0].origin), plan_of(one.tubes[0].origin)
        moved = (plan.path != before.path).any(axis=(0, 1))
        (missing,) = [
            stain.markers
            for stain, channel in zip(
                load_panel("lst").tubes[0].stains,
                other.tubes[0].origin.channels[3:-1],
                strict=True,
            )
            if not channel.marker
        ]
        assert moved.sum() == len(missing)


def test_two_detectors_change_their_labels():
    for one, other in pairs("relabelled detector"):
        (place,) = [n for n, what in enumerate(changes(one, other)) if what]
        assert changes(one, other)[place] == {"channels"}
        before, after = one.tubes[place].origin, other.tubes[place].origin
        moved = [n for n in range(len(before.markers)) if before.markers[n] != after.markers[n]]
        assert len(moved) == 2
        assert [after.markers[n] for n in moved] == [before.markers[n] for n in moved[::-1]]
        assert before.channel_names == after.channel_names
        assert before.events().tobytes() == after.events().tobytes()


@pytest.mark.parametrize(
    ("panel", "model"), [("cll-9f", "navios"), ("cll-9f", "cytoflex"), ("lst", "canto")]
)
def test_the_written_matrix_is_wrong_by_its_grade(panel, model):
    factors = {}
    form = FORMATS[model]
    for one, other in pairs("wrong spillover", panel, instruments=[model], cases=14, events=1):
        assert changes(one, other) == [{"written"}] * len(one.tubes)
        for before, after in zip(one.tubes, other.tubes, strict=True):
            right, wrong = before.origin.spillover.matrix, after.origin.spillover.matrix
            assert (np.diag(wrong) == 1).all()
            assert (wrong >= 0).all()
            assert np.array_equal(form.rounded(wrong), wrong)  # as the file holds it
            large = (right > 0.05) & (right < 1)
            factor = np.median(wrong[large] / right[large])
            np.testing.assert_allclose(
                wrong[large], factor * right[large], atol=0.002 + 0.002 * factor
            )
            factors.setdefault(other.details["severity"], []).append(abs(factor - 1))
            assert np.linalg.cond(wrong) < 1000
    assert set(factors) == set(SEVERITIES)
    for grade, found in factors.items():
        assert 0.79 * SEVERITIES[grade] < min(found)
        assert max(found) < 1.01 * SEVERITIES[grade]


def test_a_sample_is_aged():
    for one, other in pairs("aged sample"):
        what = {"weights", "path", "scatter", "autofluorescence"}
        assert changes(one, other) == [what] * 3
        for before, after in zip(one.tubes, other.tubes, strict=True):
            young, old = plan_of(before.origin), plan_of(after.origin)
            assert young.weights[-1] * 1.99 < old.weights[-1] <= 0.6
            assert old.weights.sum() == pytest.approx(1)
            ratio = old.weights[:-1] / young.weights[:-1]
            np.testing.assert_allclose(ratio, ratio[0])
            np.testing.assert_allclose(
                old.autofluorescence, young.autofluorescence * AGED_GLOW, rtol=1e-5
            )
            dying = np.isin(young.names, GRANULOCYTES)
            assert 0 < dying.sum() < len(dying)
            np.testing.assert_allclose(
                young.path[dying] - old.path[dying], AGED_LOSS, atol=1e-5
            )
            assert np.array_equal(young.path[~dying], old.path[~dying])
            assert np.array_equal(young.scatter[~dying], old.scatter[~dying])
            assert (old.scatter[dying] < young.scatter[dying]).all()


def test_a_truncated_file_is_whole_in_memory():
    for one, other in pairs("truncated file", cases=3):
        assert changes(one, other) == [set()] * 3


def test_the_disease_is_none_that_the_panel_knows():
    seen = set()
    for one, other in pairs("unseen entity"):
        entity = other.details["entity"]
        seen.add(entity)
        assert load_biology().diseases[entity].outside
        assert entity not in load_panel("cll-9f").entities
        assert other.details["scored_as"] == entity
        plans = [plan_of(tube.origin) for tube in other.tubes]
        assert all(plan.names == plans[0].names for plan in plans)  # one patient in all tubes
        for before, after in zip(one.tubes, other.tubes, strict=True):
            assert {"name", "channels", "keywords", "gain", "n_events"}.isdisjoint(
                changed(before, after)
            )
        assert told(one, other) >= {"entity", "variant", "accident"}
        assert one.details["date"] == other.details["date"]
    assert len(seen) > 1


# --- edges -------------------------------------------------------------------------------


def test_a_tube_of_one_dye_can_suffer_every_accident(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        'format = 1\nname = "small"\ntitle = "one dye"\ncytometers = ["canto"]\n'
        'entities = ["normal", "CLL"]\nsource = "a test"\n'
        '[[tube]]\nname = "1"\ntitle = "1"\n[tube.stains]\nPE = "CD19"\n',
        encoding="utf-8",
    )
    for kind in ACCIDENTS:
        for case in cohort(kind, path, cases=2):
            (tube,) = case.tubes
            assert tube.origin.events().shape == (
                0 if kind in {"lost tube", "empty tube"} else 400,
                5,
            )
    assert len(tube_of(PE="CD19").stains) == 1


@pytest.mark.parametrize(
    ("share", "kinds", "message"),
    [
        (1.1, ("lost tube",), "from 0 to 1"),
        (-0.1, ("lost tube",), "from 0 to 1"),
        (float("nan"), ("lost tube",), "is nan"),
        (0.5, (), "none was named. Choose from lost tube"),
        (0.5, ("lost tubes",), "unknown accident 'lost tubes'; nearest: lost tube"),
        (0.0, ("x\x1b[31m",), r"unknown accident 'x\?\[31m'"),
    ],
)
def test_accidents_that_cannot_be(share, kinds, message):
    with pytest.raises(FlowmlError, match=message):
        Accidents(share, kinds)
