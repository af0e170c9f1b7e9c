"""Workspaces of FlowJo 10: FlowKit's own counts, and workspaces that are refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from places import SHARED_DATA
from workspaces import LOG, MATRIX, boolean, population, tube, workspace

import flowml
from flowml.errors import FlowmlError, GateError
from flowml.gating import read_gate_document
from flowml.gating.foreign import FlowJoLog

DATA = SHARED_DATA / "gating" / "flowjo"
WORKSPACES = sorted(DATA.glob("*/*.wsp"))
needs_data = pytest.mark.skipif(
    not WORKSPACES, reason="the shared FlowJo workspaces are not beside the project"
)

TREE = (
    population(
        "cells", "FSC-A", 100, 900,
        population("bright", "Comp-B-A", 500, 200000)
        + population("dim", "Comp-B-A", -500, 500, population("bright", "C_D-A", 300, 1e5)),
    )
    + population("others", "FSC-A", 100, 900, inside="0")
    + boolean("And", "both", "cells/bright", "cells/dim/bright")
    + boolean("Or", "any", "cells/bright", "cells/dim/bright")
    + boolean("Not", "none", "cells")
)  # fmt: skip


def written(tmp_path, text, name="lab.wsp"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tube with a slash in the name of a channel, as FlowJo cannot write it."""
    from flowml.events import ArraySource
    from flowml.records import Channel, Role, Sample

    path = tmp_path_factory.mktemp("flowjo") / "a.fcs"
    random = np.random.default_rng(4)
    values = np.column_stack(
        [random.uniform(0, 1000, 5000), random.normal(800, 900, (5000, 2)).reshape(-1, 2)]
    )
    channels = (
        Channel("FSC-A", marker="FSC-A", role=Role.FORWARD_SCATTER, pulse="A"),
        Channel("B-A", role=Role.FLUORESCENCE, pulse="A"),
        Channel("C/D-A", role=Role.FLUORESCENCE, pulse="A"),
    )
    sample = Sample("a.fcs", channels, ArraySource(values.astype(np.float32)))
    flowml.write_fcs(path, sample)
    return path


def counts_of(path, fcs):
    """Return FlowKit's counts, by the path of each population."""
    import flowkit

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = flowkit.Workspace(str(path), fcs_samples=str(fcs))
        name = found.get_sample_ids()[0]
        found.analyze_samples(sample_id=name)
        results = found.get_gating_results(name)
        ids = found.get_gate_ids(name)
        names = [own for own, _ in ids]
        return {
            own if names.count(own) == 1 else "/".join((*above[1:], own)): int(
                results.get_gate_count(own, above)
            )
            for own, above in ids
        }


@needs_data
@pytest.mark.parametrize("path", WORKSPACES, ids=lambda path: path.stem)
def test_every_workspace_gives_the_counts_of_flowkit(path):
    (fcs,) = path.parent.glob("*.fcs")
    masks = flowml.gate(flowml.read_fcs(fcs), flowml.read_gates(path))
    assert {name: int(mask.sum()) for name, mask in masks.items()} == counts_of(path, fcs)


def test_trees_matrices_and_scales_give_the_counts_of_flowkit(tmp_path, made):
    path = written(tmp_path, workspace(tube("a.fcs", TREE)))
    strategy = flowml.read_gates(path)
    assert [gate.name for gate in strategy.gates if "bright" in gate.name] == [
        "cells/bright", "cells/dim/bright",
    ]  # fmt: skip
    assert strategy["cells/dim/bright"].dimensions[0].channel == "C/D-A"
    masks = flowml.gate(flowml.read_fcs(made), strategy)
    found = {name: int(mask.sum()) for name, mask in masks.items()}
    assert found == counts_of(path, made)
    assert 0 < found["cells/dim/bright"] < found["dim"] < found["cells"] < 5000
    assert found["others"] == found["none"] == 5000 - found["cells"]
    assert found["both"] == 0
    assert found["any"] == found["cells/bright"] + found["cells/dim/bright"]


def test_logarithms_are_those_of_flowkit(tmp_path, made):
    text = workspace(
        tube("a.fcs", population("p", "FSC-A", 10, 400), scales=LOG.format("FSC-A"), matrix="")
    )
    path = written(tmp_path, text)
    strategy = flowml.read_gates(path)
    masks = flowml.gate(flowml.read_fcs(made), strategy)
    assert {"p": int(masks["p"].sum())} == counts_of(path, made)
    scale = strategy["p"].dimensions[0].scale
    assert scale == FlowJoLog(10, 4)
    assert np.allclose(scale([1, 10, 1000]), [0, 0, 0.5])
    assert np.allclose(scale.inverse([0, 0.5]), [10, 1000])
    with pytest.raises(GateError, match="offset 0"):
        FlowJoLog(0, 4)


