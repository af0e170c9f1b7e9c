"""What must be at chance: shuffled labels, metadata only, missingness only.

Run: python benchmarks/cohort.py FOLDER --final, then python benchmarks/controls.py FOLDER
[--cohorts cll-9f,acute] [--cases 1000]. The first cases of each cohort, three parts by patient;
the model that is trained on shuffled labels is flowml's own by its defaults. Prints Markdown:
the mean area under the ROC curve of the entities, each against the rest, with an interval of
bootstrap draws of patients. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cohort as kept
import numpy as np
import trust

from flowml.training import TrainingSettings
from flowml.validation.circumstances import circumstances_of
from flowml.validation.controls import negative_controls
from flowml.validation.splits import by_patient


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each control."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cohorts", type=lambda text: text.split(","), default=[*trust.UNSEEN])
    parser.add_argument("--cases", type=int, default=1_000)
    options = parser.parse_args(arguments)
    print("| cohort | control | area under the curve | at chance |\n|---|---|---|---|")
    for name in options.cohorts:
        table, truth = kept.load(options.folder, name, kept.FINAL)
        rows = np.arange(min(options.cases, len(truth)))
        table, truth = trust.taken(table, rows), truth[: len(rows)]
        labels, groups = list(trust.entities(truth)), list(trust.patients(truth))
        about = circumstances_of(table, truth)
        settings = TrainingSettings(data_kind="synthetic")
        splits = by_patient(labels, groups, trust.FOLDS, 1, trust.SEED)
        found = negative_controls(table, about, labels, groups, settings, splits)
        for control, each in found.items():
            shown = f"{each.auc.value:.3f} ({each.auc.low:.3f} to {each.auc.high:.3f})"
            print(f"| {name} | {control} | {shown} | {each.is_at_chance} |", flush=True)


if __name__ == "__main__":
    main()
