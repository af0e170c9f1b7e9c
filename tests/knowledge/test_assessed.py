"""What a set of markers does not assess, for every panel that comes with flowml."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowml.errors import FlowmlError
from flowml.knowledge import load_label_tree, name_channel
from flowml.knowledge.assessed import (
    LONGEST_LINE,
    Unassessed,
    load_questions,
    not_assessed,
    one_line,
)
from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.panels import known_panels, load_panel

QUESTIONS = {question.key: question for question in load_questions()}
MARKERS = sorted({m for q in QUESTIONS.values() for group in q.needs for m in group})
TOP = [
    "blasts", "b-cells", "t-cells", "nk-cells", "plasma-cells", "myeloid-cells",
    "dendritic-cells",
]  # fmt: skip

# worked out by hand from the stains of each panel: key = groups of which nothing is there
EXPECTED = {
    "acute": {
        "b-blast-maturity": ["cyIgM", "kappa lambda IgM"],
        "b-clonality": ["kappa cykappa", "lambda cylambda"],
        "cll-mcl": ["CD23 CD200"],
        "hairy-cells": ["CD103", "CD11c"],  # CD123 is in tube 2
        "t-clonality": ["TRBC1 TRBC2"],
        "gamma-delta": ["TCRgd"],
        "nk-receptors": ["CD158a", "CD158b CD158b1"],
        "plasma-cells": ["CD138"],
        "erythroid-cells": ["CD235a CD235ab CD36", "CD71 CD105"],
        "megakaryocytes": ["CD41 CD61 CD42a CD42b"],
    },
    "alot": {  # MPO, cyCD3, CD19 and cyCD79a tell the lineage of blasts
        "b-blast-maturity": ["CD10", "cyIgM", "kappa lambda IgM"],
        "t-blast-maturity": ["CD1a", "CD5", "CD8"],
        "tdt": ["TdT"],
        "b-clonality": ["kappa cykappa", "lambda cylambda"],
        "cd5-b-cells": ["CD5"],
        "germinal-center": ["CD10"],
        "hairy-cells": ["CD103", "CD11c", "CD25 CD123"],
        "b-precursors": ["CD10"],
        "t-loss": ["CD2", "CD5"],
        "t-subsets": ["CD4", "CD8"],
        "t-clonality": ["TRBC1 TRBC2"],
        "gamma-delta": ["TCRgd"],
        "nk-cells": ["CD56 CD16"],
        "plasma-cells": ["CD138", "CD38"],
        "apl": ["HLA-DR", "CD117"],
        "monocytes": ["CD14", "CD64"],
        "granulocytes": ["CD11b", "CD13", "CD16"],
        "erythroid-cells": ["CD235a CD235ab CD36", "CD71 CD105"],
        "megakaryocytes": ["CD41 CD61 CD42a CD42b"],
        "mast-cells": ["CD117", "CD2 CD25"],
        "dendritic-cells": ["CD123 CD303 CD304", "HLA-DR CD4"],
    },
    "cll-9f": {
        "blasts": ["CD34 CD117"],
        "b-precursors": ["CD34 TdT"],
        "t-loss": ["CD2", "CD7"],
        "sezary": ["CD7 CD26"],
        "t-clonality": ["TRBC1 TRBC2"],
        "gamma-delta": ["TCRgd"],
        "nk-receptors": ["CD158a", "CD158b CD158b1"],
        "plasma-cells": ["CD138"],
        "myeloid-cells": ["CD13 CD33 MPO"],
        "dendritic-cells": ["CD123 CD303 CD304"],
    },
    "lst": {  # light chains, TCRgd, CD4, CD8 and CD56 are there, two in a channel
        "blasts": ["CD34 CD117"],
        "cll-mcl": ["CD23 CD200"],
        "germinal-center": ["CD10"],
        "hairy-cells": ["CD103", "CD11c", "CD25 CD123"],
        "b-precursors": ["CD10", "CD34 TdT"],
        "t-loss": ["CD2", "CD7"],
        "sezary": ["CD7 CD26"],
        "t-clonality": ["TRBC1 TRBC2"],
        "nk-receptors": ["CD158a", "CD158b CD158b1"],
        "plasma-cells": ["CD138"],
        "myeloid-cells": ["CD13 CD33 MPO"],
        "dendritic-cells": ["CD123 CD303 CD304"],
    },
    "plasma-cell": {
        "blast-lineage": ["MPO", "cyCD3", "cyCD79a CD79a cyCD22 CD22 CD10"],
        "tdt": ["TdT"],
        "cd5-b-cells": ["CD5"],
        "germinal-center": ["CD10"],
        "hairy-cells": ["CD103", "CD11c", "CD25 CD123"],
        "b-precursors": ["CD10", "CD34 TdT"],
        "t-cells": ["CD3 cyCD3"],
        "nk-cells": ["CD3 cyCD3"],
        "myeloid-cells": ["CD13 CD33 MPO"],
        "dendritic-cells": ["CD123 CD303 CD304", "HLA-DR CD4"],
    },
    "screening": {  # no light chains, neither CD56 nor CD4 nor CD8, nothing in the cytoplasm
        "blast-lineage": ["MPO", "cyCD3"],
        "tdt": ["TdT"],
        "b-clonality": ["kappa cykappa", "lambda cylambda"],
        "cll-mcl": ["CD23 CD200"],
        "hairy-cells": ["CD103", "CD11c", "CD25 CD123"],
        "t-loss": ["CD2"],
        "t-subsets": ["CD4", "CD8"],
        "t-clonality": ["TRBC1 TRBC2"],
        "gamma-delta": ["TCRgd"],
        "nk-cells": ["CD56 CD16"],
        "plasma-cells": ["CD138", "CD38"],
        "apl": ["HLA-DR"],
        "monocytes": ["CD14", "CD64"],
        "granulocytes": ["CD11b", "CD13", "CD16"],
        "erythroid-cells": ["CD235a CD235ab CD36", "CD71 CD105"],
        "megakaryocytes": ["CD41 CD61 CD42a CD42b"],
        "mast-cells": ["CD2 CD25"],
        "dendritic-cells": ["CD123 CD303 CD304", "HLA-DR CD4"],
    },
}


def spelled(found):
    return {item.key: [" ".join(group) for group in item.missing] for item in found}


@pytest.mark.parametrize("name", known_panels())
def test_what_each_panel_leaves_open(name):
    assert spelled(not_assessed(load_panel(name).markers)) == EXPECTED[name]


def test_a_channel_with_two_antibodies_counts_for_both():
    channels = [stain.label for stain in load_panel("lst").tubes[0].stains]
    assert "CD8+lambda" in channels
    assert spelled(not_assessed(channels)) == EXPECTED["lst"]


def test_without_any_marker_only_the_questions_above_all_are_listed():
    found = not_assessed([])
    assert [item.key for item in found] == TOP
    assert {item.about for item in found} == {""}
    assert all(item.missing == QUESTIONS[item.key].needs for item in found)
    assert not_assessed(["FSC-A", "SSC-A", "viability", "", "nothing known"]) == found


def test_with_all_markers_nothing_is_open():
    assert not_assessed(MARKERS) == ()
    assert one_line(()) == ""


def beneath(key):
    """A question that is listed stands for those within it."""
    inner = [other for other, question in QUESTIONS.items() if question.within == key]
    return {key}.union(*map(beneath, inner))


@given(st.sets(st.sampled_from(MARKERS)), st.sampled_from(MARKERS))
def test_a_further_marker_never_adds_to_what_is_not_assessed(markers, further):
    before, after = not_assessed(markers), not_assessed(markers | {further})
    assert {i.key for i in after} <= set().union(*(beneath(i.key) for i in before))
    groups = {item.key: set(item.missing) for item in before}
    assert all(set(item.missing) <= groups.get(item.key, set(item.missing)) for item in after)


@given(st.sets(st.sampled_from(MARKERS)))
def test_of_each_missing_group_one_marker_would_do(markers):
    for item in not_assessed(markers):
        assert all(markers.isdisjoint(group) for group in item.missing)
        completed = markers | {group[-1] for group in item.missing}
        assert item.key not in {other.key for other in not_assessed(completed)}


@pytest.mark.parametrize("marker", MARKERS)
def test_every_marker_of_the_file_is_canonical(marker):
    found = name_channel("FL1", marker)
    assert (found.marker, found.known) == (marker, True)


def test_every_lineage_and_category_has_a_question():
    tree = load_label_tree().entities.values()
    names = {name for entity in tree for name in (entity.lineage, entity.category)}
    linked = {name for question in QUESTIONS.values() for name in question.matters_for}
    assert names - linked == {"none", "no_abnormal_population"}


def test_only_what_matters_for_a_lineage_may_be_asked_for():
    cells = not_assessed(["CD45"], about=["plasma_cell"])
    assert [item.key for item in cells] == ["plasma-cells"]
    screening = load_panel("screening").markers
    assert [item.key for item in not_assessed(screening, about=["B"])] == [
        "b-clonality", "cll-mcl", "hairy-cells",
    ]  # fmt: skip


def test_that_nothing_abnormal_was_found_leans_on_all_questions():
    found = not_assessed(["CD19"], about=["none", "no_abnormal_population"])
    assert found == not_assessed(["CD19"])


def test_the_line_names_what_is_missing():
    found = not_assessed(
        ["CD19", "CD5", "CD23", "CD10", "CD103", "CD11c", "CD25", "TdT"],
        about=["B", "plasma_cell"],
    )
    assert one_line(found) == (
        "clonality of B cells (needs kappa and lambda), plasma cells (needs CD138 and CD38)"
    )


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("b-cells", "B cells (needs CD19, CD20, CD22 or CD79a)"),
        ("nk-cells", "NK cells (needs CD3, and CD56 or CD16)"),
        ("granulocytes", "maturation of granulocytes (needs CD11b, CD13 and CD16)"),
        ("plasma-clonality", "clonality of plasma cells (needs cykappa and cylambda)"),
        (
            "erythroid-cells",
            "erythroid cells (needs CD235a, CD235ab or CD36, and CD71 or CD105)",
        ),
    ],
)
def test_choices_are_told_from_what_is_all_needed(key, text):
    question = QUESTIONS[key]
    assert one_line([Unassessed(key, question.title, question.needs, "")]) == text


def test_a_long_line_counts_the_questions_within_others():
    found = not_assessed(load_panel("cll-9f").markers)
    assert one_line(found, longest=0) == (
        "blasts (needs CD34 or CD117), plasma cells (needs CD138), "
        "myeloid cells (needs CD13, CD33 or MPO), "
        "plasmacytoid dendritic cells (needs CD123, CD303 or CD304), "
        "and 6 more about B cells, T cells and NK cells"
    )
    inner = [item for item in found if item.about]
    assert one_line(inner, longest=0) == "6 more about B cells, T cells and NK cells"


def test_a_long_line_keeps_what_stands_first_of_each_topic():
    found = not_assessed(load_panel("screening").markers)
    line = one_line(found)
    for kept in ("lineage of blasts", "clonality of B cells", "loss of T-cell antigens"):
        assert kept in line
    assert line.endswith("and 10 more about B cells, T cells and myeloid cells")


@given(st.sets(st.sampled_from(MARKERS)), st.integers(0, 1500))
def test_the_line_is_no_longer_than_asked_where_it_can_be(markers, longest):
    found = not_assessed(markers)
    line, shortest = one_line(found, longest), one_line(found, 0)
    assert len(line) <= max(longest, len(shortest))
    assert all(item.title in line for item in found if not item.about)
    assert len(shortest) <= LONGEST_LINE  # those above all are few enough for a table's cell


QUESTION = """
[[question]]
key = "{key}"
title = "cells"
needs = {needs}
matters_for = {lineages}
source = "a test"
{more}
"""


def own_file(tmp_path, *entries):
    defaults = {"key": "a", "needs": '[["CD19"]]', "lineages": '["B"]', "more": ""}
    path = tmp_path / "own.toml"
    text = "".join(QUESTION.format(**(defaults | entry)) for entry in entries)
    path.write_text("format = 1\n" + text, encoding="utf-8")
    return path


def test_a_laboratory_may_ask_its_own_questions(tmp_path):
    inner = {"key": "b", "needs": '[["CD5", "CD23"]]', "more": 'within = "a"'}
    own = load_questions(own_file(tmp_path, {}, inner))
    assert spelled(not_assessed([], questions=own)) == {"a": ["CD19"]}
    assert spelled(not_assessed(["CD19"], questions=own)) == {"b": ["CD5 CD23"]}
    assert not_assessed(["CD19", "CD23"], questions=own) == ()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "at least one"),
        ([{"needs": '[["cd19"]]'}], "question 'a': 'needs' has 'cd19'.*nearest: 'CD19'"),
        ([{"needs": '[["CD19x"]]'}], "'CD19x', expected one canonical marker"),
        ([{"needs": '[["CD8+lambda"]]'}], r"'CD8\+lambda', expected one canonical"),
        ([{"needs": "[[19]]"}], "'needs' has 19"),
        ([{"needs": '[[["CD19"]]]'}], "'needs' has "),
        ([{"needs": '["CD19"]'}], "'needs' is .*expected lists of markers"),
        ([{"needs": "[]"}], r"'needs' is \[\], expected lists of markers"),
        ([{"needs": "[[]]"}], "expected lists of markers"),
        ([{"needs": '[["CD19"], ["CD19"]]'}], "holds a marker twice"),
        ([{}, {}], "question 'a': the name is given twice"),
        ([{"more": 'within = "b"'}, {"key": "b"}], "'within' is 'b'.*there is none"),
        ([{"key": "b"}, {"more": 'within = "bb"'}], "'within' is 'bb'.*nearest: b"),
        ([{"more": 'within = "a"'}], "'within' is 'a'"),
        ([{"lineages": '["Z"]'}], "'matters_for' is 'Z'"),
        (
            [{}, {"key": "b", "lineages": '["B", "T"]', "more": 'within = "a"'}],
            "question 'b': 'matters_for' has T, expected no more than 'a' has",
        ),
        ([{"more": "note = 1"}], "unknown entry 'note'"),
    ],
)  # fmt: skip
def test_a_file_with_errors_names_them(tmp_path, entries, message):
    with pytest.raises(KnowledgeError, match=message):
        load_questions(own_file(tmp_path, *entries))


def test_hostile_text_in_a_file_is_refused_in_a_short_message(tmp_path):
    nasty = {"needs": '[["\\u001b[31m' + "x" * 10_000 + '"]]'}
    with pytest.raises(KnowledgeError) as refused:
        load_questions(own_file(tmp_path, nasty))
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FlowmlError, match=r"absent\.toml"):
        load_questions(tmp_path / "absent.toml")
