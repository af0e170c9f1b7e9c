"""What was stained with what, on which instrument: told by files, kept by tables."""

from dataclasses import replace

import numpy as np
import pytest
from small import one_tube, plain_sample

import flowml
from flowml.checking import check_cases
from flowml.events import ArraySource
from flowml.features import FeatureTable, describe_case, make_recipe, read_table, write_table
from flowml.features.stained import instrument_of, stained_tube
from flowml.knowledge.marker_names import MarkerNames
from flowml.knowledge.markers import name_channels
from flowml.knowledge.panels import load_panel
from flowml.knowledge.recognition import recognize
from flowml.knowledge.shapes import shape_of
from flowml.quality import Preparation
from flowml.reading import extract_table
from flowml.records import Case, Channel, Role, Sample, Tube
from flowml.simulator import write_cohort

EVENTS = np.random.default_rng(8).uniform(1, 900, (300, 8)).astype(np.float32)


def sample_with(*names, own=None, **more):
    """Return a sample whose channels are understood as a reader understands them."""
    channels = tuple(
        Channel(name, label, meaning.marker, meaning.role, meaning.pulse, 1024.0)
        for (name, label), meaning in zip(names, name_channels(names, own), strict=True)
    )
    return Sample("a.fcs", channels, ArraySource(EVENTS[:, : len(channels)]), **more)


def stained(*names, own=None):
    sample = sample_with(*names, own=own)
    return stained_tube("c", Tube("c/c_1.fcs", sample), sample, own)


def test_of_area_height_and_width_the_area_counts():
    several = (
        Channel("PE-H", "CD5", "CD5", Role.FLUORESCENCE, "H"),
        Channel("PE-A", "CD5", "CD5", Role.FLUORESCENCE, "A"),
        Channel("PE-W", "CD5", "CD5", Role.FLUORESCENCE, "W"),
        Channel("APC-A", "", "", Role.FLUORESCENCE, "A"),
        Channel("APC-H", "", "", Role.FLUORESCENCE, "H"),
        Channel("FITC-H", "CD3", "CD3", Role.FLUORESCENCE, "H"),
        Channel("SSC-A", "", "SSC-A", Role.SIDE_SCATTER, "A"),
        Channel("V-A", "CD8+lambda", "lambda+CD8", Role.FLUORESCENCE, "A"),
    )
    sample = replace(sample_with(("FL1", "CD5")), channels=several)
    found = stained_tube("c", Tube("c/c_1.fcs", sample), sample)
    assert found.stains == {"CD5": "PE-A", "CD3": "FITC-H", "CD8+lambda": "V-A"}
    assert found.dyes == {"CD5": "PE", "CD3": "FITC"}
    assert (found.unlabelled, found.label) == (("APC-A",), "1")


@pytest.mark.parametrize(
    ("name", "label", "dye"),
    [
        ("FL5-A", "CD19-PE-Cy7", "PE-Cy7"),
        ("PE-A", "CD19", "PE"),
        ("APC-A", "CD19 PE/Cyanine7", "PE-Cy7"),  # the dye beside the marker goes before
        ("PerCP-Cy5-5-A", "CD19", "PerCP-Cy5.5"),
        ("FL1-A", "CD19 BV421 PB450-A", "BV421"),
        ("FL5-A", "CD19", None),
        ("V450-A", "CD19", None),  # a laser and a band are no dye
    ],
)
def test_the_dye_is_that_of_the_label_or_of_the_detector(name, label, dye):
    found = stained((name, label))
    assert (found.stains, found.dyes.get("CD19")) == ({"CD19": name}, dye)


def test_the_dye_beside_a_laboratorys_own_name_is_found():
    own = MarkerNames((("ourmarker", "CD19"),))
    found = stained(("FL5-A", "ourmarker PC7"), own=own)
    assert (found.stains, found.dyes) == ({"CD19": "FL5-A"}, {"CD19": "PC7"})


def test_a_composite_marker_is_one_stain():
    found = stained(("FL1-A", "lambda+CD8 FITC"))
    assert (found.stains, found.dyes) == ({"CD8+lambda": "FL1-A"}, {"CD8+lambda": "FITC"})


