"""Buffers that are lent: never to two at once, and never seen by another file's values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, zip_longest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import sample_of, with_events

from flowml.fcs import read_fcs, write_fcs
from flowml.features import describe_case, make_recipe
from flowml.features.opened import open_tube
from flowml.records import Case, Tube
from flowml.scratch import LARGEST, MOST_IDLE, Scratch


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 20), st.sampled_from("bHdf")), max_size=12
    )
)
def test_what_is_lent_at_once_is_different_memory(wanted):
    with Scratch() as one, Scratch() as other:
        lent = [
            (one, other)[n % 2].empty((rows, columns), kind)
            for n, (rows, columns, kind) in enumerate(wanted)
        ]
        for array, (rows, columns, kind) in zip(lent, wanted, strict=True):
            assert array.shape == (rows, columns)
            assert array.dtype == np.dtype(kind)
            assert array.flags.c_contiguous
            assert array.flags.writeable
        assert not any(np.shares_memory(a, b) for a, b in combinations(lent, 2))


def test_a_buffer_is_lent_again_after_its_scratch_was_left():
    with Scratch() as scratch:
        first = scratch.empty((12_345,), np.float64)
        address = first.ctypes.data
    with Scratch() as scratch:  # often, whatever else is idle
        lent = [scratch.empty((12_345,), np.float64) for _ in range(MOST_IDLE)]
        again = [array.ctypes.data for array in lent]
    assert again.count(address) == 1


def test_a_buffer_much_too_large_or_too_small_is_not_lent():
    with Scratch() as scratch:
        large = scratch.empty((1 << 20,), np.uint8)
        small = scratch.empty((1,), np.uint8)
    with Scratch() as scratch:
        other = scratch.empty((50_000,), np.uint8)
        assert not np.shares_memory(other, large)
        assert not np.shares_memory(other, small)


def test_large_buffers_are_not_kept():
    with Scratch() as scratch:
        large = scratch.empty((LARGEST + 1,), np.uint8)
        large.fill(1)
    with Scratch() as scratch:
        assert not np.shares_memory(scratch.empty((LARGEST + 1,), np.uint8), large)


def test_an_error_gives_the_buffers_back_once():
    scratch = Scratch()
    address = scratch.empty((23_456,), np.float64).ctypes.data
    with pytest.raises(ZeroDivisionError), scratch:
        raise ZeroDivisionError
    scratch.__exit__(None, None, None)
    with Scratch() as one:
        lent = [one.empty((23_456,), np.float64).ctypes.data for _ in range(MOST_IDLE)]
    assert lent.count(address) == 1


def test_threads_never_share_a_buffer():
    def work(number):
        for turn in range(60):
            with Scratch() as scratch:
                arrays = [scratch.empty((1000 + turn,), np.int64) for _ in range(4)]
                for place, array in enumerate(arrays):
                    array.fill(number * 1000 + place)
                for place, array in enumerate(arrays):
                    if (array != number * 1000 + place).any():
                        return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(work, range(24)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write three files of several blocks each: the same panel, other values."""
    folder, found = tmp_path_factory.mktemp("files"), []
    events = sample_of().events()
    for number, times in enumerate((30, 22, 30)):
        rng = np.random.default_rng(number)
        values = np.tile(events, (times, 1)) * rng.uniform(0.5, 1, (times * len(events), 1))
        sample = with_events(sample_of(), values.astype(np.float32))
        path = folder / f"{number}.fcs"
        write_fcs(path, sample, sample.keywords)
        found.append(path)
    return found


def test_sources_that_are_read_in_turns_keep_their_values(files):
    samples = [read_fcs(path) for path in files]
    streams = [sample.blocks(5000) for sample in samples]
    found = [[] for _ in samples]
    for blocks in zip_longest(*streams):
        for block, seen in zip(blocks, found, strict=True):
            if block is not None:
                seen.append((block, block.copy()))
        for block, seen in zip(blocks, found, strict=True):
            if block is not None:  # still what it was after the others were read
                assert block.tobytes() == seen[-1][1].tobytes()
    for sample, seen in zip(samples, found, strict=True):
        whole = np.concatenate([copy for _, copy in seen])
        assert whole.tobytes() == sample.events().tobytes()


def test_tubes_that_are_compensated_in_turns_keep_their_values(files):
    opened = [open_tube(Tube(path.name, path)) for path in files]
    names = list(opened[0].channels)
    alone = []
    for tube in opened:
        with Scratch() as scratch:
            alone.append([b.tobytes() for b in tube.values(names, scratch, exact=False)])
    with Scratch() as one, Scratch() as other, Scratch() as third:
        streams = [
            tube.values(names, scratch, exact=False)
            for tube, scratch in zip(opened, (one, other, third), strict=True)
        ]
        for turn, blocks in enumerate(zip_longest(*streams)):
            for own, block in zip(alone, blocks, strict=True):
                assert (block is None) == (turn >= len(own))
                assert block is None or block.tobytes() == own[turn]


def test_cases_described_by_threads_have_the_same_bits(files):
    recipe = make_recipe("ecdf+pairs+quantiles", pair_bins=8).fit(())
    cases = [Case(path.name, (Tube(path.name, path),)) for path in files]
    alone = [describe_case(case, recipe).values.tobytes() for case in cases]
    with ThreadPoolExecutor(3) as threads:
        together = threads.map(lambda case: describe_case(case, recipe), cases * 3)
        assert [case.values.tobytes() for case in together] == alone * 3
