"""Display scales in float32 by table: quick, and within a millionth of the exact scale.

The upper bits of a float32 (sign, exponent, the first bits of the mantissa) are the key of a
short interval of values. For each key a table holds a straight line. Chords would err to one
side only; moved by half of that they err by half to either side (about 4e-7 on a logicle of
4.5 decades with keys of 16 bits). A line is written as slope and intercept: the scales are
flatter the larger the value, so that slope times value is not larger than the result and
float32 loses nothing by it.

Each line is compared with the exact scale, in the float32 arithmetic in which it will be
used, when the table is made. If too many keys fail, keys of 17 or 18 bits are taken (scales
of few decades need them). Keys that still fail are marked, and values with such a key are
computed exactly: around 0 on a logarithmic scale, or where a scale has a kink.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowml.errors import FlowmlError
from flowml.preprocess.scale import Linear, Transform

Singles = NDArray[np.float32]

TOLERANCE = 1e-6  # of the scale; of the display value where that is beyond 1
CHECKED = 0.75 * TOLERANCE  # between the five points that are checked an error may be larger
KEY_BITS = (16, 17, 18)
MOST_EXACT = 4  # keys that may be left to the exact scale before keys grow: room for a kink
MOST_TABLES = 64  # that are kept, of 512 KiB each with keys of 16 bits
KEYS_AT_ONCE = 8192
CHUNK = 8192  # values; the scratch memory of a chunk stays in the cache
POINTS = 5
EXPONENT = np.uint32(0x7F800000)  # its bits are all set in infinities and NaN
INFINITY = np.float32(np.inf)


@dataclass(frozen=True, eq=False)
class Table:
    """Lines of all keys.

    Parameters
    ----------
    shift : int
        Bits of a float32 below its key.
    slope, intercept : ndarray, shape (n_keys,), float32
        Of the line of each key.
    exact : ndarray, shape (n_keys,), bool, or None
        Keys whose values have to be computed exactly; None where there are none.
    """

    shift: int
    slope: Singles
    intercept: Singles
    exact: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Tabled:
    """A display scale in float32, by table.

    The result differs from the exact scale by less than 1e-6, beyond 1 by less than 1e-6 of
    the result; infinities and NaN are shown as on the exact scale. Equal values give equal
    bits, at any place and in any company. Rising values give rising results but for the
    error. The linear scale needs no table.

    Parameters
    ----------
    transform : Transform
        The exact scale: hashable, as tables are shared between equal scales; NaN at NaN, and
        the same alone and among others for each value.
    """

    transform: Transform

    def __call__(self, x: ArrayLike, out: Singles | None = None) -> Singles:
        """Map linear values to the display scale.

        Parameters
        ----------
        x : array-like, float32
            Linear values; other types, and arrays that are not C-contiguous, are copied.
        out : ndarray of the same shape, float32, optional
            Where the result goes; C-contiguous; may be `x` itself.

        Returns
        -------
        ndarray, float32
            `out`, or a new array.

        Raises
        ------
        FlowmlError
            If `out` has another shape, type or order.
        """
        with np.errstate(all="ignore"):
            values = np.asarray(x, dtype=np.float32, order="C")
            shown = np.empty(values.shape, np.float32) if out is None else out
            _check_out(shown, values.shape)
            flat, flat_shown = values.reshape(-1), shown.reshape(-1)
            if isinstance(self.transform, Linear):
                _scale_linearly(self.transform, flat, flat_shown)
            else:
                self._look_up(flat, flat_shown)
        return shown

    def __reduce__(self) -> tuple[type[Tabled], tuple[Transform]]:
        """Cross to another process without the table, which is made there."""
        return Tabled, (self.transform,)

    @cached_property
    def _table(self) -> Table:
        return _table(self.transform)

    def _look_up(self, values: Singles, shown: Singles) -> None:
        """Evaluate the lines, chunk by chunk."""
        table = self._table
        length = min(CHUNK, len(values))
        keys, products = np.empty(length, np.intp), np.empty(length, np.float32)
        for start in range(0, len(values), CHUNK):
            x, y = values[start : start + CHUNK], shown[start : start + CHUNK]
            key, product = keys[: len(x)], products[: len(x)]
            np.right_shift(x.view(np.uint32), table.shift, out=product.view(np.uint32))
            np.copyto(key, product.view(np.uint32))
            # no key is out of range: "wrap" spares the copy that a check would take
            np.take(table.slope, key, out=product, mode="wrap")
            np.multiply(product, x, out=product)
            places = _exact_places(table, key)
            exact = self.transform(x[places]) if len(places) else None  # y may be x itself
            np.take(table.intercept, key, out=y, mode="wrap")
            np.add(product, y, out=y)
            if exact is not None:
                y[places] = exact


def _check_out(out: Singles, shape: tuple[int, ...]) -> None:
    """Refuse an output that cannot be filled in place."""
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise FlowmlError(
            f"out is {out.dtype} of shape {out.shape}, expected float32 of shape {shape} in C "
            "order. Leave it away, or make it with numpy.empty(x.shape, numpy.float32)."
        )


def _scale_linearly(scale: Linear, values: Singles, shown: Singles) -> None:
    """Divide by the top, in float32 where it holds the factor."""
    factor = np.float32(1 / scale.top)
    if np.finfo(np.float32).tiny <= factor < INFINITY:
        np.multiply(values, factor, out=shown)
        return
    for start in range(0, len(values), CHUNK):
        shown[start : start + CHUNK] = scale(values[start : start + CHUNK])


def _exact_places(table: Table, key: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the places of a chunk whose keys are marked."""
    if table.exact is None:
        return key[:0]
    return np.flatnonzero(np.take(table.exact, key, mode="wrap"))


