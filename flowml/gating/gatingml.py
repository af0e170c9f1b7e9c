"""Gating-ML 2.0 documents, read through FlowKit and translated to our records.

The document is decoded and checked first, and the parsers get exactly the text that was
checked: nothing that defines an entity reaches them, in whatever encoding it was written.
"""

from __future__ import annotations

import codecs
import io
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError, GateError
from flowml.gating.gates import Combination, Ellipsoid, Floats, Polygon, Range, Rectangle, Shape
from flowml.gating.strategy import (
    FROM_FILE,
    LINEAR,
    UNCOMPENSATED,
    Dimension,
    Gate,
    Strategy,
)
from flowml.preprocess.transform import Logicle, Transform
from flowml.records import Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MOST_REFERENCES = 2000
LARGEST_DOCUMENT = 8 << 20  # bytes
MOST_GATES = 500  # FlowKit's time grows with their square: 10 s for a chain of 500
LONGEST_DECLARATION = 1000  # bytes
WORST_CONDITION = 1e8  # of a matrix that is worth inverting

NAMESPACE = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
KINDS = ("RectangleGate", "PolygonGate", "EllipsoidGate", "QuadrantGate", "BooleanGate")
ENCODINGS = {"utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"}

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARATION = re.compile(r"^\s*<\?xml\b[^>]*?\?>")
_ENCODING = re.compile(r"""\bencoding\s*=\s*["']([^"']*)["']""")
_DEFINITION = re.compile(r"<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class FlowKitScale:
    """A transformation of the document, behind our own protocol.

    Parameters
    ----------
    transform : flowkit transform
        Has ``apply`` and ``inverse``; formulas: Gating-ML 2.0.
    """

    transform: Any

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the scale; NaN where it is not defined."""
        return _finite_only(self.transform.apply, x)

    def inverse(self, y: ArrayLike) -> Floats:
        """Map values of the scale back to linear ones.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        return _finite_only(self.transform.inverse, y)


def read_gatingml(path: Path | str) -> Strategy:
    """Read a Gating-ML 2.0 document.

    Parameters
    ----------
    path : path-like
        An XML file without a document type definition.

    Returns
    -------
    Strategy
        The gates in the order of the document; each quadrant is a rectangle of its own.

    Raises
    ------
    GateError
        If the document is not Gating-ML 2.0, or has a gate that cannot be read yet.
    """
    where = printable(Path(path).name)
    text = _checked_text(Path(path), where)
    parents = _outline(text, where)
    document, foreign = _parse(text, list(parents), where)
    matrices = {name: _matrix(name, item)[0] for name, item in document.comp_matrices.items()}
    gates = [
        gate for item in foreign for gate in _translate(item, parents[item.gate_name], document)
    ]
    return Strategy(tuple(gates), matrices, where)


def _checked_text(path: Path, where: str) -> str:
    """Return the text of a document that has no definitions, declared as UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise GateError(f"could not read {where}: {error.strerror}.") from error
    if len(data) > LARGEST_DOCUMENT:
        raise GateError(f"{where} is larger than {LARGEST_DOCUMENT} bytes.")
    text = _decoded(data, where)
    if "\0" in text:
        raise GateError(f"{where} holds null characters; expected XML in UTF-8 or UTF-16.")
    if found := _DEFINITION.search(text):
        raise GateError(
            f"{where} has a document type definition ({found[0].upper()}), which is not read "
            "for safety. Remove it; Gating-ML needs none."
        )
    bare = _DECLARATION.sub("", text, count=1).lstrip()
    # A second declaration would make the parser read other characters than were checked.
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{bare}'


def _decoded(data: bytes, where: str) -> str:
    """Decode by the byte order mark, the pattern of null bytes, or the declaration."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not encoding and data[1:2] == b"\0":
        encoding = "utf-16-le"
    elif not encoding and data[:1] == b"\0":
        encoding = "utf-16-be"
    if not encoding:
        start = _DECLARATION.match(data[:LONGEST_DECLARATION].decode("latin-1"))
        named = _ENCODING.search(start[0]) if start else None
        encoding = named[1].casefold() if named else "utf-8"
        if encoding not in ENCODINGS or encoding == "utf-16":
            raise GateError(
                f"{where} claims the encoding {printable(encoding, 40)!r}; expected UTF-8 or "
                "UTF-16."
            )
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise GateError(f"{where} is not text in {encoding}: {error.reason}.") from None


def _outline(text: str, where: str) -> dict[str, str]:
    """Return the parent of each gate, in the order of the document.

    FlowKit sorts gates by kind, takes double names of quadrants for one, and reads every
    complement that is not the word ``true`` as false: all that is settled here.
    """
    try:
        root = ET.fromstring(text.encode("utf-8"))  # noqa: S314 - no DTD reaches it, see `_checked_text`
    except (ET.ParseError, ValueError) as error:
        raise GateError(f"{where} is not well-formed XML: {error}.") from None
    if root.tag != f"{NAMESPACE}Gating-ML":
        kind = "a FlowJo workspace" if root.tag == "Workspace" else f"a {printable(root.tag)!r}"
        raise GateError(f"{where} is {kind}, which cannot be read yet; expected Gating-ML 2.0.")
    gates = [item for item in root if item.tag.removeprefix(NAMESPACE) in KINDS]
    quadrants = [part for item in gates for part in item.findall(f"{NAMESPACE}Quadrant")]
    _check_names([item.get(f"{NAMESPACE}id", "") for item in (*gates, *quadrants)], where)
    references = [part for item in gates for part in item.iter(f"{NAMESPACE}gateReference")]
    _check_references(references, where)
    return {
        item.get(f"{NAMESPACE}id", ""): item.get(f"{NAMESPACE}parent_id", "") for item in gates
    }


def _check_names(names: list[str], where: str) -> None:
    """Check that there are gates, not too many, and that each has a name of its own."""
    if not 0 < len(names) <= MOST_GATES:
        raise GateError(f"{where} has {len(names)} gates; expected 1 to {MOST_GATES}.")
    double = sorted(name for name, times in Counter(names).items() if times > 1 or not name)
    if double:
        raise GateError(
            f"{where} has gates with the id {printable(double[0])!r}; expected ids that are "
            "unique and not empty."
        )


def _check_references(references: list[ET.Element], where: str) -> None:
    """Check that boolean gates are not too many, and say clearly what they negate."""
    if len(references) > MOST_REFERENCES:
        raise GateError(
            f"{where} has {len(references)} references between gates; expected at most "
            f"{MOST_REFERENCES}."
        )
    for reference in references:
        value = reference.get(f"{NAMESPACE}use-as-complement", "false")
        if value not in {"true", "false"}:
            name = reference.get(f"{NAMESPACE}ref")
            raise GateError(
                f"{where} refers to gate {printable(name)!r} with "
                f"use-as-complement={printable(value)!r}; expected true or false."
            )


def _parse(text: str, names: list[str], where: str) -> tuple[Any, list[Any]]:
    """Parse by FlowKit, which also validates against the schema of the standard."""
    import flowkit

    try:
        document = flowkit.parse_gating_xml(io.BytesIO(text.encode("utf-8")))
        return document, [document.get_gate(name) for name in names]
    except Exception as error:  # whatever a foreign document makes the library raise
        raise GateError(
            f"{where} is not valid Gating-ML 2.0: {printable(error) or type(error).__name__}."
        ) from error


def _translate(foreign: Any, parent: str, document: Any) -> list[Gate]:
    """Turn a gate into ours; a quadrant gate into one for each quadrant."""
    name, kind = foreign.gate_name, foreign.gate_type
    try:
        if kind == "QuadrantGate":
            quadrants = foreign.quadrants.values()
            return [_quadrant(foreign, item, parent, document) for item in quadrants]
        if kind == "BooleanGate":
            return [Gate(name, _combination(foreign), (), parent)]
        dimensions = tuple(_dimension(item, document) for item in foreign.dimensions)
        return [Gate(name, _shape(foreign, kind), dimensions, parent)]
    except FlowmlError as error:
        raise GateError(f"gate {printable(name)!r} ({kind}): {error}") from error


def _shape(foreign: Any, kind: str) -> Shape:
    if getattr(foreign, "use_complement", False):
        raise GateError("a gate that means the events outside cannot be read yet.")
    if kind == "RectangleGate":
        return _rectangle([(item.min, item.max) for item in foreign.dimensions])
    if kind == "PolygonGate":
        return Polygon(np.array(foreign.vertices))
    if kind == "EllipsoidGate":
        center, covariance = np.array(foreign.coordinates), np.array(foreign.covariance_matrix)
        return Ellipsoid(center, covariance, float(foreign.distance_square))
    raise GateError("a gate of this kind cannot be read yet.")


def _rectangle(bounds: list[tuple[float | None, float | None]]) -> Shape:
    low = [-np.inf if pair[0] is None else pair[0] for pair in bounds]
    high = [np.inf if pair[1] is None else pair[1] for pair in bounds]
    if len(bounds) == 1:
        return Range(float(low[0]), float(high[0]))
    return Rectangle(np.array(low), np.array(high))


def _quadrant(foreign: Any, quadrant: Any, parent: str, document: Any) -> Gate:
    """Turn a quadrant into a rectangle between its dividers."""
    dividers = {item.id: item for item in foreign.dimensions}
    used = [dividers[reference] for reference in quadrant.divider_refs]
    bounds = [quadrant.get_divider_range(reference) for reference in quadrant.divider_refs]
    dimensions = tuple(_dimension(item, document) for item in used)
    return Gate(quadrant.id, _rectangle(bounds), dimensions, parent)


def _combination(foreign: Any) -> Combination:
    names = [item["ref"] for item in foreign.gate_refs]
    complements = {item["ref"] for item in foreign.gate_refs if item["complement"]}
    plain = {item["ref"] for item in foreign.gate_refs if not item["complement"]}
    if complements & plain:
        raise GateError("a population joined with its own complement cannot be read yet.")
    return Combination(foreign.type, tuple(names), frozenset(complements))


def _dimension(foreign: Any, document: Any) -> Dimension:
    """Turn a dimension or divider into ours."""
    channel = getattr(foreign, "dimension_ref", None) or getattr(foreign, "id", None)
    if channel is None:
        raise GateError("a dimension that is the ratio of two channels cannot be read yet.")
    compensation = foreign.compensation_ref or UNCOMPENSATED
    if compensation.casefold() == FROM_FILE.casefold():
        compensation = FROM_FILE
    elif compensation in document.comp_matrices:
        channel = _matrix(compensation, document.comp_matrices[compensation])[1].get(
            channel, channel
        )
    return Dimension(channel, _scale(foreign.transformation_ref, document), compensation)


def _scale(reference: str | None, document: Any) -> str | Transform:
    """Return the scale that a dimension refers to; channel units where it names none."""
    if reference is None:
        return LINEAR
    if reference not in document.transformations:
        raise GateError(
            f"it refers to the transformation {printable(reference)!r}; the document defines "
            f"{printable(', '.join(document.transformations)) or 'none'}."
        )
    return _transform(reference, document.transformations[reference])


def _transform(name: str, foreign: Any) -> Transform:
    kind = type(foreign).__name__
    if kind == "LogicleTransform":
        return Logicle(foreign.param_t, foreign.param_w, foreign.param_m, foreign.param_a)
    if kind in {"LinearTransform", "LogTransform", "AsinhTransform", "HyperlogTransform"}:
        return FlowKitScale(foreign)
    raise GateError(
        f"the transformation {printable(name)!r} ({kind}) cannot be read yet as a scale."
    )


def _matrix(name: str, foreign: Any) -> tuple[Spillover, dict[str, str]]:
    """Return a matrix, and the detector of each fluorochrome."""
    values = np.asarray(foreign.matrix, dtype=np.float64)
    detectors = tuple(foreign.detectors)
    square = values.shape == (len(detectors), len(detectors))
    if not square or not np.isfinite(values).all() or len(set(detectors)) < len(detectors):
        raise GateError(
            f"the matrix {printable(name)!r} is {' x '.join(map(str, values.shape))} for "
            f"{len(detectors)} detectors; only square matrices of numbers can be read yet."
        )
    if np.linalg.cond(values) > WORST_CONDITION:
        raise GateError(f"the matrix {printable(name)!r} cannot be inverted.")
    named = dict(zip(foreign.fluorochromes, detectors, strict=True))
    return Spillover(detectors, values, name), named


def _finite_only(function: Any, x: ArrayLike) -> Floats:
    """Apply a function of the library to finite values; its loops do not end well on others."""
    values = np.asarray(x, dtype=np.float64)
    mapped = np.full(values.shape, np.nan)
    finite = np.isfinite(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped[finite] = function(values[finite])
    return mapped
