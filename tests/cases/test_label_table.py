"""Tables become the labels of cases."""

from __future__ import annotations

import pytest

from flowml.cases import find_cases, read_labels
from flowml.errors import CaseError, LabelError
from flowml.knowledge import load_label_tree


@pytest.fixture
def labels(folder, tmp_path):
    """Return a function that labels the cases of a small folder by a table."""
    cases = find_cases(folder("c1/t1.fcs", "c1/t2.fcs", "p1.fcs", "P2.FCS"))

    def read(text, **how):
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding=how.pop("encoding", "utf-8"))
        return read_labels(path, how.pop("cases", cases), load_label_tree(), **how)

    return read


@pytest.mark.parametrize("name", ["c1", "C1", "t1.fcs", "t1", "c1/t1.fcs", " c1 ", "T2.FCS"])
def test_a_case_is_found_by_id_file_name_or_stem(labels, name):
    found = labels(f"case_id,entity\n{name},CLL\n")
    assert found.entities == {"c1": "CLL"}
    assert found.unlabelled == ("P2", "p1")


def test_entities_are_canonical_whatever_the_table_says(labels):
    found = labels("\ufeffcase_id;entity\nc1;Haarzellleukämie\np1;mantel\nP2;gesund\n")
    assert found.entities == {"c1": "HCL", "p1": "MCL", "P2": "normal"}
    assert found.unlabelled == found.unmatched == ()


def test_what_does_not_match_is_told(labels):
    found = labels("case_id,entity\nc1,CLL\nother,AML\np1,\n")
    assert found.entities == {"c1": "CLL"}
    assert (found.unmatched, found.unlabelled) == (("other",), ("P2", "p1"))


def test_conditions_choose_rows_and_pass_over_their_cases(labels):
    table = "ID,diagnosis,split,site\nc1,CLL,train,A\np1,nonsense,test,A\nP2,MCL,train,B\n"
    how = {"id_column": "ID", "label_column": "diagnosis"}
    found = labels(table, where=["split=train", "site = A"], **how)
    assert found.entities == {"c1": "CLL"}
    assert found.unlabelled == found.unmatched == ()


@pytest.mark.parametrize("where", ["split", "=train", ""])
def test_a_condition_that_is_none_is_refused(labels, where):
    with pytest.raises(LabelError, match=r"not of the form column=value\. Write it like"):
        labels("case_id,entity\nc1,CLL\n", where=[where])


def test_a_condition_on_a_column_that_is_not_there_is_refused(labels):
    with pytest.raises(CaseError, match=r"has no column 'split'; it has case_id, entity"):
        labels("case_id,entity\nc1,CLL\n", where=["split=train"])


def test_two_labels_of_a_case_are_refused(labels):
    with pytest.raises(LabelError, match=r"case c1 has two labels, CLL and MCL\. Keep one"):
        labels("case_id,entity\nc1,CLL\nt1.fcs,Mantel\n")


def test_one_label_twice_is_no_contradiction(labels):
    assert labels("case_id,entity\nt1,CLL\nt2,CLL/SLL\n").entities == {"c1": "CLL"}


def test_an_unknown_entity_names_the_nearest(labels):
    with pytest.raises(LabelError, match=r"'Mantell' is not an entity.*Mantel"):
        labels("case_id,entity\nc1,Mantell\n")


def test_a_table_that_matches_nothing_says_what_both_sides_are_called(labels):
    with pytest.raises(LabelError) as refused:
        labels("case_id,entity\nc-1,CLL\n", where=["entity=CLL"])
    for part in (
        "with entity=CLL",
        "ids such as 'c-1'",
        "are called P2, c1, p1",
        "Nearest: c1",
    ):
        assert part in str(refused.value)


def test_ambiguous_names_match_nothing(folder, labels):
    cases = find_cases(folder("a/t1.fcs", "b/t1.fcs"))
    found = labels("case_id,entity\nt1,CLL\nb,MCL\n", cases=cases)
    assert found.entities == {"b": "MCL"}
    assert found.unmatched == ("t1",)


def test_ids_that_differ_in_letter_case_are_told_apart(folder, labels):
    cases = find_cases(folder("k/1.fcs", "K/2.fcs"))
    found = labels("case_id,entity\nk,CLL\nK,MCL\n", cases=cases)
    assert found.entities == {"k": "CLL", "K": "MCL"}
