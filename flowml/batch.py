"""Many cases: one after another, or on several worker processes.

Workers are spawned afresh (loky), never forked, and compute with one thread each: more
threads than cores are slower, and a product must have the same bits everywhere. They are sent
batches of items, as a message costs as much as a small item, and the function goes with each.
"""

from __future__ import annotations

import time
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

from flowml.errors import FlowmlError
from flowml.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_SECONDS = 0.08  # of work in a message; to send one takes about a millisecond
BATCHES = 4  # at least for each worker, so that none is idle for long in the end
AHEAD = 3  # batches for each worker that are sent out or being worked on


def run(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> list[Result]:
    """Apply a function to every item, and hold the results.

    Parameters
    ----------
    function : callable
        Takes one item; must be picklable if `jobs` is above 1.
    items : sequence
        What to work on.
    jobs : int
        Worker processes; 1 works in this process.
    progress : callable, optional
        Called with the number of items done.

    Returns
    -------
    list
        Results in the order of the items, whatever the number of workers.

    Raises
    ------
    FlowmlError
        If `jobs` is not positive, or a worker process dies.
    """
    return list(stream(function, items, jobs=jobs, progress=progress))


def stream(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Result]:
    """Apply a function to every item, and hand out each result as its turn comes.

    Parameters
    ----------
    function : callable
        Takes one item; must be picklable if `jobs` is above 1.
    items : sequence
        What to work on.
    jobs : int
        Worker processes; 1 works in this process.
    progress : callable, optional
        Called with the number of items done.

    Yields
    ------
    object
        Results in the order of the items, whatever the number of workers; they are not kept.

    Raises
    ------
    FlowmlError
        If `jobs` is not positive, or a worker process dies.
    """
    if jobs < 1:
        raise FlowmlError(f"jobs is {jobs}, expected 1 or more.")
    workers = min(jobs, len(items))
    results = _on_workers(function, items, workers) if workers > 1 else _here(function, items)
    for done, result in enumerate(results, start=1):
        yield result
        if progress is not None:
            progress(done)


def _here(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    with one_thread():
        for item in items:
            yield function(item)


def _on_workers(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    from joblib import Parallel, delayed, parallel_config

    batches = _Batches(items, workers)
    tasks = (delayed(_work)(function, batch) for batch in batches)
    with parallel_config(backend="loky", n_jobs=workers, inner_max_num_threads=1):
        team = Parallel(return_as="generator", batch_size=1, pre_dispatch=AHEAD * workers)
        working = team(tasks)
        try:
            for seconds, results in working:
                batches.took(seconds, len(results))
                yield from results
        except GeneratorExit:  # whoever asked has seen enough
            batches.stop()
            for _ in working:  # what is under way; ending workers is a race within loky
                pass
            raise
        except BrokenExecutor as error:  # killed from outside, or out of memory
            raise FlowmlError(
                "a worker process was ended from outside, most likely for want of memory. "
                "Start again with fewer --jobs."
            ) from error


def _work(
    function: Callable[[Item], Result], batch: Sequence[Item]
) -> tuple[float, list[Result]]:
    """Work on a batch, in a worker; return the seconds it took, too."""
    start = time.perf_counter()
    results = [function(item) for item in batch]
    return time.perf_counter() - start, results


class _Batches(Generic[Item]):
    """Cuts items into batches while they are worked on, by the time the last ones took.

    Batches shrink towards the end, so that all workers are done at about the same time.
    """

    def __init__(self, items: Sequence[Item], workers: int) -> None:
        self._items = items
        self._shares = BATCHES * workers
        self._stopped = False
        self._seconds = 0.0  # an item; not known yet

    def took(self, seconds: float, n_items: int) -> None:
        """Learn from a batch; half of what was known stays, as sizes of files differ."""
        found = max(seconds / n_items, 1e-6)
        self._seconds = (self._seconds + found) / 2 if self._seconds else found

    def stop(self) -> None:
        """Cut no further batch."""
        self._stopped = True

    def __iter__(self) -> Iterator[Sequence[Item]]:
        start, end = 0, len(self._items)
        while start < end and not self._stopped:
            wanted = int(BATCH_SECONDS / self._seconds) if self._seconds else 1
            size = max(1, min(wanted, (end - start) // self._shares))
            yield self._items[start : start + size]
            start += size
