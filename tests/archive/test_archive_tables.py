"""Arrays of a bundle: there and back, and no claim is believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flowml.archive.tables import KINDS, pack_tables, unpack_tables
from flowml.errors import ModelError

KIND = st.sampled_from([np.dtype(kind) for kind in KINDS])
TABLE = KIND.flatmap(
    lambda kind: arrays.arrays(
        kind, st.one_of(st.tuples(st.integers(0, 5)), st.tuples(*[st.integers(0, 4)] * 2)),
        elements={"allow_nan": False, "allow_infinity": False} if kind.kind == "f" else None,
    )
)  # fmt: skip


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.dictionaries(st.text(max_size=5), TABLE, max_size=4))
def test_tables_go_there_and_back(tables):
    raw, listing = pack_tables(tables)
    again = unpack_tables(raw, listing)
    assert list(again) == list(tables)
    for name, table in tables.items():
        assert (again[name].dtype, again[name].shape) == (table.dtype, table.shape)
        assert again[name].tobytes() == np.ascontiguousarray(table).tobytes()
    assert pack_tables(again) == (raw, listing)


def test_any_layout_and_byte_order_is_written_alike():
    plain = np.arange(6, dtype=np.float64).reshape(2, 3)
    for same in (np.asfortranarray(plain), plain.astype(">f8"), plain[::-1][::-1]):
        assert pack_tables({"a": same}) == pack_tables({"a": plain})
    assert pack_tables({"a": plain})[0] == plain.astype("<f8").tobytes()


RAW, LISTING = pack_tables(
    {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True, False]), "c": np.int32([1])}
)


def listed(place=0, **changes):
    return [item | changes if n == place else item for n, item in enumerate(LISTING)]


def test_the_plain_listing_is_read():
    assert list(unpack_tables(RAW, LISTING)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "listing",
    [
        None, {}, "abc", 3, [], [3], [None], LISTING[:2], LISTING[::-1][:2],
        [*LISTING, LISTING[0]], [*LISTING, {"name": "d", "kind": "<f8", "shape": [1]}],
        listed(name="b"), listed(name=3), listed(name=None), listed(kind="<f2"),
        listed(kind="|O"), listed(kind=None), listed(kind=["<f8"]), listed(kind="<i4"),
        listed(shape=[]), listed(shape=[6, 1, 1]), listed(shape=6), listed(shape=[2.0, 3]),
        listed(shape=[-2, -3]), listed(shape=[-1, 6]), listed(shape=[2, True]),
        listed(shape=[2**62, 2**62]), listed(shape=[10**400]), listed(shape=[2**33, 2**31]),
        listed(shape=[0, 10**30]), listed(shape=[0, 0]), listed(shape=[7]), listed(shape=["6"]),
        listed(offset=0),
        # an empty table beside the others, of a length that numpy would not take
        [*LISTING, {"name": "d", "kind": "<f8", "shape": [0, 2**63]}],
        [{key: value for key, value in LISTING[0].items() if key != "shape"}, *LISTING[1:]],
    ],
)  # fmt: skip
def test_listings_that_do_not_fit_are_refused(listing):
    with pytest.raises(ModelError, match=r"its (list of )?tables (is|are) not"):
        unpack_tables(RAW, listing)


@pytest.mark.parametrize("raw", [b"", RAW[:-1], RAW + b"\0", RAW * 2])
def test_bytes_that_do_not_fit_are_refused(raw):
    with pytest.raises(ModelError, match="not of the size"):
        unpack_tables(raw, LISTING)


@pytest.mark.parametrize("value", [2, 255])
def test_a_truth_value_is_0_or_1(value):
    raw = bytearray(RAW)
    raw[48] = value
    with pytest.raises(ModelError, match="neither true nor false"):
        unpack_tables(bytes(raw), LISTING)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["<f8", "<f4"])
def test_what_is_no_number_is_refused(value, kind):
    raw, listing = pack_tables({"a": np.array([1, value], kind)})
    with pytest.raises(ModelError, match="not finite"):
        unpack_tables(raw, listing)