@pytest.mark.parametrize(
    ("keywords", "details", "expected"),
    [
        ({"$CYT": "Navios", "$CYTSN": "12345"}, {}, "Navios 12345"),
        ({"$CYT": " Navios\t "}, {}, "Navios"),
        ({"$CYTSN": "12345"}, {}, "12345"),
        ({}, {}, ""),
        ({"$CYT": "Navios", "$CYTSN": "1"}, {"instrument": "our  second"}, "our second"),
        ({"$CYT": "Navios"}, {"instrument": " "}, "Navios"),
        ({"$CYT": "a\x1b[31mb"}, {}, "a?[31mb"),
        ({"$CYT": "x" * 200}, {}, "x" * 79 + "…"),
    ],
)
def test_the_instrument_is_the_manifests_or_the_files(keywords, details, expected):
    assert instrument_of(Tube("a", "a", details=details), keywords) == expected


def test_a_tube_tells_all_markers_whatever_the_recipe_counts():
    sample = sample_with(
        ("FL1-A", "CD3-FITC"), ("FL2-A", "CD19-PE"), ("FL3-A", ""), ("SSC-A", ""),
        keywords={"$CYT": "Navios", "$CYTSN": "7"},
    )  # fmt: skip
    recipe = make_recipe("ecdf", markers=["CD3"]).fit(())
    case = Case("A17", (Tube("A17/A17_B1.fcs", sample),))
    (read,) = describe_case(case, recipe, Preparation("none")).tubes
    assert list(read.tops) == ["CD3"]
    assert read.detectors == {"CD3": "FL1-A", "CD19": "FL2-A"}
    assert read.dyes == {"CD3": "FITC", "CD19": "PE"}
    assert (read.unlabelled, read.label, read.instrument) == (("FL3-A",), "b1", "Navios 7")


def test_of_a_tube_that_cannot_be_read_label_and_instrument_are_told():
    bad = plain_sample(EVENTS[:, :1], [""])
    tube = Tube("a.fcs", bad, "First", {"instrument": "navios-2"})
    case = describe_case(Case("a", (tube,)), make_recipe("ecdf").fit(()))
    (read,) = case.tubes
    assert case.problem
    assert (read.label, read.instrument, read.stained) == ("first", "navios-2", None)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("laboratory")
    cohort = flowml.simulate("cll-9f", cases=8, events=300, seed=12, instruments=2)
    write_cohort(cohort, folder)
    return cohort, folder


def test_a_table_recognises_its_cases_as_the_check_of_their_files_does(laboratory, tmp_path):
    _, folder = laboratory
    table = extract_table(folder, make_recipe("moments", markers=["CD19"]))
    write_table(table, tmp_path / "t.parquet")
    back = read_table(tmp_path / "t.parquet")
    framed = FeatureTable.from_frame(table.to_frame())
    assert [case.tubes for case in back.cases] == [case.tubes for case in table.cases]
    assert [case.tubes for case in framed.cases] == [case.tubes for case in table.cases]
    checks = {check.case_id: check for check in check_cases(folder, quality=False)}
    panel = shape_of(load_panel("cll-9f"))
    for case in back.cases:
        tubes = [tube.stained for tube in case.tubes]
        assert tubes == [tube.stained for tube in checks[case.case_id].tubes]
        assert all(len(tube.dyes) == len(tube.stains) > 5 for tube in tubes)
        assert recognize(tubes, [panel]).tubes == ("1", "2", "3")


def test_simulated_instruments_differ_in_memory_and_in_files(laboratory):
    cohort, folder = laboratory
    said = {case.case_id: case.details["instrument"] for case in cohort}
    for cases in (list(cohort), folder):
        table = extract_table(cases, "moments")
        found = {c.case_id: {tube.instrument for tube in c.tubes} for c in table.cases}
        assert all(len(names) == 1 for names in found.values())
        pairs = {(said[case_id], *names) for case_id, names in found.items()}
        assert pairs == {("navios-1", "Navios SIM0001"), ("navios-2", "Navios SIM0002")}


def test_a_manifests_instrument_goes_before_that_of_the_file(laboratory, tmp_path):
    _, folder = laboratory
    file = next(folder.rglob("*.lmd"))
    (tmp_path / "m.csv").write_text(f"case_id,path,tube,instrument\na,{file.name},X1,ours\n")
    (tmp_path / file.name).write_bytes(file.read_bytes())
    ((read,),) = (case.tubes for case in extract_table(tmp_path / "m.csv", "moments").cases)
    assert (read.label, read.instrument) == ("x1", "ours")
    assert read.stained.label == "x1"


def test_no_file_no_keywords_no_instrument():
    sample = plain_sample(EVENTS[:, :2], ["CD3", "CD19"])
    (read,) = describe_case(one_tube(sample), make_recipe("ecdf").fit(())).tubes
    assert (read.instrument, read.dyes) == ("", {})
    assert read.detectors == {"CD3": "FL1", "CD19": "FL2"}
