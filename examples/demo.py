"""The whole way on simulated cases: simulate, classify, and draw a picture.

Run: python examples/demo.py [FOLDER]. Every answer here is about simulated cases, by a model
that has seen simulated cases only. The seed is not one that the model was trained on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import flowml

SEED, CASES = 42, 28


def run(*arguments: str) -> None:
    """Show a command, and run it."""
    print(f"\n$ flowml {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", "flowml", *arguments], check=True)


def draw(sample_path: Path, picture: Path) -> None:
    """Draw CD45 against side scatter, where a cytometrist looks first."""
    sample = flowml.read_fcs(sample_path)
    axes = flowml.plot.view(sample, "CD45", "SSC-A")
    flowml.plot.save(axes, picture)


def main() -> None:
    """Run the three steps, and say where the results are."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out")
    cases, results, picture = out / "cases", out / "results", out / "S0001-CD45-SSC.png"
    if (cases / "cases.csv").is_file():  # of an earlier run
        shutil.rmtree(cases)
    start = time.perf_counter()
    run("simulate", str(cases), "--cases", str(CASES), "--seed", str(SEED))
    run(
        *("classify", str(cases), "--model", "demo", "--out", str(results)),
        *("--labels", str(cases / "cases.csv")),
    )
    draw(cases / "S0001" / "S0001_1.fcs", picture)
    print(f"\n{time.perf_counter() - start:.0f} s; look at:")
    for file in (results / "results.csv", results / "results.json", picture):
        print(f"  {file}")


if __name__ == "__main__":
    main()
