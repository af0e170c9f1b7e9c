"""Features have the same bits whatever the chunk, workers and order of files."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from small import cohort, one_tube, sample_of, with_events

import flowml
from flowml.events import COMPUTE_BLOCK
from flowml.fcs import read_fcs, write_fcs
from flowml.features import RECIPES, describe_case, make_recipe
from flowml.quality import Preparation
from flowml.reading import Reading
from flowml.records import Case, Tube

SMALL = {"map_side": 3, "pair_bins": 6, "bins": 16}
NAMES = [*RECIPES, "+".join(RECIPES)]
EVERY = pytest.mark.parametrize("name", NAMES)


@cache
def recipe(name, **options):
    return make_recipe(name, **SMALL, **options).fit(cohort()[:4])


@cache
def long_sample(index=0):
    """Return a sample of several blocks, the last one not full."""
    sample = sample_of(index)
    events = np.tile(sample.events(), (24, 1))
    events += np.random.default_rng(index).normal(0, 5, events.shape).astype(events.dtype)
    return with_events(sample, events)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write six tubes of three cases; two of the tubes are of several blocks."""
    found = tmp_path_factory.mktemp("cohort")
    for number in range(6):
        sample = long_sample(number) if number in {1, 4} else sample_of(number)
        write_fcs(found / f"case{number // 2}_tube{number % 2}.fcs", sample, sample.keywords)
    return found


def cases_of(folder, turned=False):
    step = -1 if turned else 1
    return [
        Case(
            f"case{n}",
            tuple(
                Tube(f"{n}/{t}", folder / f"case{n}_tube{t}.fcs", f"tube {t}")
                for t in (0, 1)[::step]
            ),
        )
        for n in (0, 1, 2)[::step]
    ]


@EVERY
@pytest.mark.parametrize("exact", [False, True])
def test_features_have_the_same_bits_whatever_the_chunk(name, exact):
    fitted = recipe(name, exact=exact)
    case = one_tube(long_sample())
    whole = describe_case(case, fitted)
    assert whole.problem == ""
    for chunk in (1, 100, 16_384, 100_000):
        found = describe_case(case, fitted, chunk=chunk)
        assert found.groups == whole.groups
        assert found.values.tobytes() == whole.values.tobytes()


@EVERY
def test_chunks_of_a_file_do_not_matter_either(folder, name):
    fitted = recipe(name, maximum="measured")
    (case, *_) = cases_of(folder)
    found = [describe_case(case, fitted, chunk=n).values.tobytes() for n in (1, 20_000, 10**6)]
    assert len(set(found)) == 1


@EVERY
@pytest.mark.parametrize("by_tube", [False, True])
def test_features_have_the_same_bits_in_any_order_of_files_and_tubes(folder, name, by_tube):
    fitted = recipe(name, by_tube=by_tube)
    straight = flowml.extract(cases_of(folder), fitted)
    turned = flowml.extract(cases_of(folder, turned=True), fitted)
    assert straight.columns.tolist() == turned.columns.tolist()
    assert straight.to_numpy().tobytes() == turned.loc[straight.index].to_numpy().tobytes()


def test_features_have_the_same_bits_whatever_the_workers(folder):
    every = recipe("+".join(RECIPES), maximum="measured")
    frames = [
        flowml.extract(cases_of(folder), every, reading=Reading(jobs=jobs, chunk=chunk))
        for jobs, chunk in ((1, 16_384), (2, 100), (2, 100_000))
    ]
    for frame in frames:
        assert frame.columns.tolist() == frames[0].columns.tolist()
        assert frame.to_numpy().tobytes() == frames[0].to_numpy().tobytes()
        ungated = [name for name in frame if "/" not in name]
        assert np.isfinite(frame[ungated].to_numpy()).all()


def test_what_is_learned_has_the_same_bits_whatever_the_workers_and_order(folder):
    every = make_recipe("+".join(RECIPES), **SMALL, width="auto", maximum="measured")
    frames = [
        flowml.extract(cases_of(folder, turned), every, jobs=jobs)
        for turned, jobs in ((False, 1), (True, 1), (True, 2))
    ]
    recipes = [frame.attrs["flowml"]["recipe"] for frame in frames]
    assert recipes[0] == recipes[1] == recipes[2]
    for frame in frames[1:]:
        assert frame.loc[frames[0].index].to_numpy().tobytes() == frames[0].to_numpy().tobytes()


def test_a_case_alone_has_the_features_it_has_among_others(folder):
    fitted = recipe("+".join(RECIPES))
    together = flowml.extract(cases_of(folder), fitted)
    for case in cases_of(folder):
        alone = flowml.extract([case], fitted)
        assert alone.to_numpy().tobytes() == together.loc[[case.case_id]].to_numpy().tobytes()


def test_memory_and_file_give_the_same_bits(folder):
    fitted = recipe("+".join(RECIPES))
    path = folder / "case0_tube1.fcs"
    sample = read_fcs(path)
    held = with_events(sample, sample.events())
    one = describe_case(Case("a", (Tube("a", path),)), fitted)
    two = describe_case(Case("a", (Tube("a", held),)), fitted)
    assert one.values.tobytes() == two.values.tobytes()


@pytest.mark.parametrize("name", ["ecdf", "pairs", "mll2021", "som"])
@pytest.mark.parametrize("exact", [False, True])
def test_the_order_of_events_moves_one_count_in_100_000_at_most(name, exact):
    from flowml.features.tube import count_tube

    fitted, sample = recipe(name, exact=exact), long_sample()
    events = sample.events()
    order = np.random.default_rng(3).permutation(len(events))
    straight = count_tube(Tube("a", sample), fitted, Preparation())
    shuffled = count_tube(Tube("a", with_events(sample, events[order])), fitted, Preparation())
    for one, other in zip(straight.counts, shuffled.counts, strict=True):
        assert one.keys == other.keys
        moved = np.abs(one.table - other.table).sum() / 2
        assert moved <= one.table.sum() / 100_000


@pytest.mark.parametrize("name", ["quantiles", "moments"])
def test_the_order_of_events_hardly_moves_statistics(name):
    sample = long_sample()
    order = np.random.default_rng(3).permutation(sample.n_events)
    shuffled = with_events(sample, sample.events()[order])
    one, other = (describe_case(one_tube(s), recipe(name)) for s in (sample, shuffled))
    np.testing.assert_allclose(one.values, other.values, atol=1e-5)


@EVERY
def test_without_compensation_the_order_of_events_changes_no_bit(name):
    if "som" in name:
        pytest.skip("distances to nodes are a product of their own")
    sample = long_sample()
    order = np.random.default_rng(4).permutation(sample.n_events)
    shuffled = with_events(sample, sample.events()[order])
    one, other = (
        describe_case(one_tube(s), recipe(name), Preparation("none"))
        for s in (sample, shuffled)
    )
    assert one.values.tobytes() == other.values.tobytes()


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


@pytest.mark.parametrize("chunk", [1, 1000, 16_384, 16_385, 65_536])
@pytest.mark.parametrize("maximum", ["range", "measured"])
def test_events_are_read_in_whole_compute_blocks_once_or_twice(chunk, maximum):
    source = Recording(sample_of().source)
    fitted = recipe("mll2021+ecdf", maximum=maximum)
    describe_case(one_tube(replace(sample_of(), source=source)), fitted, chunk=chunk)
    assert all(size % COMPUTE_BLOCK == 0 for size in source.asked)
    assert max(source.asked) >= chunk
    assert len(source.asked) == fitted.passes == {"range": 1, "measured": 2}[maximum]
