"""Gating-ML 2.0: the expected membership of every event, and documents that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import flowml
from flowml.errors import FlowmlError, GateError
from flowml.gating import apply, gatingml
from flowml.preprocess.transform import Logicle

DATA = Path(__file__).parents[3] / "shared" / "data" / "gating" / "gatingml"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the shared Gating-ML documents are not beside the project"
)
DOCUMENTS = sorted(DATA.glob("gml/*.xml"))
INVALID = {"gml_range_gate_attr_testing"}  # its gate lies outside of the standard's tree
RENAMED = {"ParRectangle1": "ParQuadRect"}  # gates whose truth has another name
WITHOUT_TRUTH = {"myEllipse2"}

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gating:Gating-ML
    xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating"
    xmlns:transforms="http://www.isac-net.org/std/Gating-ML/v2.0/transformations"
    xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">
"""
TAIL = "</gating:Gating-ML>"
DIMENSION = """
<gating:dimension gating:compensation-ref="{comp}" gating:min="1" gating:max="{high}" {more}>
<data-type:fcs-dimension data-type:name="FL1-H" /></gating:dimension>
"""


def rectangle(name="R", parent="", comp="uncompensated", high="2", more=""):
    parent = f'gating:parent_id="{parent}"' if parent else ""
    dimension = DIMENSION.format(comp=comp, high=high, more=more)
    return (
        f'<gating:RectangleGate gating:id="{name}" {parent}>{dimension}</gating:RectangleGate>'
    )


def boolean(name, *references, operation="and", complement=""):
    items = "".join(
        f'<gating:gateReference gating:ref="{r}" {complement}/>' for r in references
    )
    inner = f"<gating:{operation}>{items}</gating:{operation}>"
    return f'<gating:BooleanGate gating:id="{name}">{inner}</gating:BooleanGate>'


def matrix(*rows):
    names = '<data-type:fcs-dimension data-type:name="FL{}-H" />'
    dims = "".join(names.format(i + 1) for i in range(len(rows[0])))
    dyes = "".join(names.format(f"dye{i}") for i in range(len(rows)))
    spectra = "".join(
        "<transforms:spectrum>"
        + "".join(f'<transforms:coefficient transforms:value="{v}" />' for v in row)
        + "</transforms:spectrum>"
        for row in rows
    )
    return (
        '<transforms:spectrumMatrix transforms:id="M">'
        f"<transforms:fluorochromes>{dyes}</transforms:fluorochromes>"
        f"<transforms:detectors>{dims}</transforms:detectors>{spectra}"
        "</transforms:spectrumMatrix>"
    )


