"""Strategies written as Gating-ML 2.0: the same events to our reader and to FlowKit's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from places import SHARED_DATA

import flowml
from flowml.errors import GateError, OutputError
from flowml.events import ArraySource
from flowml.gating import (
    Combination,
    Dimension,
    Ellipsoid,
    Gate,
    Polygon,
    Range,
    Ratio,
    Rectangle,
    Strategy,
    quadrants,
)
from flowml.preprocess.transform import Arcsinh, Biexponential, Hyperlog, Linear, Log, Logicle
from flowml.records import Channel, Role, Sample, Spillover

DATA = SHARED_DATA / "gating" / "gatingml"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the shared Gating-ML documents are not beside the project"
)
DOCUMENTS = [path for path in sorted(DATA.glob("gml/*.xml")) if "attr_testing" not in path.stem]
CHANNELS = (
    Channel("FSC-A", marker="FSC-A", role=Role.FORWARD_SCATTER, pulse="A"),
    Channel("FITC-A", "CD4", "CD4", Role.FLUORESCENCE, "A"),
    Channel("PE-A", "CD8", "CD8", Role.FLUORESCENCE, "A"),
)
OWN = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.2], [0.1, 1]]))
OTHER = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.05], [0.3, 1]]), "other")
CD4, CD8 = Dimension("CD4"), Dimension("CD8")
TOP = 262144.0


@pytest.fixture(scope="module")
def tube(tmp_path_factory):
    """A file with a matrix, for both programs."""
    path = tmp_path_factory.mktemp("write") / "tube.fcs"
    random = np.random.default_rng(8)
    values = random.lognormal(7, 2, (6000, 3)) * random.choice([-0.05, 1], (6000, 3))
    values[:, 0] = random.uniform(0, 2e5, 6000)
    sample = Sample("t", CHANNELS, ArraySource(values.astype(np.float32)), spillover=OWN)
    flowml.write_fcs(path, sample)
    return path


def every_kind():
    """Return a strategy with every kind of gate and scale that the standard has."""
    scatter = Dimension("FSC-A", "linear")
    mine = [
        Dimension("CD4", scale, "my matrix / 1")
        for scale in (Arcsinh(TOP, 100, 0.5), Hyperlog(TOP), Linear(TOP), Logicle(TOP, 1, 5))
    ]
    other = Dimension("CD8", "linear", "my matrix / 1")
    return Strategy(
        (
            Gate("B cells, CD4+", Range(0.3, np.inf), (CD4,), "cells"),  # before its parent
            Gate("cells", Range(2e4, 1.5e5), (scatter,)),
            Gate(
                "<&\"' é=1", Polygon([(0.3, 0.2), (0.9, 0.3), (0.5, 0.9)]), (CD4, CD8), "cells"
            ),
            Gate(
                "ellipse", Ellipsoid([0.5, 0.5], [[0.05, 0.01], [0.01, 0.04]], 1.3), (CD4, CD8)
            ),
            *quadrants((CD4, CD8), [[0.4], [0.5]], {"+ +": (1, 1), "- -": (0, 0)}, "cells"),
            Gate("root", Combination("or", ("+ +", "cells"), frozenset({"cells"}))),
            Gate("alone", Combination("and", ("ellipse",))),
            Gate("not", Combination("not", ("ellipse",)), (), "cells"),
            Gate(
                "ratio",
                Range(0.5, 2),
                (Dimension("CD4", "linear", "uncompensated", Ratio("CD8", 2, 1, -3)),),
            ),
            Gate(
                "other ratio",
                Range(0.5, 2),
                (Dimension("CD8", "linear", "uncompensated", Ratio("CD4", 2, 1, -3)),),
            ),
            *(
                Gate(f"scale {number}", Rectangle([0.05, -np.inf], [0.7, 900.0]), (axis, other))
                for number, axis in enumerate(mine)
            ),
            Gate("logarithm", Range(0.2, 0.9), (Dimension("CD4", Log(TOP)),)),
        ),
        {"my matrix / 1": OTHER},
        "mine",
    )


def foreign_masks(document, fcs, ids):
    import flowkit

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = flowkit.parse_gating_xml(str(document)).gate_sample(flowkit.Sample(str(fcs)))
        return [found.get_gate_membership(own) for own in ids]


def ids_of(document):
    from flowml.gating import xmltext
    from flowml.gating.gatingml import KINDS, NAMESPACE

    root = xmltext.parsed(xmltext.checked_text(document, "it"), "it")
    return [i.get(f"{NAMESPACE}id") for i in root if i.tag.removeprefix(NAMESPACE) in KINDS]


def test_every_kind_of_gate_goes_out_and_comes_back(tube, tmp_path):
    sample, strategy, path = flowml.read_fcs(tube), every_kind(), tmp_path / "out.xml"
    flowml.write_gates(strategy, path, sample)
    masks = flowml.gate(sample, strategy)
    assert sum(0 < mask.sum() < 6000 for mask in masks.values()) == len(masks)
    again = flowml.gate(sample, flowml.read_gates(path))
    assert list(again) == list(masks)
    theirs = foreign_masks(path, tube, ids_of(path))
    for (name, mask), foreign in zip(masks.items(), theirs, strict=True):
        assert np.array_equal(again[name], mask), name
        assert np.array_equal(foreign, mask), name


@needs_data
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_documents_of_the_standard_go_out_and_come_back(path, tmp_path):
    sample, strategy = flowml.read_fcs(DATA / "data1.fcs"), flowml.read_gates(path)
    flowml.write_gates(strategy, tmp_path / "out.xml")
    masks = flowml.gate(sample, strategy)
    again = flowml.gate(sample, flowml.read_gates(tmp_path / "out.xml"))
    assert list(again) == list(masks)
    for name, mask in masks.items():
        assert np.array_equal(again[name], mask), name


def one(scale="linear", shape=None, **more):
    return Strategy((Gate("g", shape or Range(0, 1), (Dimension("CD4", scale),), **more),))


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        (one(outside=True), "outside of its shape"),
        (one(), "could be written"),
        (one("logicle"), "Give a sample"),
        (one(Biexponential(TOP)), r"not in Gating-ML 2.0 \(Biexponential\)"),
        (one(Log(TOP), Range(-np.inf, 1)), "open below on a logarithmic"),
        (one(Arcsinh(TOP, 1e5, 3.0)), "more negative decades than"),
        (
            Strategy((Gate("a\x01", Range(0, 1), (Dimension("X", "linear"),)),)),
            "cannot be said",
        ),
        (Strategy((Gate("a\rb", Range(0, 1), (Dimension("X", "linear"),)),)), "control char"),
        (
            Strategy((Gate("a\udcff", Range(0, 1), (Dimension("X", "linear"),)),)),
            "cannot be said",
        ),
        (Strategy((Gate("a", Range(0, 1), (Dimension("\udcff", "linear"),)),)), "surrogates"),
        (Strategy((Gate("a", Range(0, 1), (Dimension("\x01", "linear"),)),)), "2.0: it is not"),
    ],
)
def test_what_the_standard_cannot_say_is_refused_and_leaves_nothing(tmp_path, strategy, says):
    path = tmp_path / "out.xml"
    if says == "could be written":
        flowml.write_gates(strategy, path)
        assert path.exists()
        return
    with pytest.raises(GateError, match=says):
        flowml.write_gates(strategy, path)
    assert list(tmp_path.iterdir()) == []


def test_a_channel_that_the_sample_lacks_is_named(tmp_path):
    sample = Sample("s", CHANNELS[:1], ArraySource(np.zeros((1, 1))))
    with pytest.raises(GateError, match=r"gate 'g'.*'CD4'"):
        flowml.write_gates(one("logicle"), tmp_path / "a.xml", sample)


def test_a_place_that_cannot_be_written_is_an_error_of_output(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        flowml.write_gates(one(), tmp_path / "file" / "out.xml")


@pytest.mark.parametrize(
    "name",
    [
        "CD4²",
        "½",
        "Ⅳ",
        "ª",
        "µ",
        "\u017f",
        "\U0001d538",
        "κ⁺",
        "é",
        "名前",
        "٣",
        "-",
        "x" * 10_000,
        " ",
    ],
)
def test_names_of_any_letters_come_back(tmp_path, name):
    """XML knows fewer letters than Python does; an id of others made the document invalid."""
    strategy = Strategy(
        tuple(Gate(own, Range(0, 1), (Dimension("X", "linear"),)) for own in (name, f"{name}b"))
    )
    flowml.write_gates(strategy, tmp_path / "a.xml")
    assert [gate.name for gate in flowml.read_gates(tmp_path / "a.xml").gates] == [
        name, f"{name}b",
    ]  # fmt: skip


def test_infinite_events_stay_in_open_ends_on_any_scale_that_comes_back(tmp_path):
    values = np.full((6, 3), 50.0, np.float32)
    values[:3, 1] = [np.inf, -np.inf, np.nan]
    sample = Sample("s", CHANNELS, ArraySource(values))
    ends = {"above": Range(0.9, np.inf), "below": Range(-np.inf, 0.0)}
    scales = (Arcsinh(TOP), Hyperlog(TOP), Linear(TOP), Logicle(TOP))
    gates = [
        Gate(f"{number}{end}", shape, (Dimension("CD4", scale),))
        for number, scale in enumerate(scales)
        for end, shape in ends.items()
    ]
    gates.append(Gate("log", Range(0.1, np.inf), (Dimension("CD4", Log(TOP)),)))
    strategy = Strategy(tuple(gates))
    flowml.write_gates(strategy, tmp_path / "a.xml")
    masks = flowml.gate(sample, strategy)
    again = flowml.gate(sample, flowml.read_gates(tmp_path / "a.xml"))
    for name, mask in masks.items():
        assert np.array_equal(again[name], mask), name
    assert masks["0above"].tolist() == [True, False, False, False, False, False]
    assert masks["0below"].tolist() == [False, True, False, False, False, False]
