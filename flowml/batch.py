"""Many cases: one after another, or on several worker processes.

Workers are spawned afresh (loky), never forked, and compute with one thread each: more
threads than cores are slower, and a product must have the same bits everywhere.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, TypeVar

from flowml.errors import FlowmlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> list[Result]:
    """Apply a function to every item.

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
    if jobs < 1:
        raise FlowmlError(f"jobs is {jobs}, expected 1 or more.")
    results = []
    workers = min(jobs, len(items))
    for result in (
        _on_workers(function, items, workers) if workers > 1 else _here(function, items)
    ):
        results.append(result)
        if progress is not None:
            progress(len(results))
    return results


def _here(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        for item in items:
            yield function(item)


def _on_workers(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", n_jobs=workers, inner_max_num_threads=1):
        try:
            yield from Parallel(return_as="generator")(
                delayed(function)(item) for item in items
            )
        except BrokenExecutor as error:  # killed from outside, or out of memory
            raise FlowmlError(
                "a worker process was ended from outside, most likely for want of memory. "
                "Start again with fewer --jobs."
            ) from error
