"""Show that nothing but biology tells simulated entities apart.

Run: python scripts/measure_leaks.py [--cases 760] [--panel cll-9f] [--seed 811]
Writes a cohort with accidents to a temporary folder, and asks boosted trees and a logistic
model to name the entity from metadata alone (instrument, date, events, file sizes) and from
what is missing alone (tubes, markers). Prints the area under the ROC curve, one entity against
the rest, averaged over entities, in folds that no patient crosses, with a 95 % interval from
resampled patients. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from pathlib import Path

import numpy as np

import flowml
from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.judging import Draws, Estimate
from flowml.judging.chances import auc_series, mean_of_known
from flowml.records import Case
from flowml.simulator import Cohort, simulate, write_cohort

FOLDS, RESAMPLES = 5, 300
NAMES = ("metadata", "missingness")


def looked_at(cohort: Cohort, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write a cohort; return metadata and missingness of each case as numbers."""
    write_cohort(cohort, folder)
    cases = {case.case_id: case for case in flowml.find_cases(folder)}
    markers = {tube.name: tube.markers for tube in cohort.design.panel.tubes}
    columns = [(tube, marker) for tube, own in markers.items() for marker in own]
    instruments = [unit.name for unit in cohort.design.units]
    metadata, missing = [], []
    for case in cohort:
        found = _tubes(cases.get(case.case_id))
        events = [found[tube][0] if tube in found else np.nan for tube in markers]
        sizes = [found[tube][1] if tube in found else np.nan for tube in markers]
        day = (dt.date.fromisoformat(case.details["date"]) - dt.date(2024, 1, 1)).days
        unit = [float(case.details["instrument"] == name) for name in instruments]
        metadata.append([day, *unit, *events, *sizes])
        missing.append([float(tube in found and m in found[tube][2]) for tube, m in columns])
    return np.array(metadata, dtype=float), np.array(missing)


def _tubes(case: Case | None) -> dict[str, tuple[int, int, set[str]]]:
    """Return events, bytes and markers of each tube that is there and can be read."""
    found = {}
    for tube in case.tubes if case else ():
        label = Path(tube.name).stem.rpartition("_")[2]
        try:
            sample = read_fcs(tube.origin)  # type: ignore[arg-type]
        except FcsError:
            continue
        parts = {part for marker in sample.markers for part in marker.split("+")}
        found[label] = (sample.n_events, Path(tube.origin).stat().st_size, parts)  # type: ignore[arg-type]
    return found


Chances = tuple[np.ndarray, np.ndarray]  # and the fold in which each case was left out


def scores(
    values: np.ndarray, entities: np.ndarray, patients: np.ndarray
) -> dict[str, Chances]:
    """Return out-of-fold probabilities of two models."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    codes = np.unique(entities, return_inverse=True)[1]
    models = {
        "boosted trees": XGBClassifier(n_estimators=60, max_depth=3, n_jobs=1),
        "logistic": make_pipeline(
            SimpleImputer(keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(max_iter=500),
        ),
    }
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    found = {}
    for name, model in models.items():
        chances, left_out = np.empty((len(codes), codes.max() + 1)), np.empty(len(codes), int)
        for number, (train, test) in enumerate(folds.split(values, codes, patients)):
            chances[test] = model.fit(values[train], codes[train]).predict_proba(values[test])
            left_out[test] = number
        found[name] = (chances, left_out)
    return found


def area(
    entities: np.ndarray, chances: np.ndarray, left_out: np.ndarray, patients: np.ndarray
) -> Estimate:
    """Return the mean area under the curve of one entity against the rest, within folds."""
    draws = Draws.of(list(patients), seed=0, resamples=RESAMPLES)
    hits = entities[:, None] == np.unique(entities)
    return draws.estimate(mean_of_known(auc_series(hits, chances, left_out, draws).T))


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panel", default="cll-9f")
    parser.add_argument("--cases", type=int, default=760)
    parser.add_argument("--seed", type=int, default=811)
    options = parser.parse_args()
    kinds = [
        "lost tube", "empty tube", "truncated file", "missing marker", "relabelled detector",
    ]  # fmt: skip
    cohort = simulate(
        options.panel, cases=options.cases, instruments=3, events=(300, 3000), accidents=0.3,
        accident_kinds=kinds, seed=options.seed,
    )  # fmt: skip
    details = [case.details for case in cohort]
    entities = np.array([item["entity"] for item in details])
    patients = np.array([item["patient_id"] for item in details])
    with tempfile.TemporaryDirectory() as folder:
        both = looked_at(cohort, Path(folder) / "cases")
    print("| from | model | AUC | 95 % interval |\n|---|---|---|---|")
    for name, values in zip(NAMES, both, strict=True):
        for model, (chances, left_out) in scores(values, entities, patients).items():
            middle, low, high = area(entities, chances, left_out, patients)
            print(f"| {name} | {model} | {middle:.3f} | {low:.3f} to {high:.3f} |")


if __name__ == "__main__":
    main()
