"""Gating-ML 2.0 documents, read through FlowKit and translated to our records."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowml.errors import GateError
from flowml.gating import xmltext
from flowml.gating.foreign import Document
from flowml.gating.strategy import Strategy
from flowml.safety import printable

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

MOST_REFERENCES = 2000
LARGEST_DOCUMENT = 8 << 20  # characters
MOST_GATES = 500  # FlowKit's time grows with their square: 10 s for a chain of 500

NAMESPACE = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
CUSTOM = "{http://www.isac-net.org/std/Gating-ML/v2.0/datatypes}custom_info"
# Ids of the standard hold neither blanks nor most signs: what we call a gate stands beside.
NAME = "{urn:flowml:gates}name"
KINDS = ("RectangleGate", "PolygonGate", "EllipsoidGate", "QuadrantGate", "BooleanGate")


@dataclass(frozen=True)
class _Outline:
    """What the text itself says of its gates: FlowKit sorts them by kind.

    Parameters
    ----------
    parents : dict of str to str
        Id of the parent of each gate, in the order of the document; empty where it has none.
    names : dict of str to str
        Name of each gate by its id, where it has one.
    """

    parents: dict[str, str]
    names: dict[str, str]


def gatingml_strategy(text: str, where: str) -> Strategy:
    """Read the text of a Gating-ML 2.0 document.

    Parameters
    ----------
    text : str
        As `flowml.gating.xmltext.checked_text` returns it.
    where : str
        What messages call the document.

    Returns
    -------
    Strategy
        The gates in the order of the document.

    Raises
    ------
    GateError
        If the document is not Gating-ML 2.0, or has a gate that cannot be read yet.
    """
    if len(text) > LARGEST_DOCUMENT:
        raise GateError(f"{where} is larger than {LARGEST_DOCUMENT} bytes.")
    outline = _outline(text, where)
    parsed, foreign = _parse(text, list(outline.parents), where)
    document = Document(parsed, lambda name, _path: outline.names.get(name, name))
    gates = []
    for item in foreign:
        parent = outline.parents[item.gate_name]
        own = document.named(item.gate_name, ())
        gates += document.gates(item, own, document.named(parent, ()))
    return Strategy(tuple(gates), document.matrices(), where)


def _outline(text: str, where: str) -> _Outline:
    """Read which gates there are.

    FlowKit sorts gates by kind, takes double names of quadrants for one, and reads every
    complement that is not the word ``true`` as false: all that is settled here.
    """
    root = xmltext.parsed(text, where)
    if root.tag != f"{NAMESPACE}Gating-ML":
        raise GateError(
            f"{where} is a {printable(root.tag)!r}, which cannot be read; expected Gating-ML "
            "2.0 or a workspace of FlowJo 10."
        )
    gates = [item for item in root if item.tag.removeprefix(NAMESPACE) in KINDS]
    quadrants = [part for item in gates for part in item.findall(f"{NAMESPACE}Quadrant")]
    _check_names([item.get(f"{NAMESPACE}id", "") for item in (*gates, *quadrants)], where)
    references = [part for item in gates for part in item.iter(f"{NAMESPACE}gateReference")]
    _check_references(references, where)
    return _Outline(
        {i.get(f"{NAMESPACE}id", ""): i.get(f"{NAMESPACE}parent_id", "") for i in gates},
        {i.get(f"{NAMESPACE}id", ""): name for i in gates if (name := _own_name(i))},
    )


def _own_name(gate: ET.Element) -> str:
    """Return the name beside the id, as `flowml.write_gates` leaves it; empty if none."""
    custom = gate.find(CUSTOM)
    named = None if custom is None else custom.find(NAME)
    return "" if named is None else named.text or ""


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
