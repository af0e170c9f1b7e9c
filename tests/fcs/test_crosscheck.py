"""Other readers beside ours: verdicts, and peers that hang, die, lie or eat memory."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from build import make_fcs
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from flowml.errors import FlowmlError
from flowml.fcs import crosscheck
from flowml.fcs.crosscheck import Verdict, cross_check, difference, installed_peers
from flowml.fcs.peers import reason_of

FLOWIO = {"FlowIO": "?"}
# an interpreter that has the readers which do not fit beside flowml (docs/readers.md)
PEER_PYTHON = os.environ.get("FLOWML_PEER_PYTHON", sys.executable)
FAKE = """
import os, sys, time
import numpy as np

class Frame:
    def __init__(self, values):
        self.values = values
    def to_numpy(self):
        return self.values

TRUE = np.array([[1.5, 2.5], [3.5, 4.5], [5.5, -6.5]], dtype=np.float32)

def parse(path, **options):
    {body}
"""


def written(tmp_path, raw, name="a.fcs"):
    path = tmp_path / name
    path.write_bytes(raw)
    return path


def one(path, peers=FLOWIO):
    (found,) = cross_check(path, path.name, peers)
    return found


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return a function that puts a module of our own in the place of fcsparser."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    (tmp_path / "site").mkdir()

    def check(*body):
        text = FAKE.format(body="\n    ".join(body))
        (tmp_path / "site" / "fcsparser.py").write_text(text, encoding="utf-8")
        assert "fcsparser" in installed_peers()
        return one(written(tmp_path, make_fcs()), {"fcsparser": "0"})

    return check


# --- verdicts ----------------------------------------------------------------------------


def test_flowio_is_found_with_its_version():
    import flowio

    assert installed_peers()["FlowIO"] == flowio.__version__


@pytest.mark.parametrize("kinds", [("F32", "F32"), ("D64", "D64"), ("I16", "I16")])
@pytest.mark.parametrize("order", ["<", ">"])
def test_plain_files_are_equal(tmp_path, kinds, order):
    rows = [[1, 2], [300, 4], [5, 60000]]
    found = one(written(tmp_path, make_fcs(rows, kinds, order=order)))
    assert (found.verdict, found.detail) == (Verdict.EQUAL, "")
    assert (found.n_events, found.n_channels, found.n_different) == (3, 2, 0)


@pytest.mark.parametrize("changes", [{"$P1E": "4,1"}, {"$P1E": "4,0"}, {"$P2G": "8"}])
def test_decoded_files_are_equal_after_decoding(tmp_path, changes):
    raw = make_fcs([[1, 2], [300, 400]], ("I16", "I16"), ranges=("1024",) * 2, changes=changes)
    assert one(written(tmp_path, raw)).verdict is Verdict.DECODED


def test_a_peer_that_decodes_otherwise_differs_in_its_linear_values(tmp_path):
    # float data stay linear whatever $PnE says (FCS 3.1, $PnE); FlowIO decodes them
    found = one(written(tmp_path, make_fcs(changes={"$P1E": "4,1"})))
    assert (found.verdict, found.n_different) == (Verdict.DIFFERS, 3)
    assert found.detail.startswith("linear values from event 1, channel FL1: 1.5 against 1.0")


def test_mixed_types_that_flowio_misreads_differ_with_both_numbers(tmp_path):
    raw = make_fcs([[7, 2.5], [9, 4.5]], ("I32", "F32"), version="FCS3.2")
    found = one(written(tmp_path, raw))
    assert found.verdict is Verdict.DIFFERS
    assert found.detail.startswith("stored values from event 1, channel FL2: 2.5 against ")
    assert found.detail.endswith("; 2 of 4 values differ")
    assert found.n_different == 2


def test_what_a_peer_cannot_read_has_a_reason(tmp_path):
    raw = make_fcs([[1, 2]], ("I24", "I24"))
    found = one(written(tmp_path, raw))
    assert found.verdict is Verdict.PEER_CANNOT
    assert found.detail == "NotImplementedError: it gives no events"
    assert (found.n_events, found.n_channels) == (1, 2)


def test_what_we_refuse_says_what_the_peer_makes_of_it(tmp_path):
    found = one(written(tmp_path, make_fcs(changes={"$TOT": "2"})))
    assert found.verdict is Verdict.WE_REFUSE
    assert "need 16 bytes" in found.detail
    assert found.detail.endswith("FlowIO gives 3 events x 2 channels.")


def test_what_nobody_reads_has_both_reasons(tmp_path):
    found = one(written(tmp_path, b"Dear colleague, " * 9))
    assert found.verdict is Verdict.NEITHER
    assert "not an FCS file" in found.detail
    assert "FlowIO: ValueError" in found.detail


def test_every_data_set_of_a_file_is_compared(tmp_path):
    first = make_fcs(changes={"$NEXTDATA": "1000"})
    second = make_fcs([[1, 2, 3]], ("I16",) * 3)
    path = written(tmp_path, first.ljust(1000, b"\0") + second)
    found = cross_check(path, "a", FLOWIO)
    assert [(c.dataset, c.verdict, c.n_events, c.n_channels) for c in found] == [
        (1, Verdict.EQUAL, 3, 2), (2, Verdict.EQUAL, 1, 3)
    ]  # fmt: skip


def test_a_broken_second_data_set_is_named(tmp_path):
    first = make_fcs(changes={"$NEXTDATA": "1000"})
    path = written(tmp_path, first.ljust(1000, b"\0") + make_fcs()[:-4])
    found = cross_check(path, "a", FLOWIO)
    assert [c.dataset for c in found] == [1, 2]
    assert [c.verdict for c in found] == [Verdict.EQUAL, Verdict.NEITHER]


def test_a_pipe_is_not_shown_to_anybody(tmp_path, monkeypatch):
    monkeypatch.setattr(crosscheck, "_run", lambda *_: pytest.fail("shown to a peer"))
    os.mkfifo(tmp_path / "a.fcs")
    found = one(tmp_path / "a.fcs")
    assert found.verdict is Verdict.WE_REFUSE
    assert "not a regular file" in found.detail


def test_a_file_that_changes_meanwhile_is_refused(fake):
    found = fake("open(path, 'ab').write(b'more')", "return {}, Frame(TRUE)")
    assert found.verdict is Verdict.WE_REFUSE
    assert "changed" in found.detail


def test_a_file_without_events_is_equal_to_itself(tmp_path):
    found = one(written(tmp_path, make_fcs([], header_data=(0, 0))))
    assert found.verdict in {Verdict.EQUAL, Verdict.PEER_CANNOT}
    assert (found.n_events, found.n_channels) == (0, 2)


# --- peers that do as they please --------------------------------------------------------


def test_a_peer_that_tells_the_truth(fake):
    assert fake("return {}, Frame(TRUE)").verdict is Verdict.EQUAL


def test_a_peer_that_is_wrong_in_two_values(fake):
    found = fake("TRUE[1, 1] = 99", "TRUE[2, 0] = 98", "return {}, Frame(TRUE)")
    assert (found.verdict, found.n_different) == (Verdict.DIFFERS, 2)
    assert found.detail == (
        "stored values from event 2, channel FL2: 4.5 against 99.0; 2 of 6 values differ"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return {}, Frame(TRUE[:2])", "fcsparser has 2 events x 2 channels, we have 3 x 2"),
        ("return {}, Frame(TRUE[:, :1])", "fcsparser has 3 events x 1 channels, we have 3 x 2"),
    ],
)
def test_a_peer_with_another_shape_differs(fake, body, said):
    found = fake(body)
    assert found.verdict is Verdict.DIFFERS
    assert said in found.detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("bytearray(16 << 30)", "MemoryError"),
        ("os._exit(3)", "it ended with status 3"),
        ("os.kill(os.getpid(), 9)", "it ended with status -9"),
        ("sys.exit('bye')", "SystemExit: bye"),
        ("raise KeyError('Mustermann, Erika')", "KeyError"),
        ("parse(path)", "RecursionError: maximum recursion depth exceeded"),
        ("return {}, Frame(np.array([[None]]))", "TypeError: it gives no table of numbers"),
        ("return {}, Frame(TRUE.ravel())", "TypeError: it gives no table of numbers"),
        ("return {}, Frame('text')", "TypeError: it gives no table of numbers"),
        ("import segments", "ModuleNotFoundError: No module named"),
    ],
)
def test_a_peer_that_fails_is_a_verdict(fake, body, said):
    found = fake(body)
    assert found.verdict is Verdict.PEER_CANNOT
    assert said in found.detail
    assert "Mustermann" not in found.detail


def test_a_peer_that_hangs_is_stopped(fake, monkeypatch):
    # the first start may be slow: only the reading is cut short
    monkeypatch.setattr(crosscheck, "_read_with_peer", _impatient(crosscheck._read_with_peer))
    found = fake("time.sleep(600)")
    assert found.verdict is Verdict.PEER_CANNOT
    assert found.detail == "it took more than 1 s"


def _impatient(read):
    def quick(*arguments):
        before, crosscheck.START_SECONDS = crosscheck.START_SECONDS, 1.0
        try:
            return read(*arguments)
        finally:
            crosscheck.START_SECONDS = before

    return quick


def test_an_interpreter_that_is_none_is_refused(tmp_path):
    for python in ("/dev/null", str(tmp_path / "gone"), "/bin/true", "a\0b"):
        with pytest.raises(FlowmlError, match="no Python that can look for readers"):
            installed_peers(python)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("Erika"), "KeyError: …"),
        (ValueError("invalid literal for int() with base 10: 'O\\'Brien'"),
         "ValueError: invalid literal for int() with base 10: …"),
        (ValueError("'a' is not 'b' here"), "ValueError: … here"),
        (MemoryError(), "MemoryError"),
        (ValueError("x" * 900), "ValueError: " + "x" * 148),
    ],
)  # fmt: skip
def test_reasons_quote_nothing(error, told):
    assert reason_of(error) == told


# --- the comparison itself ---------------------------------------------------------------

NAMES = ("A", "B", "C")


@given(
    cells=st.sets(st.tuples(st.integers(0, 49), st.integers(0, 2)), max_size=20),
    kind=st.sampled_from(["u1", "u2", "u4", "u8", "f4", "f8"]),
    block=st.integers(1, 60),
)
def test_planted_differences_are_counted_and_the_first_is_shown(cells, kind, block):
    ours = np.arange(150, dtype=kind).reshape(50, 3)
    theirs = ours.copy()
    for cell in cells:
        theirs[cell] += 1
    crosscheck.BLOCK, before = block, crosscheck.BLOCK
    try:
        detail, count = difference(ours, theirs, NAMES)
    finally:
        crosscheck.BLOCK = before
    assert count == len(cells)
    if cells:
        row, column = min(cells)
        pair = f"{ours[row, column]} against {theirs[row, column]}"
        assert detail.startswith(
            f"values from event {row + 1}, channel {NAMES[column]}: {pair}"
        )
    else:
        assert detail == ""


def table(*values, dtype=np.float64):
    return np.array([values], dtype=dtype)


def test_the_edges_of_equality():
    names = ("A", "B")
    assert difference(table(np.nan, np.inf), table(np.nan, np.inf), names)[1] == 0
    assert difference(table(0.0, 1.0), table(-0.0, 1.0), names)[1] == 1
    assert difference(table(1.0, np.nan), table(1.0, 2.0), names)[1] == 1
    one, big = table(1.1, 2, dtype=np.float32), table(1.1, 2)
    assert difference(one, big, names)[1] == 1
    assert difference(one, big, names, rounding=1e-6)[1] == 0
    assert difference(table(1, np.nan), table(1, np.nan), names, rounding=1e-6)[1] == 0
    assert difference(table(1, np.inf), table(1, -np.inf), names, rounding=1e-6)[1] == 1
    assert difference(np.empty((0, 2)), np.empty((0, 2)), names) == ("", 0)


def test_whole_numbers_beyond_float64_are_not_taken_for_equal():
    ours = np.array([[2**53 + 1]], dtype=np.uint64)
    assert difference(ours, ours.astype(np.float64), ("A",))[1] == 1
    assert difference(ours - 1, (ours - 1).astype(np.float64), ("A",))[1] == 0


# --- real files --------------------------------------------------------------------------


def documented(folder):
    """Return the verdicts of the table in the docs: file and data set to a row of cells."""
    text = (ROOT / "docs" / "readers.md").read_text(encoding="utf-8")
    rows = [line.strip("| \n").split(" | ") for line in text.splitlines() if "| `" in line]
    cells = [[cell.strip(" `") for cell in row] for row in rows]
    kept = [row for row in cells if row[0].startswith(f"{folder}/")]
    return {(row[0].partition("/")[2], int(row[1])): row for row in kept}


@pytest.mark.parametrize(
    ("reader", "column"), [("FlowIO", 4), ("fcsparser", 5), ("FlowCal", 6)]
)
@pytest.mark.parametrize("folder", ["instruments", "aml-fc500"])
def test_real_files_are_equal_or_stand_in_the_table(shared_data, folder, reader, column):
    peers = installed_peers(PEER_PYTHON)
    if reader not in peers:
        pytest.skip(f"{reader} is not installed; FLOWML_PEER_PYTHON may name where it is")
    table = documented(folder)
    files = {
        p for p in (shared_data / folder).iterdir() if p.suffix.lower() in {".fcs", ".lmd"}
    }
    assert {path.name for path in files} == {name for name, _ in table}
    for path in sorted(files):
        for found in cross_check(path, path.name, {reader: peers[reader]}, python=PEER_PYTHON):
            row = table[path.name, found.dataset]
            older = reader != "FlowIO" and found.verdict is Verdict.PEER_CANNOT
            assert older or row[column].partition(" (")[0] == found.verdict, (row, found)
            if found.n_channels:
                assert row[2:4] == [str(found.n_events), str(found.n_channels)]


def test_fcsparser_reads_a_plain_file_as_we_do(tmp_path):
    if find_spec("fcsparser") is None:
        pytest.skip("fcsparser is not installed")
    path = written(tmp_path, make_fcs([[1, 2], [3, 4]], ("I16", "I16"), ranges=("16",) * 2))
    found = one(path, {"fcsparser": installed_peers(sys.executable)["fcsparser"]})
    assert found.verdict is Verdict.EQUAL