def test_each_sample_has_gates_of_its_own(tmp_path):
    one, two = (population(name, "FSC-A", 1, 2) for name in ("first", "second"))
    group = (
        '<GroupNode name="G"><Group name="G"><SampleRefs><SampleRef sampleID="2"/>'
        '<SampleRef sampleID="9"/></SampleRefs></Group></GroupNode>'
    )
    path = written(tmp_path, workspace(tube("A", one), tube("B", two, 2), groups=group))
    assert [gate.name for gate in flowml.read_gates(path, "A").gates] == ["first"]
    assert [gate.name for gate in flowml.read_gates(path, "B").gates] == ["second"]
    # a file is known by its name: where it lies on another machine says nothing
    assert "second" in [gate.name for gate in flowml.read_gates(path, "day1/b X.fcs").gates]
    assert read_gate_document(path).content.groups == {"G": ("B",)}
    with pytest.raises(GateError, match=r"lab\.wsp has 2 samples\. Name one.*A, B"):
        flowml.read_gates(path)
    with pytest.raises(GateError, match=r"no sample 'C'.*Nearest"):
        flowml.read_gates(path, "C")


GOOD = population("p", "FSC-A", 1, 2)


def nested(levels):
    return "<Subpopulations>" * levels + GOOD + "</Subpopulations>" * levels


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (workspace(), "0 samples"),
        (workspace(tube("A", nested(20_000))), "nested too deeply"),
        (workspace(tube("A", nested(400))), "cannot be read"),
        (workspace(tube("A", "")), "0 gates"),
        (workspace(tube("A", GOOD), tube("A", GOOD, 2)), "samples named 'A'"),
        (workspace(tube("", GOOD)), "samples named ''"),
        (workspace(tube("A", GOOD)).replace("10.8.1", "9.7"), "not a workspace of FlowJo 10"),
        (workspace(tube("A", GOOD, matrix=MATRIX.format(prefix="(a+)+"))), "the prefix"),
        (workspace(tube("A", population("p", "FSC-A", 1, 2, inside="2"))), "eventsInside='2'"),
        (workspace(tube("A", GOOD * 2)), "populations named 'p' side by side"),
        (workspace(tube("A", GOOD * 501)), "501 gates"),
        (workspace(tube("A", population("p", "FSC-A", 2, 1))), "below the high"),
        (workspace(tube("A", population("p", "FSC-A", "x", 1))), "cannot be read"),
        (workspace(tube("A", boolean("Not", "n", "nobody"))), "cannot be read|not there"),
        (workspace(tube("A", GOOD, scales="<transforms:miltenyi/>")), "cannot be read"),
        (workspace(tube("A", GOOD)).replace("?>", "?><!DOCTYPE a>", 1), "type definition"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, text, says):
    with pytest.raises(GateError, match=says):
        flowml.read_gates(written(tmp_path, text))


def test_no_file_that_a_workspace_names_is_opened(tmp_path, monkeypatch):
    path = written(tmp_path, workspace(tube("A", GOOD)))
    flowml.read_gates(path)  # imports FlowKit
    opened = []
    import builtins
    import io
    import os

    for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module,
            name,
            lambda *a, _real=real, **k: (opened.append(str(a[0])), _real(*a, **k))[1],
        )
    assert flowml.read_gates(path)["p"]
    assert {name for name in opened if "elsewhere" in name or name.endswith(".fcs")} == set()


def test_random_damage_never_gives_another_error(tmp_path):
    random = np.random.default_rng(6)
    text = bytearray(workspace(tube("A", TREE)).encode())
    for _ in range(60):
        damaged = text.copy()
        for place in random.integers(0, len(text), 3):
            damaged[place] = random.integers(0, 256)
        path = tmp_path / "damaged.wsp"
        path.write_bytes(damaged)
        try:
            flowml.read_gates(path, "A")
        except FlowmlError:
            continue


def test_names_with_slashes_are_read(tmp_path):
    """FlowKit's paths have slashes, too: names with one had no children and no dependents."""
    inner = population("B/kappa", "B-A", 1, 2, inner=population("deep", "B-A", 1, 2))
    trees = (
        population("T/NK cells", "FSC-A", 1, 2, inner=inner)
        + population("B/kappa", "FSC-A", 1, 2)
        + boolean("Not", "others", "T/NK cells/B/kappa")
        + boolean("Or", "any", "T/NK cells", "B/kappa")
    )
    strategy = flowml.read_gates(written(tmp_path, workspace(tube("a", trees))))
    assert [(gate.name, gate.parent) for gate in strategy.gates] == [
        ("T/NK cells", ""), ("T/NK cells/B/kappa", "T/NK cells"),
        ("deep", "T/NK cells/B/kappa"), ("B/kappa", ""), ("any", ""), ("others", ""),
    ]  # fmt: skip
    assert strategy["others"].shape.populations == ("T/NK cells/B/kappa",)
    assert strategy["any"].shape.populations == ("T/NK cells", "B/kappa")


def test_paths_that_slashes_make_alike_are_refused(tmp_path):
    trees = population("A/B", "FSC-A", 1, 2) + population(
        "A", "FSC-A", 1, 2, inner=population("B", "B-A", 1, 2)
    )
    with pytest.raises(GateError, match="two populations of the path 'A/B'"):
        flowml.read_gates(written(tmp_path, workspace(tube("a", trees))))
