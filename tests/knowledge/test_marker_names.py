"""A laboratory's own names of markers: the file, its errors, and what they do to a channel."""

from __future__ import annotations

import hashlib
import os
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowml
from flowml.errors import FlowmlError, PanelError
from flowml.knowledge.marker_names import LARGEST_FILE, read_marker_names
from flowml.knowledge.markers import name_channel, name_channels
from flowml.records import Role


@pytest.fixture
def names(tmp_path):
    """Return a function that reads a table of marker names."""

    def read(*rows, heading="alias,canonical,new"):
        path = tmp_path / "names.csv"
        path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
        return read_marker_names(path)

    return read


def test_a_whole_label_or_its_marker_is_an_alias(names):
    own = names("T-Zell Mix,CD3", "Ki67/Cyc,Ki-67", "X7,cyCD3", "R-12,CD8+IgL", "CD5,CD19")
    for label, marker, dye in [
        ("T-Zell Mix", "CD3", ""), ("t zell_mix", "CD3", ""), ("X7-PE", "cyCD3", "PE"),
        ("X7 (clone) PC7", "cyCD3", "PC7"), ("R12 FITC-A", "CD8+lambda", "FITC"),
        ("X7/CD4", "cyCD3+CD4", ""), ("CD5-APC", "CD19", "APC"), ("CD7", "CD7", ""),
        ("Ki67/Cyc", "Ki-67", ""),
    ]:  # fmt: skip
        found = name_channel("FL1", label, own)
        assert (found.marker, found.fluorochrome, found.known) == (marker, dye, True), label


def test_without_a_label_the_name_of_the_channel_is_an_alias(names):
    own = names("FL7-A,CD45", "FSC-A,CD3", "Time,CD3")
    assert name_channel("FL7-A", "", own).marker == "CD45"
    assert name_channel("FL7-A", "CD19", own).marker == "CD19"
    assert name_channel("FSC-A", "", own).marker == "FSC-A"  # light that was scattered is none
    assert name_channel("Time", "", own).role is Role.TIME


def test_a_label_that_reads_like_bookkeeping_can_be_a_marker(names):
    assert name_channel("FL1", "Cluster 5").role is Role.OTHER
    found = name_channel("FL1", "Cluster 5", names("Cluster 5,CD5"))
    assert (found.marker, found.role) == ("CD5", Role.FLUORESCENCE)


def test_a_new_marker_has_to_be_called_new(names):
    own = names("anti-Foo,Foo-1,yes", "F1,foo 1", "FooBar,Foo-1+CD4,")
    for label in ("anti-Foo PE", "F1", "Foo-1", "foo1 PE"):
        assert name_channel("FL2", label, own).marker == "Foo-1"
    assert name_channel("FL2", "FooBar", own).marker == "CD4+Foo-1"
    assert name_channel("FL2", "Foo-1").known is False


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_tables_of_any_spreadsheet_are_read(tmp_path, sign, start):
    path = tmp_path / "n.csv"
    lines = [f"Canonical{sign}note{sign}ALIAS", f"CD19{sign}x{sign}B4", "", f"cd3{sign}{sign}T"]
    path.write_bytes((start + "\r\n".join(lines)).encode())
    own = read_marker_names(path)
    assert own.by_alias == {"b4": "CD19", "t": "CD3"}
    assert own.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(own) == f"n.csv (SHA-256 {own.sha256})"


def test_all_errors_are_told_at_once_with_their_lines(names):
    with pytest.raises(PanelError) as caught:
        names(
            ",CD19,", "B4,,", "B4,CD19,", "b-4,CD20,", "Q,CD19x,", "V,kapa,perhaps", "S,FSC-A,",
            "X,a|b,yes", "Y,Nothing like it,", "B4,cd19,", "Z" * 201 + ",CD3,",
        )  # fmt: skip
    message = str(caught.value)
    for part in (
        "line 2: alias and canonical must not be empty", "line 3: alias and canonical",
        "line 5: the alias 'b-4' means CD19 already, and CD20 here",
        "line 6: no marker is called 'CD19x'; nearest: CD19", "line 7: new is 'perhaps'",
        "line 8: 'FSC-A' is no marker", "line 9: 'a|b' cannot be a marker's name",
        "line 10: no marker is called 'Nothing like it'. If it is one that flowml does not",
        "line 12: the alias has more than 200 characters", "Correct these lines.",
    ):  # fmt: skip
        assert part in message
    assert "line 4:" not in message
    assert "line 11:" not in message  # the same once more


def test_only_the_first_of_many_errors_are_shown(names):
    with pytest.raises(PanelError, match="and 40 more"):
        names(*(f"a{n},no such marker at all {n}," for n in range(50)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected one alias and one canonical"),
        (b"alias\nB4\n", "expected one alias and one canonical"),
        (b"alias,alias,canonical\na,b,c\n", "expected one alias and one canonical"),
        (b"alias,canonical\n", "no rows"), (b"alias,canonical\n,\n", "no rows"),
        (b"PK\x03\x04\xff\xfe", "UTF-8"), (b"alias,canonical\n\xff,CD3\n", "UTF-8"),
        (b"x" * (LARGEST_FILE + 1), "larger than"),
        (b'alias,canonical\n"' + b"a" * 140_000 + b'",CD3\n', "not a table of text"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_names_is_refused(tmp_path, content, said):
    path = tmp_path / "n.csv"
    path.write_bytes(content)
    with pytest.raises(PanelError, match=said):
        read_marker_names(path)


def test_what_is_no_file_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "missing.csv", "a\0b"):
        with pytest.raises(PanelError):
            read_marker_names(place)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PanelError, match="not a regular file"):
        read_marker_names(tmp_path / "pipe")


def test_hostile_names_do_not_reach_a_message_or_a_marker(names):
    with pytest.raises(PanelError) as caught:
        names("\x1b[31mA,\u202eB,")
    assert not {"\x1b", "\u202e"} & set(str(caught.value))
    for bad in ("a:b", "a|b", "a+b", "\u202ex", "-x", "x" * 41, "="):
        with pytest.raises(PanelError):
            names(f"A,{bad},yes")


def test_they_travel_to_a_worker_and_are_equal_there(names):
    own = names("B4,CD19")
    assert own.whole("b4") == "CD19"
    sent = pickle.loads(pickle.dumps(own))  # noqa: S301 - what joblib does with it
    assert sent == own
    assert hash(sent) == hash(own)
    assert sent.whole("B4") == "CD19"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(max_size=60), st.text(max_size=30))
def test_any_table_is_read_or_refused(tmp_path_factory, rows, label):
    path = tmp_path_factory.mktemp("names") / "n.csv"
    path.write_text("alias,canonical\n" + rows, encoding="utf-8", errors="replace")
    try:
        own = read_marker_names(path)
    except FlowmlError:
        return
    found = name_channel("FL1", label, own)
    assert found.marker == name_channel("FL1", label).marker or own.aliases


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_names_that_no_label_has_change_nothing(pairs):
    own = flowml.knowledge.marker_names.MarkerNames((("zzzzzzzz", "CD19"),))
    assert name_channels(pairs, own) == name_channels(pairs)
