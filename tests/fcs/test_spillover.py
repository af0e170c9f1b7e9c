"""Spillover: which keyword, which channels, what is refused, what is only noted."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.fcs import read_fcs
from flowml.fcs.spillover import _parsed
from flowml.findings import Severity
from flowml.records import Scale

PLAIN = "2,FL1,FL2,1,0.1,0.2,1"


def codes(sample):
    return {finding.code for finding in sample.findings}


def unusable(sample) -> str:
    assert sample.spillover is None
    found = [item for item in sample.findings if item.code == "SPILL-UNUSABLE"]
    assert [item.severity for item in found] == [Severity.REVIEW]
    return found[0].message


@pytest.mark.parametrize("key", ["$SPILLOVER", "SPILLOVER", "SPILL", "$SPILL", "spill"])
def test_every_keyword_is_read(read, key):
    sample = read(changes={key: PLAIN})
    assert sample.spillover.channels == ("FL1", "FL2")
    assert sample.spillover.matrix.tolist() == [[1, 0.1], [0.2, 1]]
    assert sample.spillover.source == key.upper()
    assert sample.scale is Scale.RAW


def test_a_matrix_may_name_some_channels_in_any_order_by_name_or_number(read):
    how = {"rows": [[1, 2, 3]], "kinds": ("I16",) * 3}
    for text in ("2,FL3,FL1,1,0.1,0.2,1", "2, FL3 , FL1 , 1, 0.1 , .2, 1.0", "2,3,1,1,.1,.2,1"):
        spillover = read(changes={"$SPILLOVER": text}, **how).spillover
        assert spillover.channels == ("FL3", "FL1")
        assert spillover.matrix.tolist() == [[1, 0.1], [0.2, 1]]


def test_no_matrix_is_a_finding(read):
    assert "SPILL-NONE" in codes(read())


def test_percent_are_converted_with_a_finding(read):
    sample = read(changes={"SPILL": "2,FL1,FL2,100,10,20,100"})
    np.testing.assert_allclose(sample.spillover.matrix, [[1, 0.1], [0.2, 1]])
    assert "SPILL-PERCENT" in codes(sample)


def test_an_identity_is_a_finding(read):
    sample = read(changes={"SPILL": "2,FL1,FL2,1,0,0,1"})
    assert sample.spillover is not None
    assert "SPILL-IDENTITY" in codes(sample)


def test_a_badly_conditioned_matrix_is_a_finding(read):
    sample = read(changes={"SPILL": "2,FL1,FL2,1,0.9999,0.9999,1"})
    assert sample.spillover is not None
    assert "SPILL-CONDITION" in codes(sample)


def test_two_keywords_that_disagree_are_a_finding_and_the_first_is_kept(read):
    sample = read(changes={"SPILL": "2,FL1,FL2,1,0.5,0.5,1", "$SPILLOVER": PLAIN})
    assert sample.spillover.source == "$SPILLOVER"
    assert "SPILL-DIFFERENT" in codes(sample)


def test_two_keywords_that_differ_in_spelling_only_agree(read):
    sample = read(changes={"SPILL": "2, FL1,FL2,1.0,0.10,2e-1,1", "$SPILLOVER": PLAIN})
    assert "SPILL-DIFFERENT" not in codes(sample)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2,FL1,FL2,1,nan,0.2,1", "holds a value that is not a finite number"),
        ("2,FL1,FL2,1,x,0.2,1", "holds a value that is not a finite number"),
        ("2,FL1,FL2,1,inf,0.2,1", "holds a value that is not a finite number"),
        ("2,FL1,FL2,1,1,1,1", "is singular: it cannot be inverted"),
        ("2,FL1,FL2,0,0,0,0", "is singular"),
        ("2,FL1,FL2,0,1,1,0", "has a diagonal of 0 to 0, expected 1"),
        ("2,FL1,FL2,100,1,1,1", "has a diagonal of 1 to 100, expected 1"),
        ("2,FL1,FL2,1,1e300,0,1", "holds the value 1e+300, expected shares"),
        ("2,FL1,FL9,1,0.1,0.2,1", "names the detectors FL9, which are not channels"),
        ("2,FL1,FL1,1,0.1,0.2,1", "names a detector twice"),
        ("2,FL1,1,1,0.1,0.2,1", "names a detector twice"),
        ("2,FL1,FL2,1,0.1,0.2", "holds 3 values for 2 detectors, expected 4"),
        ("2,FL1", "holds -1 values"),
        ("1", "holds 0 values for 1 detectors"),
        ("2,,,,,,", "names the detectors , , which are not channels"),
        ("2,FL1,FL2,1", "holds 1 values for 2 detectors, expected 4"),
        ("3,FL1,FL2,1,0.1,0.2,1", "declares '3' detectors, expected 1 to 2"),
        ("99999999,FL1", "declares '99999999' detectors, expected 1 to 2"),
        ("0,FL1", "declares '0' detectors"),
        ("-1,FL1,1", "declares '-1' detectors"),
        ("²,FL1,FL2,1,0,0,1", "declares '²' detectors"),
        ("x", "declares 'x' detectors"),
    ],
)
def test_a_matrix_that_cannot_be_used_is_a_finding_with_its_reason(read, text, reason):
    assert reason in unusable(read(changes={"$SPILLOVER": text}))


def test_a_detector_whose_name_two_channels_have_is_refused(read):
    changes = {"$P2N": "FL1", "$SPILLOVER": "2,FL1,FL1-1,1,0.1,0.2,1"}
    assert "names the detectors FL1, and more than one channel" in unusable(
        read(changes=changes)
    )


def test_arrays_of_a_matrix_are_read_only(read):
    with pytest.raises(ValueError, match="read-only"):
        read(changes={"SPILL": PLAIN}).spillover.matrix[0, 0] = 2


def test_an_aurora_placeholder_is_an_identity(read):
    sample = read(
        changes={"$SPILLOVER": "2,FL1,FL2,1,1e-06,0,1", "APPLY COMPENSATION": "FALSE"}
    )
    assert codes(sample) == {"SPILL-IDENTITY"}
    assert sample.scale is Scale.RAW


@pytest.mark.parametrize(
    ("share", "odd"),
    [("-0.0126", False), ("1.24", False), ("-0.06", True), ("1.6", True), ("-7", True)],
)
def test_shares_that_no_real_matrix_holds_are_a_finding(read, share, odd):
    sample = read(changes={"SPILL": f"2,FL1,FL2,1,{share},0,1"})
    assert sample.spillover.matrix[0, 1] == float(share)
    found = [item for item in sample.findings if item.code == "SPILL-SHARE"]
    assert [item.severity for item in found] == [Severity.WARN] * odd


@pytest.mark.parametrize("text", ["", " ", "0", "0,", " 0 ,0"])
def test_a_keyword_that_holds_nothing_is_no_matrix(read, text):
    sample = read(changes={"$SPILLOVER": text})
    assert sample.spillover is None
    assert codes(sample) - {"FCS-TEXT-01"} == {"SPILL-NONE"}


@pytest.mark.parametrize("text", ["2,FL1,FL2", "2,FL1,FL2,", "2,FL1,FL2,,,,", "1,FL2, "])
def test_names_without_values_are_no_matrix_and_a_finding(read, text):
    sample = read(changes={"$SPILLOVER": text})
    assert sample.spillover is None
    assert codes(sample) == {"SPILL-EMPTY"}
    also = read(changes={"$SPILLOVER": text, "SPILL": PLAIN})
    assert also.spillover.source == "SPILL"
    assert codes(also) == {"SPILL-EMPTY"}


@pytest.mark.parametrize(
    "text",
    [
        "2,FL2,FL1,1,0.2,0.1,1",
        "2,2,1,1,0.2,0.1,1",
        "2,FL1,FL2,100,10,20,100",
        "2,FL1,FL2,1,0.1000001,0.2,1",
    ],
)
def test_the_same_matrix_in_another_order_unit_or_rounding_agrees(read, text):
    assert "SPILL-DIFFERENT" not in codes(read(changes={"SPILL": text, "$SPILLOVER": PLAIN}))


@pytest.mark.parametrize("text", ["x", "1,FL1,1", "2,FL1,FL2,1,nan,0.2,1"])
def test_a_second_keyword_that_is_broken_or_smaller_disagrees(read, text):
    sample = read(changes={"SPILL": text, "$SPILLOVER": PLAIN})
    assert sample.spillover.source == "$SPILLOVER"
    assert codes(sample) == {"SPILL-DIFFERENT"}


def test_a_broken_first_keyword_is_not_replaced_by_another_in_silence(read):
    sample = read(changes={"$SPILLOVER": "x", "SPILL": PLAIN})
    assert codes(sample) == {"SPILL-UNUSABLE", "SPILL-DIFFERENT"}
    assert sample.spillover is None


def test_decimal_commas_are_refused(read):
    assert "holds 6 values for 2 detectors" in unusable(
        read(changes={"SPILL": "2,FL1,FL2,1,0,1,0,2,1"})
    )


THREE = {"rows": [[1, 2, 3]], "kinds": ("F32",) * 3}


@pytest.mark.parametrize(
    ("names", "scale", "expected"),
    [
        # the matrix is about the compensated channels
        (("Comp-A", "Comp-B", "C"), Scale.COMPENSATED, {"SPILL-APPLIED"}),
        (("FJComp-A", "B", "C"), Scale.COMPENSATED, {"SPILL-APPLIED"}),
        (("<A>", "<B>", "C"), Scale.COMPENSATED, {"SPILL-APPLIED"}),
        # it is about raw ones; the third is a copy
        (("A", "B", "Comp-A"), Scale.RAW, {"SPILL-MIXED"}),
        (("A", "B", "<C>"), Scale.RAW, {"SPILL-MIXED"}),
        # names that only look alike
        (("Comp", "Compound", "<"), Scale.RAW, set()),
    ],
)
def test_names_of_compensated_channels_are_evidence(read, names, scale, expected):
    changes = {f"$P{n}N": name for n, name in enumerate(names, start=1)}
    changes["SPILL"] = f"2,{names[0]},{names[1]},1,.1,.2,1"
    sample = read(changes=changes, **THREE)
    assert sample.scale is scale
    assert sample.spillover.channels == names[:2]
    assert codes(sample) - {"FCS-MARKER-01"} == expected


def test_a_matrix_about_channels_that_were_renamed_was_applied(read):
    changes = {"$P1N": "Comp-A", "$P2N": "Comp-B", "SPILL": "2,A,B,1,.1,.2,1"}
    sample = read(changes=changes)
    assert (sample.spillover, sample.scale) == (None, Scale.COMPENSATED)
    assert "SPILL-APPLIED" in codes(sample)


def test_compensated_channels_without_a_matrix_need_none(read):
    sample = read(changes={"$P1N": "Comp-A", "$P2N": "Comp-B"})
    assert sample.scale is Scale.COMPENSATED
    assert codes(sample) - {"FCS-MARKER-01"} == {"SPILL-NONE"}


def test_raw_and_compensated_channels_without_a_matrix_need_a_look(read):
    sample = read(changes={"$P1N": "A", "$P2N": "Comp-A"})
    assert sample.scale is Scale.COMPENSATED
    assert codes(sample) - {"FCS-MARKER-01"} == {"SPILL-NONE", "SPILL-MIXED"}


@pytest.mark.parametrize("key", ["APPLY COMPENSATION", "APPLY_COMPENSATION"])
@pytest.mark.parametrize(
    ("said", "spill", "expected"),
    [
        ("TRUE", PLAIN, set()),
        ("FALSE", PLAIN, {"SPILL-OFF"}),
        ("false", "2,FL1,FL2,1,0,0,1", {"SPILL-IDENTITY"}),
        ("TRUE", None, {"SPILL-NONE", "SPILL-LOST"}),
        ("FALSE", None, {"SPILL-NONE"}),
        ("maybe", PLAIN, set()),
    ],
)
def test_what_diva_says_of_compensation_is_compared(read, key, said, spill, expected):
    sample = read(changes={key: said, "SPILL": spill})
    assert codes(sample) == expected
    assert sample.scale is Scale.RAW


def test_diva_exports_of_integers_do_not_say_whether_they_are_compensated(read):
    made_by = {"CREATOR": "BD FACSDiva Software Version 6.1.3"}
    assert "SPILL-EXPORT" in codes(read(kinds=("I16",) * 2, rows=[[1, 2]], changes=made_by))
    assert "SPILL-EXPORT" not in codes(read(changes=made_by))


@pytest.mark.parametrize("text", ["2,1,0.1,0.2,1", "2,100,-10,-20,100", "1", "x", "2,1,0.1"])
def test_comp_is_never_applied(read, text):
    sample = read(changes={"$COMP": text})
    assert (sample.spillover, sample.scale) == (None, Scale.RAW)
    found = [item for item in sample.findings if item.code == "SPILL-COMP"]
    assert [item.severity for item in found] == [Severity.REVIEW]


@pytest.mark.parametrize("text", ["2,1,0,0,1", "2,100,0,0,100", "2,0,0,0,0"])
def test_a_comp_that_changes_nothing_in_any_sense_is_an_identity(read, text):
    assert codes(read(changes={"$COMP": text})) == {"SPILL-IDENTITY"}


def test_comp_beside_a_matrix_is_of_no_consequence(read):
    sample = read(changes={"$COMP": "2,1,0.1,0.2,1", "SPILL": PLAIN})
    assert sample.spillover.source == "SPILL"
    assert codes(sample) == set()


def test_real_files_say_what_is_known_of_them(shared_data):
    folder = shared_data / "instruments"
    expected = {
        "flowio__100715.fcs": set(),  # FCS 2.0, written anew, uncompensated: shares up to 1.24
        "FACS_Diva__facs_diva_test.fcs": set(),
        "aurora__ND050-01.fcs": {"SPILL-IDENTITY"},
        "flowcal__Data002.fcs": {"SPILL-NONE", "SPILL-EXPORT"},
        "FCS3_1__EY_2013-07-19_PBS_FCS_3.1_Well_A1.001.fcs": {"SPILL-EMPTY"},
        "flowio__variable_int_example.fcs": {"SPILL-UNUSABLE"},
    }
    for name, known in expected.items():
        sample = read_fcs(folder / name)
        assert {code for code in codes(sample) if code.startswith("SPILL")} == known, name
        assert sample.scale is Scale.RAW


def test_no_error_is_kept_for_a_matrix_that_many_files_share(read):
    """Its traceback would keep the keywords of every file that it was raised for."""
    singular = "2,FL1,FL2,1,1,1,1"
    messages = {unusable(read(changes={"$SPILLOVER": singular})) for _ in range(2)}
    assert len(messages) == 1
    found, _ = _parsed("$SPILLOVER", singular, ("FL1", "FL2"), ("FL1", "FL2"))
    assert not isinstance(found, BaseException)
    assert "singular" in found[0]
