"""Hostile text, and files that are whole or absent."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FcsError, FlowmlError, OutputError
from flowml.safety import file_sha256, nearest, printable, spreadsheet_cell, written_aside


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(), st.integers(1, 50))
def test_shown_text_is_short_and_on_one_line(text, limit):
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1
    assert all(char.isprintable() or char.isspace() for char in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("CD19", "CD19"), ("Grün µ", "Grün µ"), ("\x1b[31m", "?[31m"), ("a\u202eb", "a?b"),
     ("a\nb\r\0", "a?b??"), ("a\u2028b\u2029c", "a?b?c"), ("\udcff", "?"), (12, "12"),
     ("", "")],
)  # fmt: skip
def test_control_characters_are_shown_as_question_marks(text, shown):
    assert printable(text) == shown


def test_long_text_is_cut_visibly():
    assert printable("x" * 100_000, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_formulas_are_kept_from_spreadsheets(start):
    assert spreadsheet_cell(f"{start}cmd|'/C calc'!A0") == f"'{start}cmd|'/C calc'!A0"


@pytest.mark.parametrize("text", ["CD19", "", "'x", "B-ALL", 5])
def test_other_cells_stay_as_they_are(text):
    assert spreadsheet_cell(text) == str(text)


def test_a_whole_file_appears_in_a_folder_made_for_it(tmp_path):
    target = tmp_path / "new" / "deep" / "out.csv"
    with written_aside(target) as aside:
        aside.write_text("x")
        assert not target.exists()
    assert target.read_text() == "x"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_is_replaced_only_when_the_new_one_is_whole(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def write_half():
        with written_aside(target) as aside:
            aside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [FcsError("x"), KeyboardInterrupt()])
def test_an_error_within_passes_and_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)), written_aside(tmp_path / "out.csv"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_permissions_are_the_usual_ones(tmp_path):
    before = os.umask(0o027)
    try:
        with written_aside(tmp_path / "out.csv") as aside:
            aside.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["file/out.csv", "folder", "", "nul\0.csv", "x" * 300])
def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path, name):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    expected = pytest.raises(OutputError, match=r"(could not write .*|NUL.*)Choose")
    with expected, written_aside(tmp_path / name) as aside:
        aside.write_text("x")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_is_an_output_error(tmp_path):
    expected = pytest.raises(OutputError, match=r"No space left on device\. Choose a folder")
    with expected, written_aside(tmp_path / "out.csv"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    assert file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(FlowmlError, match=r"could not read .*absent: No such file"):
        file_sha256(tmp_path / "absent")


@pytest.mark.parametrize(
    ("word", "expected"), [("cd19", "CD19"), ("zzz", "CD19, CD20, kappa"), ("Kapa", "kappa")]
)
def test_the_nearest_words_are_named(word, expected):
    assert nearest(word, ["CD19", "CD20", "kappa"]).startswith(expected)


def test_a_word_of_100_kb_is_compared_at_once():
    assert nearest("x" * 100_000, ["CD19"]) == "CD19"
