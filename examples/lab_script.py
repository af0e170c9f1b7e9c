"""A laboratory's own script: extract, train, classify, save, gate and look.

Run: python examples/lab_script.py [FOLDER]. Works on simulated cases, so that anyone can run
it; put your own folder and labels in their place.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

import flowml

HERE = Path(__file__).parent
out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out/lab")

shutil.rmtree(out / "new", ignore_errors=True)  # of an earlier run

# Cases to learn from and cases to classify; a laboratory has folders of these already.
training = flowml.simulate(entities="AML,B-ALL,CLL,normal", cases=48, seed=1)
flowml.write_cohort(flowml.simulate(entities="AML,CLL", cases=4, seed=2), out / "new")

# Features are a pandas DataFrame, one row a case; the model is a scikit-learn estimator.
table = flowml.extract(training)
labels = pd.Series({case.case_id: case.details["entity"] for case in training})
model = flowml.LineageClassifier().fit(table, labels)
model.save(out / "lab.flowml")

# New cases: one folder, one case a file (or a sub-folder, or a manifest).
cases = flowml.find_cases(out / "new")
calls = model.classify(flowml.extract(cases, jobs=2))
print(calls[["lineage", "category", "entity", "p_entity", "decision", "reason"]].to_string())

# One tube: gate it and look at it.
sample = flowml.read_fcs(cases[0].tubes[0].origin)
gates = flowml.read_gates(HERE / "lymphocytes.toml")  # or GatingML
for population, mask in flowml.gate(sample, gates).items():
    print(f"{population}: {mask.sum()} of {mask.size} events")
axes = flowml.plot.view(sample, "CD45", "SSC-A", gates=gates)
flowml.plot.save(axes, out / "gates.png")
