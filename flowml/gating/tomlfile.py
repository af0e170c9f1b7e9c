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
or a list with one for each channel. A scale that does not end at the top of its channel is a
table: ``{transform = "logicle", top = 262144, width = 0.5}``. Values are compensated unless
``compensated = false`` (or a list, one for each channel);
``outside = true`` takes the events outside of the shape.

::

    [[gate]]
    name = "CD4 x CD8"
    kind = "quadrant"
    channels = ["CD4", "CD8"]
    dividers = [[0.4], [0.5]]
    populations = {"CD4 T cells" = [1, 0], "CD8 T cells" = [0, 1], "double negative" = [0, 0]}

    [[gate]]
    name = "singlets"
    kind = "range"
    channels = ["FSC-A"]
    divided_by = ["FSC-H"]
    bounds = [[0.8, 1.3]]

A quadrant gate gives the populations that it names, and none of its own name. A channel that is
divided by another is on the linear scale; ``factor``, ``offset`` and ``divisor_offset`` may be
added (`flowml.gating.Ratio`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flowml.errors import FlowmlError, GateError
from flowml.gating.covariance import is_definite
from flowml.gating.gates import Combination, Ellipsoid, Floats, Polygon, Range, Rectangle, Shape
from flowml.gating.strategy import (
    FROM_FILE,
    LINEAR,
    UNCOMPENSATED,
    Dimension,
    Gate,
    Ratio,
    Strategy,
    quadrants,
)
from flowml.knowledge.files import read_toml
from flowml.preprocess import TRANSFORMS, Transform
from flowml.safety import nearest, printable

VERSION = 1
QUADRANT = "quadrant"
RATIO_NUMBERS = ("factor", "offset", "divisor_offset")
MOST_GATES = 2000
SYMMETRY = 1e-9  # relative; numbers written by a person or another program are rounded

Table = Mapping[str, Any]

_NO_DOCUMENT = (
    f"is not a gate document of flowml; expected 'version = {VERSION}' and one or more "
    "[[gate]] tables."
)
_NAMED = {"name", "parent", "kind"}
_MEASURED = {"channels", "scale", "compensated", "divided_by", *RATIO_NUMBERS}


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
    try:
        _check_keys(document, {"version", "gate"})
    except GateError as error:
        raise GateError(f"{where}: {error}") from error
    if document.get("version") != VERSION:
        raise GateError(f"{where} {_NO_DOCUMENT}")
    return strategy_from(document.get("gate"), where)


def strategy_from(tables: object, where: str) -> Strategy:
    """Read the tables of a gate document, none of which is trusted.

    Parameters
    ----------
    tables : object
        A list of dict, one for each gate.
    where : str
        Name of the document, for messages.

    Returns
    -------
    Strategy
        The gates in the order of the tables.

    Raises
    ------
    GateError
        If there is an unknown key, kind or parent.
    """
    if not isinstance(tables, list) or not tables:
        raise GateError(f"{where} {_NO_DOCUMENT}")
    gates: list[Gate] = []
    for number, table in enumerate(tables, start=1):
        gates += _gates(table, number, where)
        if len(gates) > MOST_GATES:
            raise GateError(f"{where} has more than {MOST_GATES} gates. Part it.")
    return Strategy(tuple(gates), source=where)


def _gates(table: object, number: int, where: str) -> tuple[Gate, ...]:
    """Read one table: a gate, or the quadrants that it names; every complaint names it."""
    name = table.get("name", "") if isinstance(table, dict) else ""
    label = f"gate {number} ({printable(name, 60)!r}) of {where}"
    if not isinstance(table, dict) or not isinstance(name, str) or not name.strip():
        raise GateError(f'{label} has no name; expected name = "...".')
    try:
        return _read(table, name)
    except KeyError as error:
        raise GateError(f"{label} lacks the key {error}.") from None
    except (TypeError, ValueError, OverflowError):
        raise GateError(
            f"{label} has coordinates that cannot be used; expected lists of numbers, of one "
            "length, as the kind of gate needs them."
        ) from None
    except GateError as error:
        raise GateError(f"{label}: {error}") from error


def _read(table: Table, name: str) -> tuple[Gate, ...]:
    """Read a gate; KeyError, TypeError or ValueError where it lacks or misstates something."""
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in {*KINDS, QUADRANT}:
        raise GateError(
            f"it has the kind {printable(kind)!r}; expected one of "
            f"{', '.join([*KINDS, QUADRANT])}."
        )
    parent = table.get("parent", "")
    if not isinstance(parent, str):
        raise GateError(f"parent is {printable(parent)!r}; expected a text.")
    if kind == QUADRANT:
        _check_keys(table, _NAMED | _MEASURED | {"dividers", "populations"})
        return _quadrants(table, parent)
    keys, make = KINDS[kind]
    measured = set() if kind == Combination.kind else _MEASURED | {"outside"}
    _check_keys(table, _NAMED | measured | keys)
    shape = make(table)
    dimensions = () if isinstance(shape, Combination) else _dimensions(table)
    return (Gate(name, shape, dimensions, parent, _truth(table, "outside")),)


def _dimensions(table: Table) -> tuple[Dimension, ...]:
    channels = _texts(table, "channels")
    ratios = _ratios(table, len(channels))
    scales, truths = _scales(table, ratios), _compensated(table, len(channels))
    return tuple(
        Dimension(channel, scale, FROM_FILE if is_compensated else UNCOMPENSATED, ratio)
        for channel, scale, is_compensated, ratio in zip(
            channels, scales, truths, ratios, strict=True
        )
    )


def _scales(table: Table, ratios: Sequence[Ratio | None]) -> list[str | Transform]:
    """Return the scale of each channel: one for all, or a list."""
    scale = table.get("scale")
    if scale is None:
        return [LINEAR if ratio else "logicle" for ratio in ratios]
    scales = scale if isinstance(scale, list) else [scale] * len(ratios)
    if len(scales) != len(ratios):
        raise GateError(f"it has {len(ratios)} channels and {len(scales)} scales.")
    return list(map(_scale, scales))


def _scale(scale: object) -> str | Transform:
    """Read one scale: its name, or a table with the transform and its parameters."""
    if isinstance(scale, str):
        return scale
    numbers = dict(scale) if isinstance(scale, dict) else {}
    name = numbers.pop("transform", None)
    if not isinstance(name, str) or name not in TRANSFORMS:
        raise GateError(
            f"the scale is {printable(scale, 80)}; expected a name, or a table like "
            '{transform = "logicle", top = 262144, width = 0.5}.'
        )
    try:
        values = {key: float(_numbers(value, 0)) for key, value in numbers.items()}
        return TRANSFORMS[name](values.pop("top"), **values)
    except (KeyError, TypeError, ValueError, OverflowError, FlowmlError) as error:
        raise GateError(
            f"the scale {name} has wrong parameters: {printable(error, 120)}."
        ) from None


def _compensated(table: Table, n_channels: int) -> list[bool]:
    """Tell of each channel whether it is compensated: one answer for all, or a list."""
    value = table.get("compensated", True)
    truths = value if isinstance(value, list) else [value] * n_channels
    if len(truths) != n_channels or not all(isinstance(truth, bool) for truth in truths):
        raise GateError(
            f"compensated is {printable(value)!r}; expected true or false, or a list of "
            f"{n_channels}."
        )
    return truths


def _ratios(table: Table, n_channels: int) -> list[Ratio | None]:
    """Return what each channel is divided by; None where nothing is named."""
    numbers = {key: table[key] for key in RATIO_NUMBERS if key in table}
    if "divided_by" not in table:
        if numbers:
            raise GateError(f"it has {', '.join(numbers)} but no divided_by.")
        return [None] * n_channels
    divisors = _texts(table, "divided_by")
    if len(divisors) != n_channels:
        raise GateError(
            f"it names {len(divisors)} divisors for {n_channels} channels; expected one for "
            "each, empty where there is none."
        )
    values = {key: float(_numbers(value, 0)) for key, value in numbers.items()}
    return [Ratio(divisor, **values) if divisor else None for divisor in divisors]


def _quadrants(table: Table, parent: str) -> tuple[Gate, ...]:
    dividers = [_numbers(values, 1).tolist() for values in _listed(table["dividers"])]
    named = table["populations"]
    if not isinstance(named, dict) or not all(map(_is_place, named.values())):
        raise GateError(
            "populations are not given by place; expected like "
            '{"CD4 T cells" = [1, 0]}, with a whole number for each channel.'
        )
    if max(len(named), *map(len, dividers)) > MOST_GATES:
        raise GateError(f"it has more than {MOST_GATES} populations, or dividers of a channel.")
    dimensions = _dimensions(table)
    if len(dividers) != len(dimensions):
        raise GateError(
            f"there are {len(dimensions)} channels, with dividers on {len(dividers)}."
        )
    return quadrants(dimensions, dividers, named, parent)


def _is_place(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int for item in value)


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(type(value).__name__)
    return value


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
    if not symmetric or not is_definite(covariance):
        raise GateError(
            f"the covariance {covariance.tolist()} is not that of an ellipsoid; expected a "
            "symmetric matrix with positive eigenvalues."
        )
    return ellipsoid


def _combination(table: Table) -> Combination:
    populations = _texts(table, "populations")
    complements = _texts(table, "complements") if "complements" in table else []
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


def _truth(table: Table, key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise GateError(f"{key} is {printable(value)!r}; expected true or false.")
    return value


def _texts(table: Table, key: str) -> list[str]:
    value = table[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise GateError(f"{key} is {printable(value)!r}; expected a list of texts.")
    return value


def _check_keys(table: Table, known: set[str]) -> None:
    for key in table:
        if key not in known:
            raise GateError(
                f"it has the unknown key {printable(key, 60)!r}; it may have "
                f"{', '.join(sorted(known))}. Nearest: {nearest(key, sorted(known), 1)}."
            )


KINDS: dict[str, tuple[set[str], Callable[[Table], Shape | Combination]]] = {
    "range": ({"bounds"}, _range),
    "rectangle": ({"bounds"}, _rectangle),
    "polygon": ({"vertices"}, _polygon),
    "ellipsoid": ({"center", "covariance", "distance_square"}, _ellipsoid),
    "boolean": ({"operation", "populations", "complements"}, _combination),
}
