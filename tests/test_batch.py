"""Many cases, one worker or several."""

from __future__ import annotations

import os
import signal
import time
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowml.batch import BATCHES, _Batches, run, stream
from flowml.errors import FcsError, FlowmlError


def double(item):
    return item * 2


def fail(item):
    raise FcsError(f"item {item} is broken", "FCS-TEXT")


def die(item):
    os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_items(jobs):
    seen = []
    assert run(double, list(range(7)), jobs=jobs, progress=seen.append) == list(range(0, 14, 2))
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_nothing_to_do_is_done():
    assert run(double, [], jobs=4) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_crosses_from_a_worker_with_its_code(jobs):
    with pytest.raises(FcsError, match=r"item \d is broken") as caught:
        run(fail, [1, 2], jobs=jobs)
    assert caught.value.code == "FCS-TEXT"


def test_a_worker_that_dies_is_a_message():
    with pytest.raises(FlowmlError, match="fewer --jobs"):
        run(die, [1, 2], jobs=2)


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_workers_is_an_error(jobs):
    with pytest.raises(FlowmlError, match="expected 1 or more"):
        run(double, [1], jobs=jobs)


def where_and_threads(item):
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    threads = {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}
    return item, os.getpid(), threads


def test_workers_are_other_processes_of_one_thread():
    found = run(where_and_threads, range(40), jobs=2)
    assert [item for item, _, _ in found] == list(range(40))
    assert os.getpid() not in {process for _, process, _ in found}
    assert {*map(frozenset, (threads for _, _, threads in found))} == {frozenset({1})}


def slow_first(item):
    time.sleep(0.2 if item == 0 else 0.001)
    return bytes([item])


def test_order_and_progress_do_not_depend_on_how_long_an_item_takes():
    seen = []
    found = run(slow_first, range(60), jobs=3, progress=seen.append)
    assert b"".join(found) == bytes(range(60))
    assert seen == list(range(1, 61))


def test_a_result_is_handed_out_before_the_next_item_is_worked_on():
    worked = []
    results = stream(worked.append, range(5))
    assert list(islice(results, 2)) == [None, None]
    assert worked == [0, 1]


def test_a_run_that_is_left_early_leaves_nothing_behind():
    results = stream(double, range(200), jobs=2)
    assert next(results) == 0
    results.close()
    assert run(double, range(5), jobs=2) == [0, 2, 4, 6, 8]


@given(
    n_items=st.integers(0, 3000),
    workers=st.integers(2, 16),
    seconds=st.lists(st.floats(0, 5), min_size=1, max_size=9),
)
def test_batches_hold_every_item_once_and_are_enough_for_all_workers(n_items, workers, seconds):
    batches, sizes, items = _Batches(range(n_items), workers), [], []
    for number, batch in enumerate(batches):
        sizes.append(len(batch))
        items += batch
        batches.took(seconds[number % len(seconds)] * len(batch), len(batch))
    assert items == list(range(n_items))
    assert len(sizes) >= min(n_items, BATCHES * workers)
    assert max(sizes, default=0) <= max(1, n_items // (BATCHES * workers))
    assert sizes[-BATCHES * workers :] == [1] * min(n_items, BATCHES * workers)


@pytest.mark.parametrize(("seconds", "size"), [(0.004, 20), (0.0, 10**6), (3.0, 1), (0.04, 2)])
def test_a_batch_is_a_twelfth_of_a_second_of_work(seconds, size):
    batches = _Batches(range(1600), 2)
    cut = iter(batches)
    assert len(next(cut)) == 1
    batches.took(seconds, 1)
    assert len(next(cut)) == min(size, 1599 // 8)
