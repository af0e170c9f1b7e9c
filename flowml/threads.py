"""One thread for products: more than cores are slower, and bits may depend on their number."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Let numpy's products run on one thread, as long as the context lasts."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


@cache  # to look through the libraries of a process takes some milliseconds
def _blas() -> ThreadpoolController:
    import numpy as np  # noqa: F401 - its BLAS must be there to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
