"""What the benchmarks share: one thread, helper processes, and honest summaries."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD = {**os.environ, **dict.fromkeys(THREADS, "1")}


def spread(values: Sequence[float], digits: int = 2) -> dict[str, Any]:
    """Return the median and the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "median": round(middle, digits),
        "quartiles": [round(low, digits), round(high, digits)],
    }


def shown(summary: dict[str, Any]) -> str:
    """Write a summary as ``median (quartile to quartile)``."""
    low, high = summary["quartiles"]
    return f"{summary['median']:.4g} ({low:.4g} to {high:.4g})"


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Let all take turns, after one round that is not counted; processor seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if turn:
                seconds[name].append(time.process_time() - start)
    return seconds


def machine() -> dict[str, str]:
    """Say where the figures come from."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


class Helper:
    """A process that carries out one request after another, and waits in between.

    Parameters
    ----------
    script : Path
        Answers each line of JSON with one of its own.
    python : str
        Interpreter; may be one of another environment.
    """

    def __init__(self, script: Path, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ONE_THREAD,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request, and wait for the answer."""
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a helper died at {request}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()
