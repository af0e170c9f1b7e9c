"""``flowml deidentify``, as it is called."""

from __future__ import annotations

import csv
import stat
from pathlib import Path, PurePath

import numpy as np
import pytest
from commands import flowml_process, run_here

from flowml.events import ArraySource
from flowml.fcs import read_fcs, write_fcs
from flowml.fcs.deidentify.names import escaped, numbered
from flowml.records import Channel, Sample

NAME = "Mueller Anna"


def _write(path, label="CD19"):
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    names = ("FSC-A", "SSC-A", "FL1-A")
    channels = tuple(Channel(n, label if n == "FL1-A" else "") for n in names)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fcs(path, Sample("a", channels, ArraySource(values)), {"$SRC": NAME, "MRN 1": "x"})
    return path


@pytest.fixture
def run(capsys):
    return run_here(capsys)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of two files, and a case of two tubes in a folder of its own."""
    root = tmp_path / "in"
    for name in (f"{NAME}.fcs", "b.LMD", f"{NAME} 2/tube 1.fcs", f"{NAME} 2/tube 2.fcs"):
        _write(root / name)
    return root


def _copies(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_a_folder_is_copied_with_its_names(run, folder, tmp_path):
    done = run("deidentify", folder, tmp_path / "out")
    assert done.status == 0
    assert _copies(tmp_path / "out") == _copies(folder)
    for path in (tmp_path / "out").rglob("*.fcs"):
        assert NAME.encode() not in path.read_bytes()
        one, two = read_fcs(path), read_fcs(folder / path.relative_to(tmp_path / "out"))
        np.testing.assert_array_equal(one.stored, two.stored)
    assert "4 files copied, 0 refused" in done.err
    assert "names of files and folders were kept" in done.err
    assert done.out.count(" blanked, ") == 4


def test_numbers_in_place_of_names(run, folder, tmp_path):
    out, table = tmp_path / "out", tmp_path / "private" / "map.csv"
    done = run("deidentify", folder, out, "--rename", "number", "--map", table)
    assert done.status == 0
    assert NAME not in done.out
    assert "Mueller" not in "".join(_copies(out))
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    with table.open(newline="") as stream:
        rows = {row["copy"]: row["original"] for row in csv.DictReader(stream)}
    assert sorted(rows) == _copies(out)
    assert sorted(rows.values()) == _copies(folder)
    tubes = [PurePath(copy) for copy, original in rows.items() if "tube" in original]
    assert len({tube.parent for tube in tubes}) == 1  # a case stays together
    assert [rows[str(tube)][-5] for tube in sorted(tubes)] == ["1", "2"]
    for copy, original in rows.items():
        assert (out / copy).stat().st_size == (folder / original).stat().st_size


def test_numbers_do_not_follow_the_order_of_names():
    names = [PurePath(f"{letter}.fcs") for letter in "abcdefghijklmnop"]
    given = {tuple(numbered(names).values()) for _ in range(5)}
    assert len(given) > 1
    assert all(len(set(order)) == len(names) for order in given)


def test_one_bad_file_does_not_stop_the_others(run, folder, tmp_path):
    (folder / "bad.fcs").write_bytes(b"PNG" * 99)
    (folder / "b2.fcs").write_bytes((folder / "b.LMD").read_bytes()[:-30])
    done = run("deidentify", folder, tmp_path / "out")
    assert done.status == 1
    assert "bad.fcs: refused: not an FCS file" in done.out
    assert "4 files copied, 2 refused" in done.err
    assert "bad.fcs" not in _copies(tmp_path / "out")


def test_nothing_is_overwritten_unless_asked(run, folder, tmp_path):
    out = tmp_path / "out"
    (out / f"{NAME} 2").mkdir(parents=True)
    mine = out / "b.LMD"
    mine.write_bytes(b"mine")
    done = run("deidentify", folder, out)
    assert done.status == 1
    assert "b.LMD: left alone: it is there already" in done.out
    assert "3 files copied, 0 refused" in done.err
    assert "1 left alone: copies are there; --overwrite replaces them" in done.err
    assert mine.read_bytes() == b"mine"
    assert run("deidentify", folder, out, "--overwrite").status == 0
    assert mine.stat().st_size == (folder / "b.LMD").stat().st_size


@pytest.mark.parametrize("out", ["in", "in/copies", ".", "in/b.LMD"])
def test_copies_never_mix_with_originals(run, folder, tmp_path, monkeypatch, out):
    monkeypatch.chdir(folder.parent)
    before = _copies(tmp_path)
    for source in (Path("in"), Path("in/b.LMD")):
        if (source.name, out) == ("b.LMD", "in/copies"):
            continue  # beside the file: apart from it
        assert run("deidentify", source, out, "--overwrite").status == 2
    assert _copies(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--rename", "number"], "together"),
        (["--map", "map.csv"], "together"),
        (["--rename", "number", "--map", "out/map.csv"], "travel with the copies"),
        (["--rename", "number", "--map", "taken.csv"], "anew each time"),
        (["--rename", "number", "--map", "map.csv", "--overwrite"], "anew each time"),
    ],
)
def test_a_map_is_kept_apart_and_never_lost(
    run, folder, tmp_path, monkeypatch, options, reason
):
    monkeypatch.chdir(tmp_path)
    Path("taken.csv").write_text("mine")
    done = run("deidentify", folder, "out", *options)
    assert done.status == 2
    assert reason in " ".join(done.err.split())
    assert not Path("out").exists()
    assert Path("taken.csv").read_text() == "mine"


def test_one_file_to_a_file(run, folder, tmp_path):
    copy = tmp_path / "shared" / "x.fcs"
    assert run("deidentify", folder / "b.LMD", copy).status == 0
    assert NAME.encode() not in copy.read_bytes()


def test_free_text_that_stays_is_listed(run, tmp_path):
    for name, label in (("a", "CD19"), ("b", "Schulze"), ("c", "CD3 4711471")):
        _write(tmp_path / "in" / f"{name}.fcs", label)
    done = run("deidentify", tmp_path / "in", tmp_path / "out", "--list")
    assert "? $PnS         Schulze  (in 1 file: b.fcs)" in done.out
    assert "  $PnS         CD19  (in 1 file: a.fcs)" in done.out
    assert "  $PnN         FL1-A  (in 3 files: a.fcs, ...)" in done.out
    assert "4711471" not in done.out
    assert "c.fcs: " in done.out
    assert "not fit to stay: $P3S" in done.out
    again = run("deidentify", tmp_path / "in", tmp_path / "out2")
    assert "Schulze" not in again.out + again.err
    assert "1 names or labels that stay are not in our tables" in again.err


def test_as_a_process_it_says_what_it_is_for(folder, tmp_path):
    assert "Research use only" in flowml_process("deidentify", "--help").out
    done = flowml_process("deidentify", "-q", folder, tmp_path / "out")
    assert (done.status, done.err) == (0, "")


def test_copies_are_written_in_the_order_of_their_numbers(run, tmp_path):
    for n in range(12):
        _write(tmp_path / "in" / f"{NAME} {n}.fcs")
    out = tmp_path / "out"
    run("deidentify", tmp_path / "in", out, "--rename", "number", "--map", tmp_path / "m.csv")
    by_time = sorted(out.iterdir(), key=lambda copy: copy.stat().st_mtime_ns)
    assert by_time == sorted(out.iterdir())


def test_what_nobody_knows_is_listed_first(run, tmp_path):
    for name, label in (("a", "CD19"), ("b", "Zacharias")):
        _write(tmp_path / "in" / f"{name}.fcs", label)
    done = run("deidentify", tmp_path / "in", tmp_path / "out", "--list")
    marks = [line[0] for line in done.out.splitlines() if line[:2] in {"? ", "  "}]
    assert marks == ["?"] + [" "] * (len(marks) - 1)
    assert len(marks) > 3


def test_the_list_names_copies_and_not_originals(run, folder, tmp_path):
    how = ["--list", "--rename", "number", "--map", tmp_path / "m.csv"]
    done = run("deidentify", folder, tmp_path / "out", *how)
    assert "CD19  (in 4 files: " in done.out
    assert "Mueller" not in done.out


def test_a_second_run_leaves_all_copies_alone(run, folder, tmp_path):
    out = tmp_path / "out"
    assert run("deidentify", folder, out).status == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.fcs")}
    done = run("deidentify", folder, out)
    assert done.status == 1
    assert "0 files copied, 0 refused" in done.err
    assert "4 left alone: copies are there" in done.err
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.fcs")} == before


def test_the_map_spells_out_what_is_not_seen(run, tmp_path):
    hostile = "a\u202eb\x1b[31m\n\u2028\\.fcs"
    _write(tmp_path / "in" / hostile)
    table = tmp_path / "m.csv"
    how = ["--rename", "number", "--map", table]
    assert run("deidentify", tmp_path / "in", tmp_path / "out", *how).status == 0
    content = table.read_text(encoding="utf-8")
    assert content.splitlines() == [
        "copy,original", r"0001.fcs,a\u202eb\x1b[31m\n\u2028\\.fcs",
    ]  # fmt: skip


def test_different_names_stay_different_in_the_map():
    assert escaped("Schröder 王.fcs") == "Schröder 王.fcs"
    assert escaped("a\n") != escaped("a\\n")
    assert escaped("a\udcff") == r"a\udcff"
    for name in ("a\n\\\x00", "\u200fb", "\\u200fb"):
        assert escaped(name).encode("ascii").decode("unicode_escape") == name


def test_the_ending_of_a_name_does_not_reach_its_number():
    name = PurePath("x.Mueller Hans")
    assert numbered([name])[name] == PurePath("0001.fcs")
