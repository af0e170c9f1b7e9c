"""What read_fcs notices by looking at the values once."""

from __future__ import annotations

import numpy as np
import pytest
from build import make_fcs
from hypothesis import given
from hypothesis import strategies as st

import flowml.fcs.decode
from flowml.errors import FcsError
from flowml.fcs import read_fcs

NAN, INF = float("nan"), float("inf")


def told(sample) -> dict[str, str]:
    return {item.code: item.message for item in sample.findings}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kinds", [("F32", "F32"), ("D64", "D64"), ("F32", "D64")])
def test_values_that_are_not_finite_are_counted(write, order, kinds):
    rows = [[1.0, NAN], [INF, 2.0], [-INF, 2.0**127], [0.0, -0.0]]
    path = write(rows=rows, kinds=kinds, order=order)
    sample = read_fcs(path)
    assert told(sample)["FCS-VALUE-01"].endswith("(3 values)")
    np.testing.assert_array_equal(sample.events(), rows)
    assert "FCS-VALUE-01" not in {item.code for item in sample.noticed}
    with pytest.raises(FcsError, match="FCS-VALUE-01"):
        read_fcs(path, strict=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_largest_and_smallest_numbers_are_finite(write, order):
    rows = [[3.4028234e38, -3.4028234e38], [1e-45, -1e-45]]
    assert "FCS-VALUE-01" not in told(read_fcs(write(rows=rows, order=order)))


MASKED = [
    ("I16", "1024", [0x0401, 0x0002], "measured bits"),
    ("I32", "1048576", [0x00100001, 0x00000002], "measured bits"),
    ("I24", "1024", [0x000401, 0x000002], "measured bits"),
    ("I64", "1024", [1 << 40, 2], "measured bits"),
    ("I16", "1024", [0x4001, 0x4002], "a tag"),
    ("I32", "1048576", [0x05000001, 0x85000002], "Coulter's tag"),
    ("I32", "1048576", [5, 1048575], "nothing"),
    ("I32", "1000000", [5, 1048575], "within the mask"),
]


@pytest.mark.parametrize(("kind", "top", "values", "what"), MASKED)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("other", [None, "I8"])
def test_bits_above_the_mask_that_were_measured_are_told(
    write, kind, top, values, what, order, other
):
    kinds = (kind,) if other is None else (kind, other)
    rows = [[value, 1][: len(kinds)] for value in values]
    path = write(rows=rows, kinds=kinds, order=order, ranges=(top, "256")[: len(kinds)])
    messages = told(read_fcs(path))
    assert ("FCS-MASK-01" in messages) == (what == "measured bits")
    assert messages.get("FCS-MASK-01", "($P1R)").endswith("($P1R)")


def test_one_event_cannot_differ_from_others(write):
    path = write(rows=[[0x0401]], kinds=("I16",), ranges=("1024",))
    assert "FCS-MASK-01" not in told(read_fcs(path))


@given(
    n_events=st.integers(1, 150), n_channels=st.integers(1, 5),
    part=st.sampled_from([8, 500, 1 << 20]), seed=st.integers(0, 9),
)  # fmt: skip
def test_folding_in_any_pieces_sees_all_bits(
    tmp_path_factory, n_events, n_channels, part, seed
):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 1 << 16, (n_events, n_channels))
    table &= rng.integers(0, 1 << 16, n_channels)
    path = tmp_path_factory.mktemp("scan") / "a.fcs"
    path.write_bytes(
        make_fcs(table.tolist(), ("I16",) * n_channels, ranges=("1024",) * n_channels)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flowml.fcs.decode, "PART", part)
        message = told(read_fcs(path)).get("FCS-MASK-01", "()")
    high = table >> 10
    varying = [f"$P{n}R" for n, column in enumerate(high.T, 1) if (column != column[0]).any()]
    assert message.rpartition("(")[2].rstrip(")") == ", ".join(varying)
