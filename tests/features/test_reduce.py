"""Events become counts: against numpy, by definition, and whatever the chunk or order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import flowutils
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import one_tube, plain_sample, sample_of, with_events

from flowml.errors import FlowmlError
from flowml.events import COMPUTE_BLOCK
from flowml.fcs import read_fcs
from flowml.features import describe_case, make_recipe
from flowml.features.reduce import bin_counts, count_events, marker_columns, pooled
from flowml.findings import Severity
from flowml.preprocess import choose_unmixing
from flowml.records import Channel, Role, Sample

RECIPE = make_recipe("ecdf").fit(())
EDGES = np.array([0.1, 1.0, 2.5, 700.3])


def counted(sample, chunk=65_536, recipe=RECIPE):
    unmixing, _ = choose_unmixing(sample)
    columns, _ = marker_columns(sample)
    return count_events(sample, columns, unmixing, recipe, chunk)[0]


def by_definition(values, edges):
    ends = [-np.inf, *edges, np.inf]
    values = np.asarray(values, dtype=np.float64)
    inner = [int(((low <= values) & (values < high)).sum()) for low, high in pairwise(ends)]
    inner[-1] += int((values == np.inf).sum())
    return inner


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counts_are_those_of_numpy_where_numpy_counts(dtype):
    values = np.random.default_rng(1).uniform(0, 1000, 5000).astype(dtype)
    edges = np.linspace(0, 1000, 33)[1:-1]
    expected, _ = np.histogram(values, [-1.0, *edges, 1001.0])
    assert bin_counts(values, edges).tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_on_an_edge_belongs_above_it_exactly(dtype):
    near = EDGES.astype(dtype)
    below, above = np.nextafter(near, dtype(-np.inf)), np.nextafter(near, dtype(np.inf))
    values = np.concatenate([near, below, above])
    assert bin_counts(values, EDGES).tolist() == by_definition(values, EDGES)


def test_off_the_scale_counts_at_the_ends_and_nan_nowhere():
    values = np.array([-np.inf, -1e30, 1e30, np.inf, np.nan, 0.5], dtype=np.float32)
    assert bin_counts(values, EDGES).tolist() == [2, 1, 0, 0, 2]


def test_no_values_give_no_counts():
    counts = bin_counts(np.empty(0, np.float32), EDGES)
    assert counts.tolist() == [0] * 5
    assert np.isnan(make_recipe("ecdf", bins=5).fit(()).values(counts)).all()


def test_whole_numbers_are_counted_as_the_numbers_they_are():
    assert bin_counts(np.array([0, 1, 2, 3, 700, 701]), EDGES).tolist() == [1, 0, 2, 2, 1]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.lists(st.floats(width=32, allow_nan=False), max_size=40),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique=True),
)
def test_every_value_is_counted_once_and_in_its_place(values, edges):
    edges = np.sort(np.array(edges))
    array = np.array(values, dtype=np.float32)
    counts = bin_counts(array, edges)
    assert counts.sum() == len(values)
    assert counts.tolist() == by_definition(array, edges)
    assert counts.tolist() == bin_counts(array[::-1].copy(), edges).tolist()


def plain_ecdf(sample, column, bins=32):
    """Compute the features of a channel with flowutils' logicle and nothing of ours."""
    events = np.asarray(sample.events(), dtype=np.float64)
    if sample.spillover is not None and sample.scale.value == "raw":
        places = [sample.channel_names.index(name) for name in sample.spillover.channels]
        events[:, places] = events[:, places] @ np.linalg.inv(sample.spillover.matrix)
    channel, values = sample.channels[column], events[:, column]
    if channel.role is Role.FLUORESCENCE or channel.logarithmic:
        shown = flowutils.transforms.logicle(
            values[:, None].copy(), [0], t=channel.top, m=4.5, w=0.5, a=0
        )[:, 0]
    else:
        shown = values / channel.top
    return [(shown < edge).mean() for edge in np.linspace(0, 1, bins + 1)[1:-1]]


def assert_ecdf_is_plain(sample):
    case = describe_case(one_tube(sample), RECIPE)
    found = dict(zip(case.names, case.values, strict=True))
    columns, _ = marker_columns(sample)
    assert len(columns) >= 5
    for marker, column in columns.items():
        values = [found[name] for name in RECIPE.feature_names(marker)]
        # float32 may put a value that lies on an edge on its other side: one event at most
        assert values == pytest.approx(plain_ecdf(sample, column), abs=1.01 / sample.n_events)


def test_ecdf_of_a_simulated_file_is_a_plain_computation():
    assert_ecdf_is_plain(sample_of())


def test_ecdf_of_a_real_file_is_a_plain_computation(shared_data):
    assert_ecdf_is_plain(read_fcs(shared_data / "aml-tube4" / "sample11.fcs"))


def test_features_have_the_same_bits_whatever_the_chunk():
    case = one_tube(sample_of())
    whole = describe_case(case, RECIPE, chunk=65_536)
    for chunk in (1, 100, 8192):
        assert describe_case(case, RECIPE, chunk=chunk).values.tobytes() == (
            whole.values.tobytes()
        )


