"""Whoever finds populations, written as text and read again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from places import SHARED_DATA
from small import sample_of
from test_write_gates import every_kind

import flowml
from flowml.errors import FlowmlError, GateError
from flowml.events import ArraySource
from flowml.gating import Dimension, Gate, Range, Ratio, Rectangle, Strategy
from flowml.gating.automatic import names as automatic
from flowml.gating.gaters import (
    Automatic,
    find_populations,
    gates_as_text,
    gates_from,
    gates_from_text,
    names_of,
    whole_of,
)
from flowml.gating.learned import NetworkSettings
from flowml.preprocess.transform import Arcsinh, Biexponential, Hyperlog, Log, Logicle
from flowml.records import Channel, Role, Sample, Spillover

DATA = SHARED_DATA / "gating" / "gatingml"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the shared Gating-ML documents are not beside the project"
)
TOP = 262144.0
CD4, CD8 = Dimension("CD4"), Dimension("CD8")


def sample(n_events=4000):
    channels = (
        Channel("FSC-A", marker="FSC-A", role=Role.FORWARD_SCATTER, pulse="A"),
        Channel("FITC-A", "CD4", "CD4", Role.FLUORESCENCE, "A"),
        Channel("PE-A", "CD8", "CD8", Role.FLUORESCENCE, "A"),
    )
    random = np.random.default_rng(3)
    values = random.lognormal(7, 2, (n_events, 3)) * random.choice([-0.05, 1], (n_events, 3))
    matrix = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.2], [0.1, 1]]))
    return Sample("t", channels, ArraySource(values.astype(np.float32)), spillover=matrix)


def again(gates):
    return gates_from_text(gates_as_text(gates))


def same_masks(tube, gates):
    """Say whether gates find the same after they were written and read, and that they find."""
    one, other = (find_populations(tube, each).masks for each in (gates, again(gates)))
    assert list(one) == list(other)
    return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "scale",
    ["logicle", "arcsinh", "linear", Logicle(TOP, 0.8, 5.0, 0.2), Arcsinh(TOP, 90.0, 0.5),
     Hyperlog(TOP), Log(TOP, 5.0), Biexponential(TOP, -30.0)],
)  # fmt: skip
def test_every_scale_comes_back(scale):
    gate = Gate("inside", Range(0.2, 0.6), (Dimension("CD4", scale),))
    assert again(Strategy((gate,))).gates[0].dimensions[0].scale == scale


def test_every_kind_finds_the_same_again():
    own = [gate for gate in every_kind().gates if not own_matrix(gate)]
    names = {gate.name for gate in own}
    strategy = Strategy(tuple(gate for gate in own if set(gate.needs) <= names))
    assert len({gate.shape.kind for gate in strategy.gates}) >= 4
    assert same_masks(sample(), strategy)


def own_matrix(gate):
    return any(axis.compensation == "my matrix / 1" for axis in gate.dimensions)


def test_open_ends_ratios_and_what_is_outside_come_back():
    axes = (Dimension("FSC-A", "linear", "uncompensated"), CD4)
    ratio = Dimension("CD4", "linear", ratio=Ratio("CD8", 2.0, 1.0, -3.0))
    strategy = Strategy(
        (
            Gate("box", Rectangle(np.array([-np.inf, 0.3]), np.array([1e4, np.inf])), axes),
            Gate("not box", Range(0.1, np.inf), (CD8,), "box", outside=True),
            Gate("ratio", Range(0.5, 2.0), (ratio,)),
        ),
        source="Doe, John.toml",
    )
    assert same_masks(sample(), strategy)
    assert "Doe" not in gates_as_text(strategy) + again(strategy).source
    assert again(strategy)["box"].dimensions == axes


def is_written(gates):
    try:
        return bool(gates_as_text(gates))
    except GateError:  # a matrix of its own, a scale with an offset, an odd covariance
        return False


def fits(tube, gates):
    names = {name for gate in gates.gates for axis in gate.dimensions for name in axis.channels}
    return names <= {*tube.channel_names, *tube.markers}


@needs_data
def test_gates_of_the_standards_own_documents_find_the_same_again():
    tubes = [flowml.read_fcs(path) for path in sorted(DATA.rglob("*.fcs"))]
    paths = [path for path in DATA.glob("gml/*.xml") if "attr_testing" not in path.stem]
    gates = [found for path in paths if is_written(found := flowml.read_gates(path))]
    same = [same_masks(t, each) for t in tubes for each in gates if fits(t, each)]
    assert len(gates) >= 20
    assert len(same) >= 20
    assert all(same)


def test_automatic_gates_and_learned_ones_find_the_same_again():
    tubes = [sample_of(index) for index in range(3)]
    assert same_masks(tubes[0], Automatic("acute"))
    labels = [np.where(t.events()[:, 0] > 60000, "cell", "artefact") for t in tubes]
    settings = NetworkSettings(n_passes=2)
    learned = flowml.EventClassifier(settings=settings).fit(tubes, labels)
    assert same_masks(tubes[1], learned)
    text = gates_as_text(learned)
    assert gates_as_text(gates_from_text(text)) == text


def test_the_populations_that_can_be_found_are_named():
    own = [name for key, name in vars(automatic).items() if key.isupper() and key != "EVERY"]
    assert sorted(names_of(Automatic())) == sorted(own)
    assert all(set(flowml.auto_gate(sample_of(n)).masks) <= set(own) for n in range(3))
    assert names_of(Strategy((Gate("A", Range(0, 1), (CD4,)),))) == ("A",)


def test_all_cells_are_known_where_nobody_drew_the_gates():
    assert whole_of(Automatic()) == "cells"
    assert whole_of(Strategy((Gate("A", Range(0, 1), (CD4,)),))) == ""


@pytest.mark.parametrize("panel", ["auto", "mature", "acute"])
def test_automatic_gates_go_by_their_panel(panel):
    assert gates_from(panel) == Automatic(panel)
    assert gates_from("auto", "acute") == Automatic("acute")


def test_a_matrix_of_the_gates_own_is_refused():
    matrix = Spillover(("FITC-A", "PE-A"), np.eye(2), "my matrix")
    gate = Gate("A", Range(0, 1), (Dimension("CD4", "logicle", "mine"),))
    with pytest.raises(GateError, match="brings the matrix 'mine'"):
        gates_as_text(Strategy((gate,), {"mine": matrix}))


def test_ratios_of_several_factors_are_refused():
    axes = tuple(
        Dimension("CD4", "linear", ratio=Ratio("CD8", factor)) for factor in (1.0, 2.0)
    )
    gate = Gate("A", Rectangle(np.zeros(2), np.ones(2)), axes)
    with pytest.raises(GateError, match="several factors"):
        gates_as_text(Strategy((gate,)))


def test_a_scale_of_another_program_is_refused():
    class Odd:
        def __call__(self, x):
            return x

        def inverse(self, y):
            return y

    gate = Gate("A", Range(0, 1), (Dimension("CD4", Odd()),))
    with pytest.raises(GateError, match="only its own program"):
        gates_as_text(Strategy((gate,)))


def test_gaters_of_another_kind_are_refused():
    with pytest.raises(GateError, match="cannot be written down"):
        gates_as_text(object())


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "3", "nul", '{"kind":"pickled"}', '{"kind":["drawn"]}',
        '{"kind":"automatic"}', '{"kind":"automatic","panel":3}',
        '{"kind":"drawn"}', '{"kind":"drawn","gates":[]}', [1], b"{}",
        '{"kind":"drawn","gates":[{"name":"A"}]}',
        '{"kind":"drawn","gates":[{"name":"A","kind":"range","bounds":[3]}]}',
        '{"kind":"learned"}', '{"kind":"learned","manifest":{},"tables":"AAAA"}',
        '{"kind":"learned","manifest":{"tables":[]},"tables":"!"}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_text_that_is_none_is_refused(text):
    with pytest.raises(FlowmlError):
        gates_from_text(text)


def test_a_damaged_network_is_refused():
    tubes = [sample_of(index) for index in range(2)]
    labels = [np.where(t.events()[:, 0] > 60000, "cell", "artefact") for t in tubes]
    settings = NetworkSettings(n_passes=1)
    learned = flowml.EventClassifier(settings=settings).fit(tubes, labels)
    plain = json.loads(gates_as_text(learned))
    plain["manifest"]["n_hidden"] += 1
    with pytest.raises(FlowmlError):
        gates_from_text(json.dumps(plain))
    plain["manifest"]["n_hidden"] -= 1
    plain["tables"] = plain["tables"][:-8]
    with pytest.raises(FlowmlError):
        gates_from_text(json.dumps(plain))
