"""Our own gate document: a TOML file that a person can read and write.

::

    version = 1

    [[gate]]
    name = "Lymphocytes"
    kind = "polygon"
    channels = ["CD45", "SSC-A"]
    vertices = [[0.6, 0.02], [0.9, 0.02], [0.9, 0.2], [0.6, 0.2]]

    [[gate]]
    name = "B cells"
    parent = "Lymphocytes"
    kind = "range"
    channels = ["CD19"]
    scale = "linear"
    bounds = [[1000.0, inf]]

Coordinates stand on the display scale (``scale = "logicle"``, the default, or ``arcsinh``;
scatter as the fraction of its top) or in channel units (``linear``); one scale for the gate,
or a list with one for each channel. Values are compensated unless ``compensated = false``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flowml.errors import FlowmlError, GateError
from flowml.gating.gates import Combination, Ellipsoid, Floats, Polygon, Range, Rectangle, Shape
from flowml.gating.strategy import FROM_FILE, UNCOMPENSATED, Dimension, Gate, Strategy
from flowml.knowledge.files import read_toml
from flowml.safety import nearest, printable

VERSION = 1
MOST_GATES = 2000
SYMMETRY = 1e-9  # relative; numbers written by a person or another program are rounded

Table = Mapping[str, Any]


def read_toml_gates(path: Path | str) -> Strategy:
    """Read our own gate document.

    Parameters
    ----------
    path : path-like
        A TOML file.

    Returns
    -------
    Strategy
        The gates in the order of the file.

    Raises
    ------
    GateError
        If the file cannot be read, or has an unknown key, kind or parent.
    """
    file = Path(path).absolute()
    try:
        document = read_toml(file)
    except FlowmlError as error:
        raise GateError(str(error)) from error
    where = printable(file.name)
    _check_keys(document, {"version", "gate"}, where)
    tables = document.get("gate")
    if document.get("version") != VERSION or not isinstance(tables, list) or not tables:
        raise GateError(
            f"{where} is not a gate document of flowml; expected 'version = {VERSION}' and "
            "one or more [[gate]] tables."
        )
    if len(tables) > MOST_GATES:
        raise GateError(f"{where} has {len(tables)} gates; expected at most {MOST_GATES}.")
    gates = tuple(_gate(table, number, where) for number, table in enumerate(tables, start=1))
    return Strategy(gates, source=where)


def _gate(table: object, number: int, where: str) -> Gate:
    """Read one gate; every complaint names it."""
    name = table.get("name", "") if isinstance(table, dict) else ""
    label = f"gate {number} ({printable(name, 60)!r}) of {where}"
    if not isinstance(table, dict) or not isinstance(name, str) or not name.strip():
        raise GateError(f'{label} has no name; expected name = "...".')
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise GateError(
            f"{label} has the kind {printable(kind)!r}; expected one of {', '.join(KINDS)}."
        )
    keys, make = KINDS[kind]
    common = {"name", "parent", "kind"}
    if kind != Combination.kind:
        common |= {"channels", "scale", "compensated"}
    _check_keys(table, common | keys, label)
    try:
        shape = make(table)
    except KeyError as error:
        raise GateError(f"{label} lacks the key {error}; a {kind} needs it.") from None
    except (TypeError, ValueError, OverflowError):
        raise GateError(
            f"{label} has coordinates that cannot be used; expected lists of numbers, of one "
            f"length, in {', '.join(sorted(keys))}."
        ) from None
    except GateError as error:
        raise GateError(f"{label}: {error}") from error
    return Gate(name, shape, _dimensions(table, shape, label), _text(table, "parent", label))


def _dimensions(table: Table, shape: Shape | Combination, label: str) -> tuple[Dimension, ...]:
    if isinstance(shape, Combination):
        return ()
    channels = _texts(table, "channels", label)
    scale = table.get("scale", "logicle")
    scales = (
        [scale] * len(channels) if isinstance(scale, str) else _texts(table, "scale", label)
    )
    if len(channels) != shape.n_dims or len(scales) != shape.n_dims:
        raise GateError(
            f"{label} has {len(channels)} channels and {len(scales)} scales for a {shape.kind} "
            f"of {shape.n_dims} dimensions."
        )
    compensated = table.get("compensated", True)
    if not isinstance(compensated, bool):
        raise GateError(f"{label}: compensated is {compensated!r}; expected true or false.")
    compensation = FROM_FILE if compensated else UNCOMPENSATED
    return tuple(
        Dimension(channel, one, compensation)
        for channel, one in zip(channels, scales, strict=True)
    )


def _range(table: Table) -> Shape:
    bounds = _numbers(table["bounds"], 2)
    if bounds.shape != (1, 2):
        raise GateError(f"a range has one pair of bounds; found {len(bounds)}.")
    return Range(float(bounds[0, 0]), float(bounds[0, 1]))


def _rectangle(table: Table) -> Shape:
    bounds = _numbers(table["bounds"], 2)
    if bounds.shape[1] != 2:
        raise GateError(f"bounds are pairs of low and high; found {bounds.shape[1]} numbers.")
    return Rectangle(bounds[:, 0], bounds[:, 1])


def _polygon(table: Table) -> Shape:
    return Polygon(_numbers(table["vertices"], 2))


def _ellipsoid(table: Table) -> Shape:
    distance = _numbers(table.get("distance_square", 1.0), 0)
    center, covariance = _numbers(table["center"], 1), _numbers(table["covariance"], 2)
    ellipsoid = Ellipsoid(center, covariance, float(distance))
    # A foreign document may hold any matrix, as the standard's own tests do; a person who
    # writes one here has mistyped it.
    symmetric = np.allclose(covariance, covariance.T, rtol=SYMMETRY)
    if not symmetric or np.linalg.eigvalsh(covariance).min() <= 0:
        raise GateError(
            f"the covariance {covariance.tolist()} is not that of an ellipsoid; expected a "
            "symmetric matrix with positive eigenvalues."
        )
    return ellipsoid


def _combination(table: Table) -> Combination:
    populations = _texts(table, "populations", "the key")
    complements = _texts(table, "complements", "the key") if "complements" in table else []
    unknown = set(complements) - set(populations)
    if unknown:
        raise GateError(
            f"complements names {printable(', '.join(sorted(unknown)))}, which is not among "
            "the populations."
        )
    operation = printable(table["operation"])
    return Combination(operation, tuple(populations), frozenset(complements))


def _numbers(value: object, n_axes: int) -> Floats:
    """Return nested lists of numbers as an array; TypeError or ValueError if they are not."""
    _refuse_text(value)
    array = np.array(value, dtype=np.float64)
    if array.ndim != n_axes:
        raise ValueError(f"{array.ndim} axes")
    return array


def _refuse_text(value: object) -> None:
    """Refuse what numpy would turn into a number although it is none."""
    if isinstance(value, list):
        for item in value:
            _refuse_text(item)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(type(value).__name__)


def _text(table: Table, key: str, label: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise GateError(f"{label}: {key} is {printable(value)!r}; expected a text.")
    return value


def _texts(table: Table, key: str, label: str) -> list[str]:
    value = table.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise GateError(f"{label}: {key} is {printable(value)!r}; expected a list of texts.")
    return value


def _check_keys(table: Table, known: set[str], label: str) -> None:
    for key in table:
        if key not in known:
            raise GateError(
                f"{label} has the unknown key {printable(key, 60)!r}; it may have "
                f"{', '.join(sorted(known))}. Nearest: {nearest(key, sorted(known), 1)}."
            )


KINDS: dict[str, tuple[set[str], Callable[[Table], Shape | Combination]]] = {
    "range": ({"bounds"}, _range),
    "rectangle": ({"bounds"}, _rectangle),
    "polygon": ({"vertices"}, _polygon),
    "ellipsoid": ({"center", "covariance", "distance_square"}, _ellipsoid),
    "boolean": ({"operation", "populations", "complements"}, _combination),
}