def test_the_order_of_events_moves_one_count_in_100_000_at_most():
    sample = sample_of()
    events = np.tile(sample.events(), (14, 1))  # several blocks, the last one not full
    events += np.random.default_rng(2).normal(0, 5, events.shape).astype(events.dtype)
    order = np.random.default_rng(3).permutation(len(events))
    straight = counted(with_events(sample, events))
    shuffled = counted(with_events(sample, events[order]))
    moved = sum(np.abs(straight[m] - shuffled[m]).sum() / 2 for m in straight)
    assert moved <= sum(counts.sum() for counts in straight.values()) / 100_000


def test_tubes_are_pooled_as_if_they_had_been_one_in_any_order():
    sample = sample_of()
    events = sample.events()
    parts = [
        counted(with_events(sample, part))
        for part in (events[:300], events[300:301], events[301:])
    ]
    other = {"CD38": np.arange(32)}
    whole = counted(sample) | other
    for tubes in ([*parts, other], [other, *parts[::-1]]):
        total = pooled(tubes)
        assert sorted(total) == sorted(whole)
        assert all((total[marker] == whole[marker]).all() for marker in whole)


def test_pooling_leaves_the_counts_of_the_tubes_alone():
    first = {"CD3": np.array([1, 2])}
    pooled([first, {"CD3": np.array([10, 10])}])
    assert first["CD3"].tolist() == [1, 2]


def channels(*rows):
    made = tuple(Channel(name, "", marker, role, pulse) for name, marker, role, pulse in rows)
    return Sample("a.fcs", made, None)


F, FS, SS = Role.FLUORESCENCE, Role.FORWARD_SCATTER, Role.SIDE_SCATTER


def test_an_area_stands_for_its_marker_before_a_height_and_never_a_width():
    sample = channels(
        ("PE-W", "CD19", F, "W"), ("PE-H", "CD19", F, "H"), ("PE-A", "CD19", F, "A"),
        ("APC-H", "CD3", F, "H"), ("FITC-W", "CD4", F, "W"), ("Time", "", Role.TIME, ""),
    )  # fmt: skip
    assert marker_columns(sample) == ({"CD19": 2, "CD3": 3}, ())


def test_scatter_is_its_area_or_else_its_height():
    both = channels(("FSC-H", "FSC-H", FS, "H"), ("FSC-A", "FSC-A", FS, "A"))
    assert marker_columns(both)[0] == {"FSC-A": 1}
    heights = channels(("FSC-H", "FSC-H", FS, "H"), ("SSC-W", "SSC-W", SS, "W"))
    assert marker_columns(heights)[0] == {"FSC-H": 0}


def test_a_marker_that_two_channels_claim_is_left_out_and_named():
    sample = channels(
        ("PE-A", "CD19", F, "A"), ("APC-A", "CD19", F, "A"), ("FITC-A", "CD3", F, "A")
    )
    columns, (finding,) = marker_columns(sample)
    assert columns == {"CD3": 2}
    assert finding.code == "PANEL-DOUBLE"
    assert finding.severity is Severity.REVIEW
    assert all(word in finding.message for word in ("CD19", "PE-A", "APC-A"))


def test_values_that_are_no_numbers_are_counted_for_the_record():
    values = np.array([[1.0, np.nan], [np.inf, 2.0], [3.0, 4.0]], dtype=np.float32)
    sample = plain_sample(values, ["CD3", "CD19"])
    counts, odd = count_events(sample, {"CD3": 0, "CD19": 1}, None, RECIPE, 2)
    assert odd == 2
    assert {m: int(c.sum()) for m, c in counts.items()} == {"CD3": 3, "CD19": 2}


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"name": "ecdff"}, "unknown recipe 'ecdff'"),
        ({"name": "ecdf", "transform": "log"}, "unknown transform 'log'"),
        ({"name": "ecdf", "bins": 1}, "bins is 1, expected 2 to 1024"),
        ({"name": "ecdf", "bins": 2000}, "bins is 2000"),
        ({"name": "ecdf", "bins": True}, "whole number"),
        ({"name": "ecdf", "bins": 8.0}, "whole number"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused(settings_, message):
    with pytest.raises(FlowmlError, match=message):
        make_recipe(**settings_)


@pytest.mark.parametrize(
    "values",
    [{}, {"name": "ecdf"}, {"name": [], "transform": "logicle", "bins": 3}, None, [1], "ecdf"],
)
def test_a_damaged_recipe_is_refused(values):
    with pytest.raises(FlowmlError):
        type(RECIPE).from_dict(values)


def test_a_recipe_survives_the_way_through_plain_values():
    fitted = make_recipe("ecdf", "arcsinh", 16).fit(())
    again = type(fitted).from_dict(fitted.to_dict())
    assert again == fitted
    assert again.sha256 == fitted.sha256 != RECIPE.sha256


class Recording:
    """A source that notes how many events it is asked for at a time."""

    def __init__(self, source):
        self.source, self.asked = source, []
        self.n_events = source.n_events

    def blocks(self, size):
        self.asked.append(size)
        return self.source.blocks(size)

    def findings(self):
        return self.source.findings()


@pytest.mark.parametrize("chunk", [1, 1000, 8192, 8193, 65_536])
def test_events_are_read_in_whole_compute_blocks(chunk):
    # On some processors a float32 product depends on the place of a row in its block.
    source = Recording(sample_of().source)
    describe_case(one_tube(replace(sample_of(), source=source)), RECIPE, chunk=chunk)
    assert all(size % COMPUTE_BLOCK == 0 and size >= chunk for size in source.asked)
    assert len(source.asked) == 1