@lru_cache(maxsize=MOST_TABLES)
def _table(transform: Transform) -> Table:
    """Make the table with the shortest keys that do."""
    with np.errstate(all="ignore"):
        for bits in KEY_BITS:
            table = _table_of(transform, bits)
            if table.exact is None:
                break
            exponents = np.arange(1 << bits) >> (bits - 9) & 0xFF
            if np.count_nonzero(table.exact & (exponents > 0)) <= MOST_EXACT:
                break  # what is left lies around 0, where longer keys do not help
    return table


def _table_of(transform: Transform, bits: int) -> Table:
    shift, n_keys = 32 - bits, 1 << bits
    slope, intercept = np.empty(n_keys, np.float32), np.empty(n_keys, np.float32)
    exact = np.empty(n_keys, dtype=bool)
    for start in range(0, n_keys, KEYS_AT_ONCE):
        part = slice(start, start + KEYS_AT_ONCE)
        keys = np.arange(start, start + KEYS_AT_ONCE, dtype=np.uint32)
        slope[part], intercept[part], exact[part] = _lines(transform, keys, shift)
    for array in (slope, intercept, exact):
        array.flags.writeable = False
    return Table(shift, slope, intercept, exact if exact.any() else None)


def _lines(
    transform: Transform, keys: NDArray[np.uint32], shift: int
) -> tuple[Singles, Singles, NDArray[np.bool_]]:
    """Fit the lines of some keys, and tell where they fail.

    Parameters
    ----------
    transform : Transform
        The exact scale.
    keys : ndarray, shape (n_keys,), uint32
        Keys.
    shift : int
        Bits of a float32 below its key.

    Returns
    -------
    slope, intercept : ndarray, shape (n_keys,), float32
        Lines with the least greatest error, given their slopes.
    fails : ndarray, shape (n_keys,), bool
        Keys whose values are to be computed exactly.
    """
    lower = np.linspace(0, (1 << shift) - 1, POINTS).astype(np.uint32)
    x = ((keys << shift)[:, None] + lower).view(np.float32)
    y = np.asarray(transform(x))
    flat = (y == y[:, :1]).all(axis=1)  # also where all are infinite
    rise = (y[:, -1] - y[:, 0]) / (x[:, -1].astype(np.float64) - x[:, 0])
    slope = np.where(flat, 0, rise).astype(np.float32)
    rest = y - slope[:, None].astype(np.float64) * x
    middle = (rest.max(axis=1) + rest.min(axis=1)) / 2
    intercept = np.where(flat, y[:, 0], middle).astype(np.float32)
    special = (keys << shift) & EXPONENT == EXPONENT  # NaN and infinities: the line y = x
    slope[special], intercept[special] = 1, 0
    return slope, intercept, _fails(x, y, slope, intercept)


def _fails(x: Singles, y: NDArray[Any], slope: Singles, intercept: Singles) -> Any:
    """Compare the lines with the exact scale, in the arithmetic of their use."""
    shown = slope[:, None] * x + intercept[:, None]
    error = np.abs(shown - y) / np.maximum(1, np.abs(y))
    alike = (shown == y) | (np.isnan(shown) & np.isnan(y))
    return ~(alike | (error <= CHECKED)).all(axis=1)
