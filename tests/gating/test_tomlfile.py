"""Our own gate document."""

from __future__ import annotations

import numpy as np
import pytest

import flowml
from flowml.errors import GateError

GOOD = """
version = 1

[[gate]]
name = "B cells"
parent = "Lymphocytes"
kind = "range"
channels = ["CD19"]
scale = "linear"
bounds = [[1000.0, inf]]

[[gate]]
name = "Lymphocytes"
kind = "polygon"
channels = ["CD45", "SSC-A"]
scale = ["logicle", "linear"]
vertices = [[0.6, 0.0], [0.9, 0.0], [0.9, 60000], [0.6, 60000]]

[[gate]]
name = "Box"
kind = "rectangle"
channels = ["CD3", "CD4"]
bounds = [[-inf, 0.4], [0.2, 0.5]]
compensated = false

[[gate]]
name = "Ellipse"
kind = "ellipsoid"
channels = ["CD3", "CD4"]
center = [0.5, 0.5]
covariance = [[0.02, 0.01], [0.01, 0.02]]

[[gate]]
name = "Others"
kind = "boolean"
operation = "and"
populations = ["Lymphocytes", "B cells"]
complements = ["B cells"]
"""


def read(tmp_path, text):
    path = tmp_path / "panel.toml"
    path.write_text(text, encoding="utf-8")
    return flowml.read_gates(path)


def test_every_kind_is_read(tmp_path):
    strategy = read(tmp_path, GOOD)
    names = ["B cells", "Lymphocytes", "Box", "Ellipse", "Others"]
    assert [gate.name for gate in strategy.gates] == names
    assert strategy["B cells"].parent == "Lymphocytes"
    assert strategy["B cells"].dimensions[0].scale == "linear"
    assert [d.scale for d in strategy["Lymphocytes"].dimensions] == ["logicle", "linear"]
    assert [d.compensation for d in strategy["Box"].dimensions] == ["uncompensated"] * 2
    assert np.array_equal(strategy["Box"].shape.low, [-np.inf, 0.2])
    assert strategy["Ellipse"].shape.distance_square == 1
    assert strategy["Others"].shape.complements == {"B cells"}


def test_a_bare_name_means_the_folder_that_one_is_in(tmp_path, monkeypatch):
    read(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert len(flowml.read_gates("panel.toml").gates) == 5


def gate_with(**changes):
    keys = {
        "name": '"A"',
        "kind": '"rectangle"',
        "channels": '["X", "Y"]',
        "bounds": "[[0, 1], [0, 1]]",
    }
    keys |= changes
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items() if value)
    return f"version = 1\n[[gate]]\n{lines}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "version = 1"),
        ("version = 2\n[[gate]]\n", "version = 1"),
        ("version = 1\n", "one or more"),
        ("version = 1\ngate = []\n", "one or more"),
        ("version = 1\ngate = 3\n", "one or more"),
        ("version = 1\ngate = [3]\n", "gate 1 .*has no name"),
        ("nonsense", "not a TOML file"),
        (gate_with() + "\n[extra]\n", "unknown key 'extra'"),
        (gate_with(name=""), "gate 1 .*has no name"),
        (gate_with(name="7"), "gate 1 .*has no name"),
        (gate_with(kind='"circle"'), r"gate 1 \('A'\) .*'circle'; expected one of range"),
        (gate_with(kind="[1]"), "kind"),
        (gate_with(parents='"B"'), "unknown key 'parents'.*Nearest: parent"),
        (gate_with(vertices="[[0, 0]]"), "unknown key 'vertices'"),
        (gate_with(bounds=""), "lacks the key 'bounds'"),
        (gate_with(bounds="[[0, 1], [0]]"), "coordinates that cannot be used"),
        (gate_with(bounds='[["0", 1], [0, 1]]'), "coordinates that cannot be used"),
        (gate_with(bounds="[[true, 1], [0, 1]]"), "coordinates that cannot be used"),
        (gate_with(bounds="[[nan, 1], [0, 1]]"), "below the high"),
        (gate_with(bounds="[[1, 0], [0, 1]]"), r"gate 1 \('A'\) .*below the high"),
        (gate_with(bounds="[[0, 1, 2], [0, 1, 2]]"), "pairs"),
        (gate_with(bounds="[]"), "coordinates that cannot be used"),
        (gate_with(channels='["X"]'), "1 channels"),
        (gate_with(channels='"X"'), "expected a list of texts"),
        (gate_with(scale='"log"'), "'log'; expected one of logicle"),
        (gate_with(scale='["linear"]'), "1 scales"),
        (gate_with(scale="3"), "expected a name, or a table"),
        (gate_with(compensated="1"), "expected true or false"),
        (gate_with(parent="3"), "parent is '3'; expected a text"),
        (gate_with(parent='"nobody"'), "'nobody', which is not there"),
        (gate_with(parent='"A"'), "depend on themselves"),
        (gate_with(kind='"range"'), "one pair of bounds"),
        (gate_with() + gate_with().removeprefix("version = 1\n"), "two gates named 'A'"),
        (
            gate_with(
                kind='"ellipsoid"',
                bounds="",
                center="[0, 0]",
                covariance="[[1, 2], [2, 1]]",
            ),
            "positive eigenvalues",
        ),
        (
            gate_with(
                kind='"boolean"',
                bounds="",
                channels="",
                operation='"and"',
                populations='["B"]',
                complements='["C"]',
            ),
            "not among",
        ),
        (gate_with(kind='"boolean"', bounds="", operation='"and"'), "unknown key 'channels'"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, text, says):
    with pytest.raises(GateError, match=says):
        read(tmp_path, text)


