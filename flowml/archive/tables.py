"""Arrays of a bundle: raw numbers, with name, kind and shape of each in the manifest.

NumPy's own archives would allocate what a damaged header claims before they notice; here the
claim is held against the bytes that are there first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.plain import is_count
from flowml.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

KINDS = ("<f8", "<f4", "<i4", "|b1")
MOST_AXES = 2
LONGEST = 2**31  # of an axis; an empty table of a longer one would be no error of its size


def pack_tables(tables: Arrays) -> tuple[bytes, list[dict[str, Any]]]:
    """Write arrays one after another.

    Parameters
    ----------
    tables : mapping of str to ndarray
        Floats, 32-bit integers or booleans.

    Returns
    -------
    raw : bytes
        Little-endian, row by row.
    listing : list of dict
        ``name``, ``kind`` and ``shape`` of each, plain values.
    """
    arrays = {
        name: np.ascontiguousarray(table, dtype=table.dtype.newbyteorder("<"))
        for name, table in tables.items()
    }
    listing = [
        {"name": name, "kind": table.dtype.str, "shape": list(table.shape)}
        for name, table in arrays.items()
    ]
    return b"".join(table.tobytes() for table in arrays.values()), listing


def unpack_tables(raw: bytes, listing: object) -> dict[str, NDArray[Any]]:
    """Read arrays that `pack_tables` wrote, none of which is trusted.

    Parameters
    ----------
    raw : bytes
        Of the bundle.
    listing : object
        Of its manifest.

    Returns
    -------
    dict of str to ndarray
        Not to be written to; all values are finite.

    Raises
    ------
    ModelError
        If listing and bytes do not belong together.
    """
    found: dict[str, NDArray[Any]] = {}
    place = 0
    if not isinstance(listing, list) or not all(map(_is_item, listing)):
        raise ModelError("its list of tables is not one that flowml wrote.")
    for item in listing:
        kind, shape = np.dtype(item["kind"]), tuple(item["shape"])
        count = 1
        for length in shape:  # in whole numbers of any size: no product overflows
            count *= length
        end = place + count * kind.itemsize
        if end > len(raw):
            break
        found[item["name"]] = _array(raw[place:end], kind).reshape(shape)
        place = end
    if place != len(raw) or len(found) != len(listing):
        raise ModelError("its tables are not of the size that its manifest says.")
    return found


def sized(
    tables: Arrays,
    names: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    kinds: Sequence[type],
) -> list[NDArray[Any]]:
    """Return the tables that a part of a model needs, none of which is trusted.

    Parameters
    ----------
    tables : mapping of str to ndarray
        All that there are.
    names : sequence of str
        Those that are wanted.
    shapes, kinds : sequence
        What each must be.

    Returns
    -------
    list of ndarray
        In the order of the names; all values are finite.

    Raises
    ------
    ModelError
        If one is missing, or is anything else.
    """
    for name, shape, kind in zip(names, shapes, kinds, strict=True):
        table = tables.get(name)
        if table is None or table.shape != shape or table.dtype != kind:
            raise ModelError(f"the model's table {name!r} is missing or of another size.")
        if not np.isfinite(table).all():
            raise ModelError(f"the model's table {name!r} holds values that are not finite.")
    return [tables[name] for name in names]


def _is_item(item: object) -> bool:
    if not isinstance(item, dict) or set(item) != {"name", "kind", "shape"}:
        return False
    shape = item["shape"]
    return (
        isinstance(item["name"], str)
        and item["kind"] in KINDS
        and isinstance(shape, list)
        and 1 <= len(shape) <= MOST_AXES
        and all(is_count(length) and length < LONGEST for length in shape)
    )


def _array(raw: bytes, kind: np.dtype[Any]) -> NDArray[Any]:
    if kind.kind == "b":
        numbers = np.frombuffer(raw, np.uint8)
        if numbers.size and numbers.max() > 1:
            raise ModelError("a table of its holds values that are neither true nor false.")
        return numbers.astype(bool)
    table = np.frombuffer(raw, kind).astype(kind.newbyteorder("="))
    if not np.isfinite(table).all():
        raise ModelError("a table of its holds values that are not finite.")
    return table