def read(tmp_path, text, encoding="utf-8", name="panel.xml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return flowml.read_gates(path)


@pytest.fixture(scope="module")
def sample():
    return flowml.read_fcs(DATA / "data1.fcs")


@needs_data
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_event_is_where_the_standard_says(path, sample):
    if path.stem in INVALID:
        with pytest.raises(GateError, match="0 gates"):
            flowml.read_gates(path)
        return
    for name, mask in flowml.gate(sample, flowml.read_gates(path)).items():
        if name not in WITHOUT_TRUTH:
            assert np.array_equal(mask, truth(name)), name


def truth(name):
    text = (DATA / "truth" / f"Results_{RENAMED.get(name, name)}.txt").read_text()
    return np.array(text.split(), dtype=int).astype(bool)


@needs_data
def test_every_expected_result_is_reached():
    read_names = set()
    for path in DOCUMENTS:
        if path.stem not in INVALID:
            read_names |= {gate.name for gate in flowml.read_gates(path).gates}
    expected = {path.stem.removeprefix("Results_") for path in DATA.glob("truth/*.txt")}
    known = {RENAMED.get(name, name) for name in read_names}
    assert len(expected) == 51
    assert expected <= known
    assert known - expected == WITHOUT_TRUTH


@needs_data
@pytest.mark.parametrize("least", [1, 10**9], ids=["by table", "exactly"])
def test_the_whole_document_in_its_order(sample, monkeypatch, least):
    monkeypatch.setattr(apply, "LEAST_TABLED", least)
    strategy = flowml.read_gates(DATA / "gml" / "gml_all_gates.xml")
    assert [gate.name for gate in strategy.gates][:4] == [
        "Range1", "Rectangle1", "Rectangle2", "Polygon1",
    ]  # fmt: skip
    masks = flowml.gate(sample, strategy)
    assert len(masks) == 49
    for name, mask in masks.items():
        assert np.array_equal(mask, truth(name)), name


def test_scales_are_ours_where_we_have_them(tmp_path):
    scale = (
        '<transforms:transformation transforms:id="L"><transforms:logicle transforms:T="1000" '
        'transforms:W="0.5" transforms:M="4.5" transforms:A="0"/></transforms:transformation>'
        '<transforms:transformation transforms:id="F"><transforms:flog transforms:T="1000" '
        'transforms:M="2" /></transforms:transformation>'
    )
    gates = rectangle("A", more='gating:transformation-ref="L"')
    gates += rectangle("B", more='gating:transformation-ref="F"')
    strategy = read(tmp_path, HEAD + scale + gates + TAIL)
    assert strategy["A"].dimensions[0].scale == Logicle(1000, 0.5, 4.5, 0)
    logarithm = strategy["B"].dimensions[0].scale
    assert np.allclose(logarithm([10.0, 1000.0]), [0.0, 1.0])
    assert np.allclose(logarithm.inverse([0.0, 1.0]), [10.0, 1000.0])
    assert np.isnan(logarithm([np.nan, -1.0])).all()
    assert logarithm([0.0])[0] == -np.inf


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_usual_encoding_is_read(tmp_path, encoding):
    text = (HEAD + rectangle("é") + TAIL).replace("UTF-8", encoding.removesuffix("-sig"))
    assert read(tmp_path, text, encoding)["é"].shape.high == 2


ENTITY = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_definitions_are_refused_in_every_encoding(tmp_path, encoding):
    text = HEAD.replace("?>\n", f"?>\n{ENTITY}\n", 1) + rectangle("&b;") + TAIL
    for variant in (text, text.replace("<!DOCTYPE", "<!doctype"), text.split("?>", 1)[1]):
        with pytest.raises(GateError, match="document type definition"):
            read(tmp_path, variant, encoding)


@pytest.mark.parametrize("claimed", ["UTF-7", "cp037", "UTF-32", "utf-16", "x" * 500])
def test_a_definition_cannot_hide_in_an_odd_encoding(tmp_path, claimed):
    with pytest.raises(GateError, match=r"encoding|null|not well-formed"):
        read(tmp_path, HEAD.replace("UTF-8", claimed) + rectangle() + TAIL)


def test_a_second_declaration_is_refused(tmp_path):
    hidden = '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-'
    with pytest.raises(GateError, match="not well-formed"):
        read(tmp_path, HEAD.replace("?>", f"?>{hidden}", 1) + rectangle() + TAIL)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "0 gates"),
        ("<oops", "not well-formed"),
        ("\0", "null"),
        (rectangle("A") * 2, "id 'A'"),
        (rectangle(""), "id ''"),
        (rectangle("A", parent="B"), "not valid"),
        (rectangle("A", parent="A"), "not valid"),
        (rectangle("A", high="many"), "not valid"),
        (rectangle("A", high="0.5"), r"'A' \(RectangleGate\).*below the high"),
        (rectangle("A", high="NaN"), "below the high"),
        (rectangle("A", comp="nowhere"), "'nowhere'"),
        (
            rectangle("A", more='gating:transformation-ref="T"'),
            "'T'; the document defines none",
        ),
        (rectangle("root"), "not valid"),
        (rectangle("a/b"), "not valid"),
        (rectangle("A") + boolean("B", "nobody"), "not valid"),
        (rectangle("A") + boolean("B", "C") + boolean("C", "B"), "not valid"),
        (
            rectangle("A") + boolean("B", "A", complement='gating:use-as-complement="1"'),
            "true or",
        ),
        (matrix((1, 1), (1, 1)) + rectangle("A", comp="M"), "cannot be inverted"),
        (matrix((1, 0, 0), (0, 1, 0)) + rectangle("A", comp="M"), "only square"),
        (rectangle("A") + boolean("B", *["A"] * 2001), "2001 references"),
        ("".join(rectangle(f"g{i}") for i in range(501)), "501 gates"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, body, says):
    with pytest.raises(GateError, match=says):
        read(tmp_path, HEAD + body + TAIL)


def test_quadrants_cannot_share_a_name(tmp_path):
    divider = (
        '<gating:QuadrantGate gating:id="{0}"><gating:divider gating:id="d{0}" '
        'gating:compensation-ref="FCS"><data-type:fcs-dimension data-type:name="FL1-H" />'
        '<gating:value>1</gating:value></gating:divider><gating:Quadrant gating:id="q">'
        '<gating:position gating:divider_ref="d{0}" gating:location="5" /></gating:Quadrant>'
        "</gating:QuadrantGate>"
    )
    assert read(tmp_path, HEAD + divider.format("A") + TAIL)["q"].shape.low == 1
    with pytest.raises(GateError, match="id 'q'"):
        read(tmp_path, HEAD + divider.format("A") + divider.format("B") + TAIL)


def test_a_document_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(gatingml, "LARGEST_DOCUMENT", 1000)
    with pytest.raises(GateError, match="larger than 1000 bytes"):
        read(tmp_path, HEAD + " " * 1000 + rectangle() + TAIL)


def test_other_files_are_named_for_what_they_are(tmp_path):
    with pytest.raises(GateError, match="'html', which cannot be read; expected Gating-ML"):
        read(tmp_path, "<html></html>")
    for content in (b"", b"FCS3.0    ", b"\xff\xfe", bytes(range(256))):
        with pytest.raises(GateError, match=r"not a gate document|not well-formed|not text"):
            read(tmp_path, content)


def test_random_damage_never_gives_another_error(tmp_path):
    random = np.random.default_rng(5)
    text = bytearray((HEAD + matrix((1, 0.1), (0.2, 1)) + rectangle(comp="M") + TAIL).encode())
    for _ in range(150):
        damaged = text.copy()
        for place in random.integers(0, len(text), 3):
            damaged[place] = random.integers(0, 256)
        try:
            read(tmp_path, bytes(damaged))
        except FlowmlError:
            continue
