"""The benchmarks of models, on little data: that they compare like with like, not how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from places import ROOT

HOME = ROOT / "benchmarks"


def run(name, *options):
    command = [sys.executable, str(HOME / name), *map(str, options)]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_train_the_same_trees_and_choosing_is_apart():
    size = {"cases": 120, "features": 12, "classes": 3, "rounds": 4, "runs": 2}
    options = [item for name, n in size.items() for item in (f"--{name}", n)]
    found = json.loads(run("training.py", *options, "--choosing"))
    assert found["probabilities_differ_by"] < 1e-6
    assert set(found["seconds"]) == {"xgboost", "flowml", "flowml, default"}
    assert found["ratio"] > 0
    assert "choosing and calibrating" in found["seconds before"]
