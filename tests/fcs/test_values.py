"""Stored and linear values: widths, byte orders, masks, amplifiers, blocks."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import flowio
import numpy as np
import pytest
from build import make_fcs
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FcsError, FlowmlError
from flowml.events import ArraySource
from flowml.fcs import read_fcs
from flowml.fcs.channels import LOG_WORD


def codes(sample):
    return {finding.code for finding in sample.findings}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16, 24, 32, 64])
def test_integers_of_every_width_are_exact(read, bits, order):
    rows = [[0, 1], [2**bits - 1, 2 ** (bits - 1)], [258 % 2**bits, 7]]
    sample = read(rows=rows, kinds=(f"I{bits}",) * 2, order=order)
    assert sample.stored.tolist() == rows
    assert sample.events().dtype == (np.float32 if bits <= 24 else np.float64)


@pytest.mark.parametrize("order", ["<", ">"])
def test_mixed_widths_are_exact(read, order):
    rows = [[255, 65535, 2**24 - 1, 2**32 - 1, 3], [1, 2, 3, 4, 5]]
    sample = read(rows=rows, kinds=("I8", "I16", "I24", "I32", "I8"), order=order)
    assert sample.stored.tolist() == rows
    assert sample.events().tolist() == rows


@pytest.mark.parametrize("order", ["<", ">"])
def test_mixed_types_of_fcs_3_2_are_exact(read, order):
    rows = [[7, 1.5, 1e300, 2**32 - 1], [9, -2.5, -0.1, 5]]
    sample = read(rows=rows, kinds=("I16", "F32", "D64", "I32"), order=order)
    assert sample.stored.tolist() == rows


def test_mixed_types_are_masked_too(read):
    sample = read(rows=[[0xF3FF, 1.5]], kinds=("I16", "F32"), ranges=("1024", "10"))
    assert sample.stored.tolist() == [[0x3FF, 1.5]]


def test_wide_integers_beside_floats_are_refused_because_no_type_holds_both(write):
    with pytest.raises(FcsError, match=r"integers of 64 bits stand beside floating point"):
        read_fcs(write(rows=[[2**60 + 1, 1.5]], kinds=("I64", "F32")))


@pytest.mark.parametrize(
    ("top", "mask"),
    [("1024", 1023), ("1000", 1023), ("1025", 2047), ("65536", 65535), ("262144", 65535),
     ("2", 1), ("1023.5", 1023), ("1024.0", 1023)],
)  # fmt: skip
def test_bits_beyond_the_range_are_masked(read, top, mask):
    rows = [[0xFFFF, 5]]
    sample = read(rows=rows, kinds=("I16", "I16"), ranges=(top, "65536"))
    assert sample.stored.tolist() == [[mask, 5]]


def test_a_range_beyond_what_a_float_holds_is_masked_exactly(read):
    sample = read(rows=[[2**63 + 5]], kinds=("I64",), ranges=(str(2**63 + 1),))
    assert sample.stored.tolist() == [[2**63 + 5]]


@pytest.mark.parametrize("top", ["0", "1", "-5", "1e300", "nan", "abc", "", "9" * 30, None])
def test_a_malformed_range_masks_nothing_and_is_a_finding(read, top):
    sample = read(rows=[[65535, 1]], kinds=("I16", "I16"), changes={"$P1R": top})
    assert sample.stored.tolist() == [[65535, 1]]
    assert sample.channels[0].top == 65536
    assert "FCS-KEY-05" in codes(sample)


@pytest.mark.parametrize("top", ["0", "1e300", "1e-300", "x", None])
def test_a_malformed_range_of_floats_is_a_finding_too(read, top):
    sample = read(changes={"$P1R": top})
    assert sample.channels[0].top == 262144
    assert "FCS-KEY-05" in codes(sample)


def test_values_beyond_the_range_are_never_cut(read):
    sample = read(rows=[[1e6, -5.0]], ranges=("1024", "1024"))
    assert sample.events().tolist() == [[1e6, -5.0]]


def test_nan_and_infinities_are_loaded(read):
    sample = read(rows=[[math.nan, math.inf], [-math.inf, 1.0]], changes={"$P1G": "2"})
    assert np.isnan(sample.events()[0, 0])
    assert sample.events()[1].tolist() == [-math.inf, 1.0]


def test_doubles_near_their_end_are_read_without_warning(read):
    sample = read(rows=[[1e308, -1e308]], kinds=("D64", "D64"))
    assert sample.stored.tolist() == sample.events().tolist() == [[1e308, -1e308]]


@pytest.mark.parametrize(("kind", "large"), [("D64", 1e308), ("F32", 3e38)])
def test_a_gain_that_takes_values_beyond_their_type_is_refused(read, kind, large):
    sample = read(rows=[[large, 1.0]], kinds=(kind, kind), changes={"$P1G": "0.1"})
    assert sample.stored[0, 0] == pytest.approx(large)
    with pytest.raises(FcsError, match=r"divided by its gain of 0\.1 exceeds"):
        sample.events()
    odd = read(rows=[[np.inf, 1.0]], kinds=(kind, kind), changes={"$P1G": "0.1"})
    assert odd.events()[0, 0] == np.inf


def test_a_gain_is_divided_out_in_double_precision(read):
    stored = np.random.default_rng(3).normal(size=(500, 1)).astype(np.float32)
    sample = read(rows=stored.tolist(), kinds=("F32",), changes={"$P1G": "0.1"})
    np.testing.assert_array_equal(sample.events(), (stored / np.float64(0.1)).astype("f4"))


def test_values_that_change_while_they_are_read_are_refused(write):
    path = write(rows=np.ones((5000, 2)).tolist())
    sample = read_fcs(path)
    blocks = sample.blocks(1000)
    next(blocks)
    with path.open("r+b") as stream:
        stream.seek(-16, 2)
        stream.write(bytes(8))
    with pytest.raises(FcsError, match="changed after its keywords were read"):
        list(blocks)
    with pytest.raises(FcsError, match="changed"):
        sample.findings  # noqa: B018 - reads the values


@pytest.mark.parametrize(
    ("text", "decades", "offset"), [("4,1", 4, 1), ("4.0,0.1024", 4, 0.1024), ("4,0", 4, 1)]
)
def test_log_amplified_integers_become_linear_by_the_standard(read, text, decades, offset):
    rows = [[0], [512], [1023]]
    sample = read(rows=rows, kinds=("I16",), ranges=("1024",), changes={"$P1E": text})
    expected = [offset * 10 ** (decades * row[0] / 1024) for row in rows]
    np.testing.assert_allclose(sample.events()[:, 0], expected, rtol=1e-6)
    assert sample.channels[0].top == pytest.approx(offset * 10**decades)
    assert ("FCS-KEY-06" in codes(sample)) == (text == "4,0")


@pytest.mark.parametrize(
    "text", ["x", "4", "4,1,1", "", "-4,1", "300,1", "4,-1", "4,1e300", None]
)
def test_a_malformed_amplification_is_linear_and_a_finding(read, text):
    sample = read(rows=[[512]], kinds=("I16",), ranges=("1024",), changes={"$P1E": text})
    assert sample.events().tolist() == [[512]]
    assert "FCS-KEY-03" in codes(sample)


def test_log_amplification_of_floats_is_not_applied(read):
    assert read(changes={"$P1E": "4,1"}).events()[0].tolist() == [1.5, 2.5]


def test_gain_divides_linear_channels_only(read):
    changes = {"$P1G": "5", "$P2G": "5", "$P2E": "4,1"}
    sample = read(rows=[[100, 512]], kinds=("I16",) * 2, ranges=("1024",) * 2, changes=changes)
    assert sample.events()[0].tolist() == [20, 100]
    assert sample.channels[0].top == pytest.approx(1024 / 5)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "x", "1e-300", "1e300"])
def test_a_malformed_gain_is_one_and_a_finding(read, text):
    sample = read(changes={"$P1G": text})
    assert sample.events()[0, 0] == 1.5
    assert "FCS-KEY-04" in codes(sample)


def test_the_time_channel_keeps_its_stored_values(read):
    sample = read(changes={"$P1N": "Time", "$TIMESTEP": "0.01", "$P1G": "10"})
    assert sample.events()[:, 0].tolist() == [1.5, 3.5, 5.5]
    assert sample.channels[0].role == "time"


def test_blank_and_double_names_are_made_unique(read):
    names = {f"$P{n}N": name for n, name in enumerate(["A", "A", "A-1", "", "A"], start=1)}
    sample = read(rows=[[1, 2, 3, 4, 5]], kinds=("I8",) * 5, changes=names)
    assert sample.channel_names == ("A-2", "A-3", "A-1", "channel 4", "A-4")
    assert "FCS-NAME-01" in codes(sample)


def test_thousands_of_equal_names_end_within_seconds(read):
    count = 3000
    names = {f"$P{n}N": "x" for n in range(1, count + 1)}
    sample = read(rows=[[0] * count], kinds=("I8",) * count, changes=names)
    assert len(set(sample.channel_names)) == count


def test_a_name_of_100_kb_is_shortened(read):
    sample = read(changes={"$P1N": "x" * 100_000})
    assert len(sample.channel_names[0]) == 200


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    size=st.integers(1, 40),
    kinds=st.sampled_from(
        [("F32",) * 3, ("I16",) * 3, ("I8", "I24", "I32"), ("I16", "F32", "D64")]
    ),
    order=st.sampled_from("<>"),
)
def test_blocks_of_any_size_concatenate_to_all_events(tmp_path_factory, size, kinds, order):
    path = tmp_path_factory.mktemp("blocks") / "a.fcs"
    path.write_bytes(make_fcs([[n, n + 1, n + 2] for n in range(23)], kinds, order=order))
    sample = read_fcs(path)
    parts = [block.copy() for block in sample.blocks(size)]
    assert all(len(part) == size for part in parts[:-1])
    np.testing.assert_array_equal(np.concatenate(parts), sample.events())


@pytest.mark.parametrize("size", [0, -1])
def test_blocks_without_events_are_refused(read, size):
    sample = read()
    held = replace(sample, source=ArraySource(sample.events()))
    for blocks in (sample.blocks(size), held.blocks(size)):
        with pytest.raises(FlowmlError, match=rf"block of {size} events.*expected at least 1"):
            list(blocks)


def test_a_file_that_became_shorter_is_refused(write):
    path = write()
    sample = read_fcs(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FcsError, match=r"a\.fcs changed after its keywords were read"):
        sample.events()
    path.unlink()
    with pytest.raises(FcsError, match="No such file"):
        sample.events()


def test_a_sample_crosses_to_another_process_without_its_events(write):
    rows = [[float(n), 1.0] for n in range(5000)]
    sample = read_fcs(write(rows=rows, changes={"$SPILLOVER": "2,FL1,FL2,1,0.1,0.2,1"}))
    packed = pickle.dumps(sample)
    assert len(packed) < 5000
    other = pickle.loads(packed)  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(other.events(), sample.events())
    assert other.keywords == sample.keywords
    assert not other.spillover.matrix.flags.writeable
    with pytest.raises(TypeError):
        other.keywords["$TOT"] = "1"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kinds", [("F32",) * 2, ("D64",) * 2, ("I16",) * 2, ("I8", "I32")])
def test_flowio_reads_the_same_stored_values(write, kinds, order):
    path = write(rows=[[1, 2], [3, 4], [250, 99]], kinds=kinds, order=order)
    other = flowio.FlowData(path).as_array(preprocess=False)
    np.testing.assert_array_equal(read_fcs(path).stored.astype(float), other)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SS Log", True),
        ("SS_LOG", True),
        ("FSC LogH", True),
        ("SSC-A", False),
        ("Logan-A", False),
    ],
)
def test_a_logarithmic_amplifier_is_known_by_the_channels_name(name, expected):
    assert bool(LOG_WORD.search(name)) is expected
