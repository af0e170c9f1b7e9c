"""Panels are recognised from markers, and what is odd about a case is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowml.findings import Severity
from flowml.knowledge.panels import known_panels, load_panel
from flowml.knowledge.recognition import CODES, likeness, nearest_tube, recognize
from flowml.knowledge.shapes import (
    PanelShape,
    StainedTube,
    TubeShape,
    learn_panels,
    one_name,
    shape_of,
    tube_label,
)

KNOWN = [shape_of(load_panel(name), of_laboratory=True) for name in known_panels()]
CLL = load_panel("cll-9f")


def stained(name, markers, label="", unlabelled=(), detectors=None):
    """Return a tube whose markers lie on FL1, FL2 and so on."""
    places = detectors or [f"FL{n}" for n in range(1, len(markers) + 1)]
    return StainedTube(name, label, dict(zip(markers, places, strict=True)), unlabelled)


def tubes_of(panel, labels=True):
    return [
        stained(f"{tube.name}.fcs", [one_name(s.label) for s in tube.stains],
                tube.name if labels else "")
        for tube in panel.tubes
    ]  # fmt: skip


def codes(found):
    assert {item.code for item in found.findings} <= set(CODES)
    return [item.code for item in found.findings]


@pytest.mark.parametrize("name", known_panels())
def test_a_whole_case_of_a_known_panel_is_recognised(name):
    panel = load_panel(name)
    found = recognize(list(reversed(tubes_of(panel))), KNOWN)
    assert found.panel == name
    assert found.tubes == tuple(tube.name for tube in reversed(panel.tubes))
    assert not found.findings


def test_a_lost_tube_is_named_with_what_it_would_have_shown():
    found = recognize(tubes_of(CLL)[:2], KNOWN)
    (lost,) = found.findings
    assert (found.panel, lost.code, lost.severity) == ("cll-9f", "PANEL-LOST", Severity.REVIEW)
    assert "tube 3 of cll-9f is missing" in lost.message
    assert "CD56" in lost.message


def test_a_foreign_tube_is_told_from_the_others_and_where_it_is_from():
    other = tubes_of(load_panel("plasma-cell"))[1]
    found = recognize([*tubes_of(CLL)[:2], other], KNOWN)
    assert found.tubes == ("1", "2", "")
    assert codes(found) == ["PANEL-LOST", "PANEL-FOREIGN"]
    assert "nearest is tube 2 of plasma-cell, with 8 of its 8" in found.findings[1].message


def test_a_tube_that_is_there_twice():
    tubes = tubes_of(CLL)
    found = recognize([*tubes, stained("again.fcs", tuple(tubes[0].stains))], KNOWN)
    assert found.tubes == ("1", "2", "3", "1")
    assert codes(found) == ["PANEL-TWICE"]
    assert "1.fcs, again.fcs" in found.findings[0].message


def test_swapped_tubes_go_by_each_others_names():
    one, two, three = tubes_of(CLL)
    swapped = [StainedTube(one.name, "1", two.stains), StainedTube(two.name, "2", one.stains)]
    found = recognize([*swapped, three], KNOWN)
    assert found.tubes == ("2", "1", "3")
    assert codes(found) == ["PANEL-SWAPPED", "PANEL-SWAPPED"]
    assert "1.fcs goes by the name of tube 1, but has the markers of tube 2" in str(
        found.findings[0]
    )


def test_names_that_say_nothing_are_no_swap():
    assert not recognize(tubes_of(CLL, labels=False), KNOWN).findings
    odd = [StainedTube(t.name, "first", t.stains) for t in tubes_of(CLL)]
    assert not recognize(odd, KNOWN).findings


def test_missing_and_further_markers():
    one, two, three = tubes_of(CLL)
    less = {m: d for m, d in one.stains.items() if m != "CD5"} | {"CD200": "FL11"}
    found = recognize([StainedTube("1.fcs", "1", less, ("FL9",)), two, three], KNOWN)
    assert codes(found) == ["PANEL-MISSING", "PANEL-MORE"]
    assert found.findings[0].message == ("1.fcs lacks CD5 of tube 1; without a marker: FL9")
    assert found.findings[1].severity is Severity.INFO


def test_an_unknown_panel_is_said_to_be_one_with_the_nearest_tube():
    found = recognize([stained("x.fcs", ["CD45", "CD19", "CD999"])], KNOWN)
    assert (found.panel, found.tubes, codes(found)) == ("", ("",), ["PANEL-UNKNOWN"])
    assert "nearest is tube" in found.findings[0].message
    nothing = recognize([stained("x.fcs", ["CD999"])], KNOWN)
    assert nothing.findings[0].message == "no known panel has a tube like x.fcs"
    assert recognize([], KNOWN).findings == ()
    assert recognize([stained("x.fcs", ["CD45"])], []).panel == ""


def test_names_from_outside_are_made_harmless():
    tube = StainedTube("\x1b[31mx.fcs", "", {"CD45": "FL1", "=cmd\x1b|": "FL2"})
    found = recognize([tube], [PanelShape("p", (TubeShape("1", {"CD45": frozenset()}),))])
    assert "\x1b" not in "".join(item.message for item in found.findings)


# --- panels that the cases show ------------------------------------------------------------


def laboratory(n=20, panel=CLL):
    return [tubes_of(panel) for _ in range(n)]


def test_a_laboratorys_panel_is_learned_under_its_known_name():
    (panel,) = learn_panels([*laboratory(), tubes_of(CLL)[:2]], KNOWN)
    assert panel.name == "cll-9f"
    assert [tube.name for tube in panel.tubes] == ["1", "2", "3"]
    assert panel.tubes[0].detectors["FMC7"] == {"FL1"}
    assert panel.tubes[0].labels == {"1"}


def test_a_panel_that_no_file_knows_is_learned_too():
    cases = [
        [stained("a_x.fcs", ["CD45", "CD2"], "x"), stained("a_y.fcs", ["CD45", "CD4"])]
    ] * 9
    (panel,) = learn_panels(cases, KNOWN)
    assert panel.name == "panel A"
    assert {tube.name for tube in panel.tubes} == {"x", "1"} or {"x", "2"} == {
        tube.name for tube in panel.tubes
    }
    assert codes(recognize(cases[0][:1], [panel])) == ["PANEL-LOST"]


def test_two_panels_and_few_accidents():
    other = load_panel("plasma-cell")
    cases = [*laboratory(30), *laboratory(25, other), tubes_of(CLL)[1:], tubes_of(CLL)[1:]]
    assert [panel.name for panel in learn_panels(cases, KNOWN)] == ["cll-9f", "plasma-cell"]


def test_part_of_a_panel_that_is_ordered_often_is_a_panel_of_its_own():
    cases = [*laboratory(30), *[tubes_of(CLL)[:1]] * 12]
    assert [len(panel.tubes) for panel in learn_panels(cases)] == [3, 1]


def test_too_few_cases_show_no_panel():
    assert learn_panels(laboratory(2), KNOWN) == ()
    assert learn_panels([], KNOWN) == ()
    assert learn_panels([[]], KNOWN) == ()


def test_exchanged_labels_are_found_by_the_other_cases():
    one, two, three = tubes_of(CLL)
    places = {**one.stains, "CD5": one.stains["CD10"], "CD10": one.stains["CD5"]}
    case = [StainedTube("odd.fcs", "1", places), two, three]
    shapes = learn_panels([*laboratory(), case], KNOWN)
    (finding,) = recognize(case, shapes).findings
    assert finding.code == "PANEL-RELABELLED"
    assert "CD10 on FL8 (usually FL2)" in finding.message
    assert "CD5 on FL2 (usually FL8)" in finding.message
    assert recognize(case, shapes).moved == {"CD5", "CD10"}
    assert not recognize(laboratory(1)[0], shapes).findings


def test_an_instrument_with_other_names_of_detectors_is_no_accident():
    own = [
        StainedTube(t.name, t.label, {m: f"B{n}-A" for n, m in enumerate(t.stains)})
        for t in tubes_of(CLL)
    ]
    shapes = learn_panels([*laboratory(20), *[own] * 5], KNOWN)
    assert not recognize(own, shapes).findings


def test_an_instrument_of_few_cases_is_another_one_and_no_wrong_label():
    own = [
        StainedTube(t.name, t.label, {m: f"B{n}-A" for n, m in enumerate(t.stains)})
        for t in tubes_of(CLL)
    ]
    found = recognize(own, learn_panels([*laboratory(40), own, own], KNOWN))
    assert codes(found) == ["PANEL-INSTRUMENT"] * 3
    assert not found.moved
    assert {item.severity for item in found.findings} == {Severity.INFO}


def test_a_marker_on_a_detector_of_no_other_tube_is_doubtful():
    one, two, three = tubes_of(CLL)
    odd = StainedTube("1.fcs", "1", {**one.stains, "CD5": "FL99"})
    found = recognize([odd, two, three], learn_panels(laboratory(), KNOWN))
    assert codes(found) == ["PANEL-RELABELLED"]


def test_two_tubes_with_the_same_markers_and_an_unstained_one():
    case = [
        stained("c_0.fcs", [], "0"), stained("c_1.fcs", ["CD45", "CD3"], "1"),
        stained("c_2.fcs", ["CD45", "CD3"], "2"), stained("c_3.fcs", ["CD45", "CD19"], "3"),
    ]  # fmt: skip
    (panel,) = learn_panels([case] * 20)
    assert len(panel.tubes) == 4
    assert len({tube.name for tube in panel.tubes}) == 4
    assert not recognize(case, [panel]).findings
    assert codes(recognize(case[:3], [panel])) == ["PANEL-LOST"]


def test_a_case_of_which_nothing_is_recognised_is_reviewed_where_panels_are_known():
    blank = [stained(f"{n}.fcs", [], str(n)) for n in range(3)]
    (finding,) = recognize(blank, learn_panels(laboratory(), KNOWN)).findings
    assert (finding.code, finding.severity) == ("PANEL-UNKNOWN", Severity.REVIEW)
    (finding,) = recognize(blank, KNOWN).findings
    assert finding.severity is Severity.WARN


def test_a_mistake_made_three_times_is_no_panel():
    one, two, three = tubes_of(CLL)
    less = {m: d for m, d in one.stains.items() if m != "CD10"}
    odd = [StainedTube(one.name, "1", less), two, three]
    shapes = learn_panels([*laboratory(40), odd, odd, odd], KNOWN)
    assert [panel.name for panel in shapes] == ["cll-9f"]
    assert codes(recognize(odd, shapes)) == ["PANEL-MISSING"]


def test_a_rare_panel_that_shares_tubes_has_its_own_names():
    a, b, c = (stained("", ["CD45", other]) for other in ("CD3", "CD19", "CD34"))
    often = [StainedTube("x", "1", a.stains), StainedTube("y", "2", b.stains)]
    rare = [StainedTube("x", "1", c.stains), StainedTube("y", "2", a.stains)]
    shapes = learn_panels([*[often] * 60, *[rare] * 6])
    assert len(shapes) == 2
    assert not recognize(rare, shapes).findings
    assert not recognize(often, shapes).findings


def test_what_flowml_calls_a_tube_means_nothing_elsewhere():
    one, two, three = tubes_of(CLL)
    renumbered = [StainedTube("a", "3", one.stains), StainedTube("b", "1", two.stains), three]
    assert not recognize(renumbered, [shape_of(CLL)]).findings
    assert "PANEL-SWAPPED" in codes(recognize(renumbered, KNOWN))


def test_the_files_names_of_tubes_hold_until_the_cases_show_others():
    swapped = tubes_of(CLL)
    one, two = swapped[:2]
    swapped[:2] = StainedTube("1", "2", one.stains), StainedTube("2", "1", two.stains)
    for n in (0, 4, 10):
        shapes = [*learn_panels(laboratory(n), KNOWN), *KNOWN]
        assert codes(recognize(swapped, shapes)) == ["PANEL-SWAPPED"] * 2, n


def test_panels_of_equal_frequency_come_in_one_order():
    cases = [*laboratory(5), *laboratory(5, load_panel("plasma-cell"))]
    names = [panel.name for panel in learn_panels(cases, iter(KNOWN))]
    assert names == [panel.name for panel in learn_panels(cases[::-1], KNOWN)]
    assert set(names) == {"cll-9f", "plasma-cell"}


def test_few_tubes_tell_nothing_about_detectors():
    (panel,) = learn_panels(laboratory(4), KNOWN)
    assert all(not places for tube in panel.tubes for places in tube.detectors.values())


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=1, max_size=4))
def test_every_tube_gets_a_place_or_none_whatever_the_tubes(kinds):
    tubes = [stained(f"{n}.fcs", sorted(kind)) for n, kind in enumerate(kinds)]
    shape = PanelShape("p", tuple(
        TubeShape(str(n), dict.fromkeys(kind, frozenset())) for n, kind in enumerate(kinds)
    ))  # fmt: skip
    found = recognize(tubes, [shape])
    assert len(found.tubes) == len(tubes)
    assert set(found.tubes) <= {*(tube.name for tube in shape.tubes), ""}
    if len({frozenset(kind) for kind in kinds}) == len(kinds):  # each matches itself
        assert found.tubes == tuple(str(n) for n in range(len(kinds)))
        assert not found.findings


def test_likeness_is_jaccards_index():
    shape = TubeShape("1", dict.fromkeys("abcd", frozenset()))
    assert likeness(stained("x", "abef"), shape) == pytest.approx(2 / 6)
    assert likeness(stained("x", ""), shape) == 0
    assert likeness(stained("x", ""), TubeShape("1", {})) == 1  # an unstained control


@pytest.mark.parametrize(
    ("case_id", "name", "given_label", "expected"),
    [
        ("A17", "A17/A17_B1.fcs", "", "b1"),
        ("A17", "A17/a17-tube 2.LMD", "", "tube 2"),
        ("run/A17", "run/A17/A17_3.fcs", "", "3"),
        ("A17", "A17/B1.fcs", "", "b1"),
        ("A17", "A17.fcs", "", ""),
        ("A17", "A17/A17_B1.fcs", " Tube X ", "tube x"),
        ("", "x/y.fcs", "", "y"),
        ("1", "1/1_T12.fcs", "", "t12"),
        ("B", "B/B_B1.fcs", "", "b1"),
        ("A17", "A17/T1-A17.fcs", "", "t1"),
        ("A1", "A1/A17_2.fcs", "", "a17_2"),
    ],
)
def test_a_tubes_label(case_id, name, given_label, expected):
    assert tube_label(case_id, name, given_label) == expected


def test_a_single_tube_is_told_with_what_it_lacks_and_has_beside():
    one = tubes_of(CLL)[0]
    stains = {marker: place for marker, place in one.stains.items() if marker != "CD23"}
    near = nearest_tube(StainedTube("x.fcs", "", {**stains, "CD200": "FL9"}), KNOWN)
    assert (near.panel, near.tube) == ("cll-9f", "1")
    assert (near.missing, near.more) == (("CD23",), ("CD200",))
    assert near.likeness == 8 / 10
    assert nearest_tube(StainedTube("x.fcs", "", {"Ki67": "FL1"}), KNOWN) is None
    assert nearest_tube(one, []) is None
