"""Spillover: which keyword, which channels, what is refused, what is only noted."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.errors import FcsError
from flowml.fcs import read_fcs, read_spillover_csv
from flowml.fcs.spillover import load_spillover_csv
from flowml.records import Scale, Severity

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
        ("2,FL1,FL2", "holds 0 values for 2 detectors, expected 4"),
        ("3,FL1,FL2,1,0.1,0.2,1", "declares '3' detectors, expected 1 to 2"),
        ("99999999,FL1", "declares '99999999' detectors, expected 1 to 2"),
        ("0", "declares '0' detectors"),
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


def test_coulters_percent_are_read_and_never_applied(read):
    changes = {"$P1N": "FS INT LIN", "$P2N": "FL1 INT LOG", "$P3N": "FL2 INT LOG"}
    changes |= {"$DFC1TO2": "10.5", "$DFC2TO1": " 2"}
    sample = read(rows=[[1, 2, 3]], kinds=("I16",) * 3, changes=changes)
    assert sample.spillover.channels == ("FL1 INT LOG", "FL2 INT LOG")
    np.testing.assert_allclose(sample.spillover.matrix, [[1, 0.105], [0.02, 1]])
    assert sample.scale is Scale.COMPENSATED
    assert "SPILL-COULTER" in codes(sample)


def test_coulters_matrix_beside_rewritten_data_needs_a_look(read):
    sample = read(changes={"$DFC1TO2": "10.5"})
    assert sample.scale is Scale.COMPENSATED
    assert "SPILL-APPLIED" in codes(sample)


def test_a_spillover_keyword_goes_before_coulters(read):
    sample = read(changes={"$DFC1TO2": "10.5", "SPILL": PLAIN})
    assert sample.spillover.source == "SPILL"


@pytest.mark.parametrize("key", ["$DFC1TO9", "$DFC0TO1"])
def test_coulters_matrix_beyond_the_fluorescence_channels_is_refused(read, key):
    assert f"{key} does not name two fluorescence channels" in unusable(
        read(changes={key: "5"})
    )


def test_many_channels_without_a_matrix_take_no_memory_for_one(read):
    sample = read(rows=[[0] * 2000], kinds=("I8",) * 2000, changes={"$DFC1TO2": "1"})
    assert "2000 fluorescence channels, expected up to 1000" in unusable(sample)


@pytest.mark.parametrize("names", [("Comp-A", "Comp-B"), ("FJComp-A", "B"), ("<A>", "<B>")])
def test_names_of_compensated_channels_are_evidence(read, names):
    changes = {
        "$P1N": names[0],
        "$P2N": names[1],
        "SPILL": f"2,{names[0]},{names[1]},1,.1,.2,1",
    }
    sample = read(changes=changes)
    assert sample.scale is Scale.COMPENSATED
    assert "SPILL-APPLIED" in codes(sample)


def test_arrays_of_a_matrix_are_read_only(read):
    with pytest.raises(ValueError, match="read-only"):
        read(changes={"SPILL": PLAIN}).spillover.matrix[0, 0] = 2


def csv_file(tmp_path, text):
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "A,B\n1,0.1\n0.2,1\n",
        ",A,B\nA,1,0.1\nB,0.2,1\n",
        '"","A","B"\n"B",0.2,1\n"A",1,0.1\n',
        "\ufeffx, A ,B\r\n\r\nCD3 dye,1,0.1\r\nCD4 dye,0.2, 1\r\n",
        ",A :: CD3,B :: CD4\nA :: CD3,1,0.1\nB :: CD4,0.2,1\n",
        "A,B\nA,1,0.1\nB,0.2,1\n",
    ],
)
def test_csv_matrices_are_read_in_the_forms_that_programs_write(tmp_path, text):
    spillover = read_spillover_csv(csv_file(tmp_path, text))
    assert spillover.channels == ("A", "B")
    assert spillover.matrix.tolist() == [[1, 0.1], [0.2, 1]]


def test_a_csv_matrix_in_percent_is_converted_with_a_finding(tmp_path):
    spillover, findings = load_spillover_csv(csv_file(tmp_path, "A,B\n100,10\n20,100\n"))
    np.testing.assert_allclose(spillover.matrix, [[1, 0.1], [0.2, 1]])
    assert [item.code for item in findings] == ["SPILL-PERCENT"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a square matrix"),
        ("A,B\n", "not a square matrix"),
        ("A,B\n1,0.1\n", "has a diagonal of 0.1"),
        ("A,B\n1,0.1\n0.2,1\n0,0\n", "not a square matrix"),
        ("A,B\n1,0.1,9,9\n0.2,1,9,9\n", "not a square matrix"),
        ("A,B\nA,1,0.1\n0.2,1\n", "not a square matrix"),
        ("A;B\n1;0,1\n0,2;1\n", "not a square matrix"),
        (",A,B\nA,1,0.1\nC,0.2,1\n", "are begun by A, C, the columns by A, B"),
        ("A,A\n1,0.1\n0.2,1\n", "names a detector twice"),
        ("A,B\n1,x\n0.2,1\n", "not a finite number"),
        ("A,B\n1,1\n1,1\n", "is singular"),
    ],
)
def test_a_csv_file_that_is_no_matrix_is_refused(tmp_path, text, reason):
    with pytest.raises(FcsError, match=r"m\.csv") as refused:
        read_spillover_csv(csv_file(tmp_path, text))
    assert reason in str(refused.value)
    assert refused.value.code == "FCS-SPILL"


@pytest.mark.parametrize("name", ["absent.csv", ".", "nul\0.csv"])
def test_a_matrix_that_is_not_a_file_is_refused(tmp_path, name):
    with pytest.raises(FcsError, match=r"could not read the matrix .*Give a CSV file"):
        read_spillover_csv(tmp_path / name)


def test_the_reference_matrix_fits_its_sample(shared_data):
    folder = shared_data / "spillover"
    reference = read_spillover_csv(folder / "Compensation-Spillover-Matrix.csv")
    sample = read_fcs(folder / "Activation_1.fcs")
    assert set(reference.channels) <= set(sample.channel_names)
    assert reference.matrix.shape == (11, 11)
    assert reference.matrix[1, 2] == 0.529828
