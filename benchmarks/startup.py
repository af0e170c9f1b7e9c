"""How long ``flowml --help`` takes, beside an interpreter that does nothing.

Run: python benchmarks/startup.py [--runs 20]. The two commands take turns, so that a machine
that is busy for a while slows both; the ratio of the medians is what counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

FLOWML = str(Path(sys.executable).with_name("flowml"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "flowml --help": [FLOWML, "--help"],
    "flowml classify --help": [FLOWML, "classify", "--help"],
}
FLOOR = "python -c pass"


def timed(command: list[str]) -> float:
    """Return the seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(runs: int) -> dict[str, list[float]]:
    """Run all commands in turn, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, command in COMMANDS.items():
            seconds = timed(command)
            if turn:
                times[name].append(seconds)
    return times


def main() -> None:
    """Print medians, quartiles and ratios as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    times = measure(parser.parse_args().runs)
    floor = statistics.median(times[FLOOR])
    report = {
        name: {
            "median_ms": round(statistics.median(values) * 1e3, 1),
            "quartiles_ms": [round(q * 1e3, 1) for q in statistics.quantiles(values, n=4)[::2]],
            "ratio_to_floor": round(statistics.median(values) / floor, 2),
        }
        for name, values in times.items()
    }
    print(json.dumps({"python": platform.python_version(), "results": report}, indent=1))


if __name__ == "__main__":
    main()
