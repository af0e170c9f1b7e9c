"""read_fcs: places that are no files, several data sets, strict reading."""

from __future__ import annotations

import os
import pickle

import pytest
from build import make_fcs

from flowml.errors import FcsError
from flowml.fcs import read_all, read_fcs
from flowml.fcs.chain import pick
from flowml.fcs.codes import FINDINGS, REFUSALS
from flowml.fcs.data import FileSource


def chained(*parts: dict, step: int | None = None) -> bytes:
    """Return data sets one behind the other, each pointing to the next."""
    out = b""
    for number, how in enumerate(parts):
        last = number == len(parts) - 1
        size = len(make_fcs(changes={"$NEXTDATA": "1000"}, **how))
        content = make_fcs(
            changes={"$NEXTDATA": "0000" if last else f"{step or size:04}"}, **how
        )
        out += content
    return out


FIRST, SECOND, THIRD = {"rows": [[1, 2]]}, {"rows": [[3, 4]]}, {"rows": [[5, 6]]}


@pytest.mark.parametrize("name", ["fifo.fcs", "folder.fcs", "absent.fcs", "nul\0.fcs"])
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path, name):
    if name == "fifo.fcs":
        os.mkfifo(tmp_path / name)
    if name == "folder.fcs":
        (tmp_path / name).mkdir()
    with pytest.raises(FcsError) as refused:
        read_fcs(tmp_path / name)
    assert refused.value.code == "FCS-FILE"
    assert name.partition("\0")[0] in str(refused.value)


def test_a_sample_is_named_by_its_path_never_by_fil(write):
    path = write(changes={"$FIL": "Doe^Jane.fcs"})
    assert read_fcs(path).name == "a.fcs"
    assert read_fcs(str(path), name="run/a.fcs").name == "run/a.fcs"


def test_a_sample_describes_its_events_without_reading_them(write, monkeypatch):
    monkeypatch.setattr(FileSource, "_reader", None)
    sample = read_fcs(write(changes={"$P1N": "SS INT LIN", "$P2S": "CD19"}))
    assert sample.n_events == 3
    assert sample.markers == ("SSC-A", "CD19")
    assert sample.noticed


def test_all_data_sets_are_read_in_order(write):
    path = write(chained(FIRST, SECOND, THIRD))
    assert [s.events().tolist() for s in read_all(path)] == [[[1, 2]], [[3, 4]], [[5, 6]]]


def test_a_damaged_data_set_ends_the_reading_of_all(write):
    found = read_all(write(chained(FIRST, SECOND, THIRD)[:-1]))
    assert [next(found).n_events, next(found).n_events] == [1, 1]
    with pytest.raises(FcsError, match="cut off"):
        next(found)


def test_more_data_sets_than_are_read_are_told(write):
    found = read_all(write(chained(*[FIRST] * 101)))
    assert sum(1 for _ in zip(range(100), found, strict=False)) == 100
    with pytest.raises(FcsError, match="more than 100 data sets"):
        next(found)


@pytest.mark.parametrize(("number", "expected"), [(1, [1, 2]), (2, [3, 4]), (3, [5, 6])])
def test_every_data_set_of_a_chain_can_be_chosen(write, number, expected):
    sample = read_fcs(write(chained(FIRST, SECOND, THIRD)), dataset=number)
    assert sample.events().tolist() == [expected]
    assert "FCS-DATASET-01" not in {item.code for item in sample.findings}


def test_by_itself_the_first_data_set_is_read_with_a_finding(write):
    sample = read_fcs(write(chained(FIRST, SECOND)))
    assert sample.events().tolist() == [[1, 2]]
    assert "FCS-DATASET-01" in {item.code for item in sample.findings}


def test_a_data_set_that_is_not_there_is_refused(write):
    with pytest.raises(
        FcsError, match=r"data set 3 was asked for; the file does not have it\. Choose 1 to 2"
    ):
        read_fcs(write(chained(FIRST, SECOND)), dataset=3)


@pytest.mark.parametrize("dataset", [0, -1, True, "first", 1.5, None])
def test_a_data_set_that_is_no_number_is_refused(write, dataset):
    with pytest.raises(FcsError, match=r"dataset is .*, expected 'auto' or a number from 1"):
        read_fcs(write(), dataset=dataset)


@pytest.mark.parametrize("value", ["1", "57", "60", "5000", "-1", "9" * 40, "junk"])
def test_a_chain_that_leads_nowhere_ends_with_a_finding(write, value):
    path = write(changes={"$NEXTDATA": value}, tail=b"x" * 200)
    sample = read_fcs(path)
    assert sample.events().shape == (3, 2)
    codes = {item.code for item in sample.findings}
    assert "FCS-DATASET-04" in codes
    assert "FCS-DATASET-01" not in codes
    with pytest.raises(FcsError, match="the file does not have it"):
        read_fcs(path, dataset=2)


@pytest.mark.parametrize("value", ["0", "000", None])
def test_a_single_data_set_needs_no_finding(write, value):
    codes = {item.code for item in read_fcs(write(changes={"$NEXTDATA": value})).findings}
    assert not {code for code in codes if code.startswith("FCS-DATASET")}


def test_a_chain_of_thousands_is_bounded(write):
    path = write(chained(*[FIRST] * 300))
    assert read_fcs(path, dataset=100).n_events == 1
    with pytest.raises(FcsError, match="only the first 100 are read"):
        read_fcs(path, dataset=101)


def test_a_second_data_set_that_is_cut_off_is_not_passed_over(write):
    content = chained(FIRST, SECOND)
    path = write(content[:-1])
    with pytest.raises(FcsError, match="data set 2 cannot be read") as refused:
        read_fcs(path)
    assert refused.value.code == "FCS-AGREE"
    assert read_fcs(path, dataset=1).events().tolist() == [[1, 2]]


def test_strict_reading_refuses_findings_and_names_their_codes(write):
    path = write(shift=(0, 1), shift_text=(0, 1))
    assert read_fcs(path).n_events == 3
    with pytest.raises(FcsError, match=r"FCS-OFFSET-02 \(warn\): the end of DATA") as refused:
        read_fcs(path, strict=True)
    assert refused.value.code == "FCS-STRICT"


def test_strict_reading_passes_over_what_is_only_information(write):
    assert read_fcs(write(changes={"$MODE": None}), strict=True).n_events == 3


def test_a_refusal_keeps_its_code_between_processes():
    error = pickle.loads(pickle.dumps(FcsError("why", "FCS-AGREE")))  # noqa: S301 - our own
    assert (str(error), error.code) == ("why", "FCS-AGREE")


def test_codes_are_stable_and_explained():
    assert all(meaning for _, meaning in FINDINGS.values())
    assert all(code.startswith("FCS-") for code in REFUSALS)


def test_a_pipe_in_the_place_of_a_file_is_refused_and_never_waited_for(write):
    path = write()
    sample = read_fcs(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FcsError, match="not a regular file"):
        sample.events()


def test_only_the_first_and_the_wanted_data_set_are_kept(write):
    path = write(chained(*[FIRST] * 5, SECOND))
    with path.open("rb") as stream:
        first, sixth = pick(stream, path.stat().st_size, 6)
    assert first.start == 0
    assert sixth.next_start is None