def test_control_characters_are_not_shown(tmp_path):
    with pytest.raises(GateError) as caught:
        read(tmp_path, gate_with(name='"\\u001b[31m"', kind='"\\u001b[2J"'))
    assert "\x1b" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    for name in ("none.toml", "none.xml"):
        with pytest.raises(GateError, match="could not read"):
            flowml.read_gates(tmp_path / name)


MORE = """
version = 1

[[gate]]
name = "CD4 x CD8"
kind = "quadrant"
parent = "singlets"
channels = ["CD4", "CD8"]
dividers = [[0.4], [0.5, 0.7]]
populations = {"CD4 T" = [1, 0], "CD8 bright" = [0, 2]}

[[gate]]
name = "singlets"
kind = "range"
channels = ["FSC-A"]
divided_by = ["FSC-H"]
factor = 2
bounds = [[0.8, 1.3]]

[[gate]]
name = "no blasts"
kind = "rectangle"
channels = ["CD45", "SSC-A"]
bounds = [[0.2, 0.5], [0.0, 0.3]]
outside = true
"""


def test_quadrants_ratios_and_what_is_outside_are_read(tmp_path):
    strategy = read(tmp_path, MORE)
    assert [gate.name for gate in strategy.gates] == [
        "CD4 T", "CD8 bright", "singlets", "no blasts",
    ]  # fmt: skip
    bright = strategy["CD8 bright"]
    assert (bright.parent, bright.shape.low.tolist()) == ("singlets", [-np.inf, 0.7])
    assert bright.shape.high.tolist() == [0.4, np.inf]
    (axis,) = strategy["singlets"].dimensions
    assert (axis.channels, axis.scale) == (("FSC-A", "FSC-H"), "linear")
    assert axis.ratio.factor == 2
    assert [gate.outside for gate in strategy.gates] == [False, False, False, True]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[0.5, 0.7]", "[0.7, 0.5]", "dividers on axis 2"),
        ("[[0.4], [0.5, 0.7]]", "[[0.4]]", "2 channels, with dividers on 1"),
        ("[[0.4], [0.5, 0.7]]", "0.4", "cannot be used"),
        ("[0, 2]", "[0, 3]", "expected 0 to 2"),
        ("[0, 2]", "[0, 2.0]", "whole number"),
        ("[0, 2]", "[1, 0]", "1 places by 2 names"),
        ("[0, 2]", "[1]", "a place of 1 numbers"),
        ('divided_by = ["FSC-H"]', "", "has factor but no divided_by"),
        ('["FSC-H"]', '["FSC-H", "X"]', "2 divisors for 1 channels"),
        ("factor = 2", "factor = 0", "first not 0"),
        ("factor = 2", 'factor = "2"', "cannot be used"),
        ("factor = 2", 'scale = "logicle"', "ratio on the scale logicle"),
        ("outside = true", "outside = 1", "expected true or false"),
        ("dividers =", "bounds =", "unknown key 'bounds'"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_gate(tmp_path, old, new, says):
    assert old in MORE
    with pytest.raises(GateError, match=says):
        read(tmp_path, MORE.replace(old, new, 1))


DEEP = 'version = 1\n[[gate]]\nname = "a"\nkind = "range"\nchannels = ["X"]\nbounds = '
QUADRANTS = (
    'version = 1\n[[gate]]\nname = "q"\nkind = "quadrant"\nchannels = ["X"]\n'
    "dividers = [[{}]]\npopulations = {{{}}}\n"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DEEP + "[" * 5000 + "]" * 5000, "nested too deeply"),
        (DEEP + "[[0, 1" + "0" * 5000 + "]]", "not a TOML file"),
        (QUADRANTS.format("0.5", ", ".join(f"p{n} = [0]" for n in range(2001))), "more than"),
        (QUADRANTS.format(", ".join(map(str, range(2001))), "p = [0]"), "more than 2000"),
        (DEEP + "[[0, 1]]\n[[gate]]\nname = 'b'\nkind = 'boolean'\noperation = 'or'\n",
         r"^gate 2 \('b'\) of panel.toml lacks the key 'populations'"),
        (DEEP.replace('channels = ["X"]\n', "") + "[[0, 1]]", "lacks the key 'channels'"),
        (DEEP + "[[0, 1]]\ndivided_by = 3", r"^gate 1 \('a'\) of panel.toml: divided_by is"),
        (QUADRANTS.format("0.5", "p = [0]").replace('["X"]', '"X"'),
         r"^gate 1 \('q'\) of panel.toml: channels is"),
    ],
)  # fmt: skip
def test_hostile_and_half_written_files_are_refused_in_a_sentence(tmp_path, text, says):
    with pytest.raises(GateError, match=says):
        read(tmp_path, text)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    assert read(tmp_path, "\ufeff" + DEEP + "[[0, 1]]").gates[0].name == "a"
