"""Matrices in CSV files: the forms that programs write, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.errors import FcsError
from flowml.fcs import read_fcs, read_spillover_csv
from flowml.fcs.matrixfile import load_spillover_csv


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
