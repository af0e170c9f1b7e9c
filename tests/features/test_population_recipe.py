"""The recipe `populations`: against counts and medians by hand, and what is not sure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import cohort, labels, one_tube, plain_sample, with_events

import flowml
from flowml.errors import FlowmlError, ModelError, PanelError
from flowml.features import FittedRecipe, describe_case, make_recipe
from flowml.features.coverage import Coverage
from flowml.features.names import feature_name
from flowml.features.recipes.populations import COUNTED, PopulationShares
from flowml.features.sheet import Wanted, read_sheet
from flowml.features.table import FeatureTable
from flowml.features.tablefile import write_table
from flowml.gating import Dimension, Gate, Polygon, Range, Strategy
from flowml.gating.gaters import Automatic, gates_as_text
from flowml.gating.learned import NetworkSettings
from flowml.models import load_model, save_model
from flowml.preprocess import display
from flowml.quality import Preparation
from flowml.records import Case, Tube
from flowml.training import TrainingSettings, train

CD3, CD4 = Dimension("CD3"), Dimension("CD4")
DRAWN = Strategy(
    (
        Gate("CD3+", Range(0.75, np.inf), (CD3,)),
        Gate("CD4+", Range(0.7, np.inf), (CD4,), "CD3+"),
        Gate("odd", Polygon([(0.6, 0.6), (0.9, 0.6), (0.8, 0.95)]), (CD3, CD4)),
        Gate("empty", Range(50.0, 60.0), (CD3,)),
        Gate("in empty", Range(0.0, 1.0), (CD4,), "empty"),
    )
)
WITH_ALL = {"gates": DRAWN, "reference": "CD3+", "absolute": True}
BIN = 0.0005  # of fine histograms
QUICK = TrainingSettings(estimator="blend", confidence=0.5)


def sample(n_events=3000, seed=1, **changes):
    values = np.random.default_rng(seed).lognormal(4.5, 1.2, (n_events, 2))
    return plain_sample(values.astype(np.float32), ["CD3", "CD4"], **changes)


def features(case, recipe="populations", how=None, **options):
    """Return the features of a case by name."""
    fitted = make_recipe(recipe, **options).fit([case])
    found = describe_case(case, fitted, how or Preparation("none"))
    names = fitted.get_feature_names_out(found.groups)
    return dict(zip(names, found.values.tolist(), strict=True))


def test_shares_are_those_of_the_masks():
    tube = sample()
    found = features(one_tube(tube), **WITH_ALL)
    masks = flowml.gate(tube, DRAWN)
    t_cells, helper, odd = (masks[name] for name in ("CD3+", "CD4+", "odd"))
    assert found["/CD4+|of_parent"] == pytest.approx(helper.sum() / t_cells.sum())
    assert found["/CD4+|of_all"] == pytest.approx(helper.mean())
    assert found["/odd|of_parent"] == found["/odd|of_all"] == pytest.approx(odd.mean())
    assert found["/odd|of_CD3+"] == pytest.approx((odd & t_cells).sum() / t_cells.sum())
    assert found["/CD4+|events"] == helper.sum()
    assert found["/empty|of_all"] == found["/empty|events"] == 0
    assert np.isnan(found["/in empty|of_parent"])


def test_medians_are_those_of_the_display_scale():
    tube = sample()
    found = features(one_tube(tube), **WITH_ALL)
    shown = display(tube).linear
    for name in ("CD3+", "CD4+", "odd"):
        mask = flowml.gate(tube, DRAWN)[name]
        for column, marker in enumerate(("CD3", "CD4")):
            low, middle, high = np.percentile(shown[mask, column], (15.87, 50, 84.13))
            own = feature_name("", (marker, f"/{name}"), "median")
            assert found[own] == pytest.approx(middle, abs=4 * BIN)
            assert found[own.replace("median", "spread")] == pytest.approx(
                (high - low) / 2, abs=4 * BIN
            )
    assert np.isnan(found["CD3:/empty|median"])


def test_of_fewer_than_ten_events_no_median_is_told():
    values = np.full((20, 2), 5.0, np.float32)
    values[:9, 0] = 600
    few = features(one_tube(plain_sample(values, ["CD3", "CD4"])), **WITH_ALL)
    values[9, 0] = 600
    enough = features(one_tube(plain_sample(values, ["CD3", "CD4"])), **WITH_ALL)
    assert np.isnan(few["CD3:/CD3+|median"])
    assert enough["CD3:/CD3+|median"] > 0.5
    assert few["/CD3+|of_all"] == pytest.approx(0.45)


def test_the_order_of_events_does_not_matter():
    tube = sample()
    turned = with_events(tube, tube.events()[::-1])
    one, other = (features(one_tube(each), **WITH_ALL) for each in (tube, turned))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[k], other[k], equal_nan=True) for k in one)


def test_two_tubes_count_as_one():
    first, second = sample(1000, 1, name="1.fcs"), sample(2000, 2, name="2.fcs")
    both = with_events(first, np.concatenate([first.events(), second.events()]))
    case = Case("case", (Tube("1.fcs", first), Tube("2.fcs", second)))
    pooled, whole = features(case, **WITH_ALL), features(one_tube(both), **WITH_ALL)
    assert all(np.array_equal(pooled[k], whole[k], equal_nan=True) for k in whole)
    apart = features(case, by_tube=True, **WITH_ALL)
    assert len(apart) == len(pooled)  # tubes of one panel have one name
    assert all(name.startswith("CD3 CD4|") for name in apart)


def test_a_tube_without_the_channels_of_the_gates_tells_nothing_of_them():
    other = plain_sample(np.ones((500, 2), np.float32), ["CD3", "CD8"], name="2.fcs")
    case = Case("case", (Tube("1.fcs", sample(name="1.fcs")), Tube("2.fcs", other)))
    found = features(case, "ecdf+populations", bins=4, **WITH_ALL)
    alone = features(one_tube(sample()), **WITH_ALL)
    assert all(np.array_equal(found[k], alone[k], equal_nan=True) for k in alone)
    fitted = make_recipe("ecdf+populations", gates=DRAWN).fit([case])
    noticed = describe_case(case, fitted, Preparation("none")).findings
    assert [f.code for f in noticed if "2.fcs" in f.message] == ["GATE-NO-CHANNEL"]


def test_of_what_is_not_sure_nothing_is_told():
    for case in cohort()[:6]:
        gated = flowml.auto_gate(case.tubes[0].origin)
        found = features(case, how=Preparation())
        for name in gated.masks:
            own = [found[k] for k in found if k.startswith(f"/{name}|") or f":/{name}|" in k]
            assert own
            if not gated.is_sure(name):
                assert np.isnan(own).all()
        assert found["/T cells|of_all"] == pytest.approx(gated.masks["T cells"].mean())
    noticed = {f.code for f in describe_case(case, make_recipe("populations").fit([])).findings}
    assert "FEATURES-UNSURE" in noticed


@pytest.mark.parametrize(
    ("volume", "expected"),
    [("2000", 0.5), (" 500.5 ", 1 / 0.5005)]
    + [(text, np.nan) for text in ("", "many", "-3", "inf", "nan", "0")],
)
def test_cells_in_a_microlitre_are_told_where_the_file_has_the_volume(volume, expected):
    tube = replace(sample(), keywords={"$VOL": volume} if volume else {})
    found = features(one_tube(tube), **WITH_ALL)
    events = found["/CD3+|events"]
    told = found["/CD3+|per_microlitre"]
    assert told == pytest.approx(expected * events, rel=1e-6, nan_ok=True)


def test_where_events_were_left_out_no_volume_is_told():
    tube = replace(cohort()[0].tubes[0].origin, keywords={"$VOL": "1000"})
    whole = features(one_tube(tube), how=Preparation(), absolute=True)
    masked = features(one_tube(tube), how=Preparation(quality="mask"), absolute=True)
    assert whole["/cells|per_microlitre"] == whole["/cells|events"]
    assert np.isnan(masked["/cells|per_microlitre"])


def test_counts_are_not_told_unless_they_are_wanted():
    found = features(one_tube(sample()), gates=DRAWN)
    assert not [name for name in found if "events" in name or "microlitre" in name]


def test_zeros_are_what_is_not_known():
    part = PopulationShares(gates_as_text(Automatic()), "cells", absolute=True)
    assert np.isnan(part.values(np.zeros((1, len(COUNTED)), np.int64))).all()


def test_a_recipe_brings_its_gates_along():
    fitted = make_recipe("ecdf+populations", **WITH_ALL).fit([])
    again = FittedRecipe.from_dict(fitted.to_dict())
    assert again == fitted
    assert again.sha256 == fitted.sha256
    case = one_tube(sample())
    one, other = (describe_case(case, r, Preparation("none")) for r in (fitted, again))
    assert one.values.tobytes() == other.values.tobytes()


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        (0, {"gates": "{}"}), (0, {"gates": 3}), (0, {"reference": 3}),
        (0, {"absolute": "yes"}), (0, {"reference": "parent"}), (0, {"reference": "CD8"}),
        (0, {"part": "ecdf", "bins": 3}),
        (1, {"part": "moments"}),
    ],
)  # fmt: skip
def test_damaged_parts_are_refused(part, changes):
    plain = make_recipe("populations", **WITH_ALL).fit([]).to_dict()
    plain["parts"][part] |= changes
    with pytest.raises(FlowmlError):
        FittedRecipe.from_dict(plain)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reference": "CD8"}, "no population 'CD8'"),
        ({"reference": " parent"}, "cannot be told apart"),
        ({"reference": " "}, "cannot be told apart"),
        ({"gates": "auto", "reference": "lymphocites"}, "Nearest: lymphocytes"),
        ({"reference": "all"}, "cannot be told apart"),
        ({"gates": "nowhere.toml"}, "could not be read|could not read|nowhere"),
        ({"absolute": "yes"}, "true or false"),
    ],
)
def test_what_cannot_be_is_refused_when_the_recipe_is_made(options, says):
    with pytest.raises(FlowmlError, match=says):
        make_recipe("populations", **{"gates": DRAWN, **options})


def test_populations_that_would_have_one_name_are_refused():
    gates = (Gate("a|b", Range(0, 1), (CD3,)), Gate("a/b", Range(0, 1), (CD3,)))
    with pytest.raises(FlowmlError, match="one name as features"):
        make_recipe("populations", gates=Strategy(gates))


def test_more_populations_than_memory_holds_are_refused():
    gates = tuple(Gate(f"G{n}", Range(0, 1), (CD3,)) for n in range(251))
    with pytest.raises(FlowmlError, match="251 populations"):
        make_recipe("populations", gates=Strategy(gates))


def learned(classes=("B cells", "T cells")):
    """Return a classifier of events that knows two classes by CD19 and CD3."""
    tubes = [case.tubes[0].origin for case in cohort()[:4]]
    labels_ = []
    for tube in tubes:
        b_cells, t_cells = (tube.events()[:, tube.column(name)] for name in ("CD19", "CD3"))
        own = np.where(t_cells > 3000, classes[1], "artefact")
        labels_.append(np.where(b_cells > 2000, classes[0], own))
    settings = NetworkSettings(n_passes=2)
    return flowml.EventClassifier(settings=settings).fit(tubes, labels_)


def test_lineages_that_would_have_one_name_are_refused():
    with pytest.raises(FlowmlError, match="one name as features"):
        make_recipe("populations", gates=learned(("B|1", "B/1")))


def test_shares_of_what_a_classifier_does_not_know_are_refused():
    with pytest.raises(FlowmlError, match="Nearest: B cells"):
        make_recipe("populations", gates=learned(), reference="B cell")


def test_events_far_from_those_of_training_are_told():
    tube = cohort()[0].tubes[0].origin
    far = one_tube(with_events(tube, tube.events() * np.float32(1000)))
    fitted = make_recipe("ecdf+populations", gates=learned(), bins=4).fit([])
    found = {f.code: f.severity.name for f in describe_case(far, fitted).findings}
    assert found["EVENTS-FAR"] == "REVIEW"
    assert found["FEATURES-UNSURE"] == "INFO"


def test_a_name_with_blanks_is_the_same_in_a_table_that_was_trained_on(tmp_path):
    gates = Strategy((Gate(" B; all ", Range(0.3, np.inf), (Dimension("CD19"),)),))
    table = flowml.extract(
        cohort(), make_recipe("populations", gates=gates, reference=" B; all ")
    )
    assert "/ B; all |of_B; all" in table
    whole = FeatureTable.from_frame(table)
    for ending in ("csv", "parquet"):
        write_table(whole, tmp_path / f"t.{ending}")
        sheet = read_sheet(tmp_path / f"t.{ending}", Wanted("case_id", ("case_id",), None))
        assert sheet.features.names == whole.names
        assert np.array_equal(sheet.features.values, whole.values, equal_nan=True)


def test_stand_ins_and_optional_markers_are_refused_beside_populations():
    fitted = make_recipe("populations", gates=DRAWN).fit([])
    with pytest.raises(FlowmlError, match="no stand-ins"):
        replace(fitted, stand_ins=(("CD4", "CD8"),))
    table = flowml.extract(cohort(), "populations")
    classifier = replace(QUICK, optional="auto").classifier()
    with pytest.raises(ModelError, match="none can be optional"):
        classifier.fit(table, [labels()[case_id] for case_id in table.index])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"optional": "auto"}, "none can be optional"),
        ({"stand_ins": (("CD4", "CD8"),)}, "no stand-ins"),
    ],
)
def test_what_cannot_be_beside_populations_is_refused_before_a_case_is_read(changes, says):
    cases = [Case(case_id, (Tube("a.fcs", Path("nowhere")),)) for case_id in ("a", "b")]
    entities = {"a": "CLL", "b": "AML"}
    with pytest.raises(FlowmlError, match=says):
        train(cases, entities, "ecdf+populations", settings=replace(QUICK, **changes))


def test_names_of_populations_are_no_markers():
    coverage = Coverage(
        ["CD3|ecdf1", "/B|of_all", "CD3:/B|median", "CD4:/B|median", "x|y|result"]
    )
    assert coverage.markers == coverage.keys == ["CD3", "CD4"]
    assert coverage.populations == ["B"]
    assert coverage.units == ["CD3", "CD4"]
    blank = np.array([False, True, True, True, False])
    assert coverage.lacking(blank) == (["CD4"], [])
    assert coverage.unsure(blank) == ["B"]
    blank[1] = False
    assert coverage.unsure(blank) == []


def test_a_column_of_another_origin_is_no_population():
    assert Coverage(["/home", "age"]).populations == []


@pytest.fixture(scope="module")
def trained():
    return train(cohort(), labels(), "populations", settings=QUICK)


def test_a_model_of_populations_answers_the_same_from_its_file(trained, tmp_path):
    model = trained.classifier.trained()
    save_model(model, tmp_path / "m.flowml")
    again = load_model(tmp_path / "m.flowml")
    one, other = (flowml.classify(cohort()[:4], each) for each in (model, again))
    assert [p.probabilities for p in one.predictions] == [
        p.probabilities for p in other.predictions
    ]
    assert "told anything: " in again.card
    assert "/cells" not in again.card.partition("## Scope")[0]


def test_populations_that_few_training_cases_tell_of_are_left_out(trained):
    assert "debris" in trained.left_out_markers
    assert not [n for n in trained.classifier.trained().feature_names if "/debris" in n]
    shares = trained.classifier.training_["populations"]
    assert min(shares.values()) >= 0.5
    assert max(shares.values()) == 1


def asked(trained, gone):
    """Return the answer for a case that tells nothing of some populations."""
    frame = flowml.extract(cohort()[:1], trained.classifier.recipe_)
    lost = [name for name in frame if any(f"/{each}|" in name for each in gone)]
    frame[lost] = np.nan
    table = FeatureTable.from_frame(frame)
    return trained.classifier.trained().predictions(table)[0]


def test_what_a_case_does_not_tell_of_is_said(trained):
    shares = trained.classifier.training_["populations"]
    always = next(name for name, share in shares.items() if share == 1)
    found = [f for f in asked(trained, [always]).findings if f.code == "MODEL-UNSURE"]
    assert len(found) == 1
    assert found[0].severity.name == "REVIEW"
    assert f"{always} (100%)" in found[0].message


def test_a_case_that_tells_of_no_population_is_not_classifiable(trained):
    answer = asked(trained, list(trained.classifier.training_["populations"]))
    assert answer.decision == "review"
    assert "are not sure, and nothing else tells of" in answer.reason


WIDE = Strategy((Gate("B\n## `x`", Range(0.1, np.inf), (Dimension("CD19"),)),))


@pytest.fixture(scope="module")
def of_one_gate():
    return train(cohort(), labels(), make_recipe("populations", gates=WIDE), settings=QUICK)


def test_a_case_of_few_events_in_all_gates_lacks_no_marker(of_one_gate):
    tube = cohort()[0].tubes[0].origin
    few = tube.events()[flowml.gate(tube, WIDE)[WIDE.gates[0].name]][:9]
    case = one_tube(with_events(tube, few))
    answer = flowml.classify([case], of_one_gate.classifier.trained()).predictions[0]
    said = "fewer than 10 events with a value are in B?## `x`, and nothing else tells of"
    assert said in answer.reason
    assert "missing" not in answer.reason
    assert "not sure" not in answer.reason


def test_names_of_populations_cannot_write_in_the_model_card(of_one_gate):
    card = of_one_gate.classifier.trained().card
    assert "told anything: `B?## 'x'` (100%)." in card
    assert "\n## `x`" not in card


def test_gates_in_which_too_few_events_are_cannot_be_trained_on():
    rare = Strategy((Gate("rare", Range(0.999, np.inf), (Dimension("CD19"),)),))
    with pytest.raises(PanelError, match="Draw wider gates"):
        train(cohort(), labels(), make_recipe("populations", gates=rare), settings=QUICK)


def test_a_case_whose_tubes_cannot_be_gated_says_so(of_one_gate):
    tube = plain_sample(np.ones((200, 2), np.float32), ["CD3", "CD4"])
    answer = flowml.classify([one_tube(tube)], of_one_gate.classifier.trained()).predictions[0]
    assert "none of its tubes has all channels of the gates" in answer.reason


@pytest.mark.parametrize(
    ("record", "gates", "says"),
    [
        ({}, WIDE, "other populations than its training summary"),
        ({"B\n## `x`": -0.1}, WIDE, "not one that flowml wrote"),
        ({"B\n## `x`": 1.0, "C": 1.0}, WIDE, "other populations than its training summary"),
        (None, Automatic(), "no gate of its recipe finds"),
    ],
)
def test_a_model_of_other_populations_than_its_gates_find_is_refused(
    of_one_gate, tmp_path, record, gates, says
):
    model = of_one_gate.classifier.trained()
    training = model.training if record is None else {**model.training, "populations": record}
    recipe = make_recipe("populations", gates=gates).fit([])
    save_model(replace(model, training=training, recipe=recipe), tmp_path / "m.flowml")
    with pytest.raises(ModelError, match=says):
        load_model(tmp_path / "m.flowml")


def test_a_case_without_a_marker_lacks_the_marker_and_no_population(trained):
    sample = cohort()[0].tubes[0].origin
    channels = tuple(
        replace(c, marker="", label="") if c.marker == "CD19" else c for c in sample.channels
    )
    case = one_tube(replace(sample, channels=channels))
    answer = flowml.classify([case], trained.classifier.trained()).predictions[0]
    assert "markers are missing: CD19" in answer.reason


def test_a_case_where_nothing_is_sure_cannot_be_used():
    noise = sample(400)
    with pytest.raises(PanelError, match="population whose gate is sure"):
        train([one_tube(noise, "a"), one_tube(noise, "b")], {"a": "CLL", "b": "AML"},
              "populations", settings=QUICK)  # fmt: skip
