"""Many cases, one worker or several."""

from __future__ import annotations

import os
import signal

import pytest

from flowml.batch import run
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
