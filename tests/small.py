"""A small simulated cohort and a model of it, made once for all tests."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

import flowml
from flowml.events import ArraySource
from flowml.models import save_model
from flowml.pipeline import Reading
from flowml.records import Case, Channel, Role, Sample, Tube
from flowml.training import TrainingSettings, train

ENTITIES = ("normal", "CLL", "AML")
# A dozen cases cannot promise more; a blend has trees and a linear model.
QUICK = TrainingSettings(estimator="blend", confidence=0.5)
RECIPE = "ecdf"  # few features: for tests that are not about recipes


@cache
def cohort():
    """Twelve cases of three entities, one file each, in memory."""
    return tuple(map(held, flowml.simulate(entities=ENTITIES, cases=12, events=1500, seed=5)))


def held(case):
    """Return a case of one tube whose events were drawn once and for all."""
    sample = case.tubes[0].origin
    kept = with_events(sample, sample.events(), name=f"{case.case_id}.fcs")
    return Case(case.case_id, (Tube(kept.name, kept),), case.details)


def labels():
    return {case.case_id: case.details["entity"] for case in cohort()}


@cache
def training():
    return train(cohort(), labels(), RECIPE, reading=Reading(), settings=QUICK)


def model():
    return training().classifier.trained()


def dimmer(case, instrument):
    """Return a case as an instrument with half the gain measures it."""
    sample = case.tubes[0].origin
    light = [c.role is Role.FLUORESCENCE for c in sample.channels]
    values = sample.events() * np.where(light, 0.5, 1.0).astype(np.float32)
    keywords = {k: v for k, v in sample.keywords.items() if k != "$CYTSN"}
    keywords["$CYT"] = instrument
    moved = replace(sample, source=ArraySource(values), keywords=keywords)
    return Case(case.case_id, (Tube(sample.name, moved),), case.details)


def saved_model(path):
    save_model(model(), path)
    return path


def on_disk(folder, count=12):
    """Write the first cases of the cohort as a file each, and the table of their labels."""
    return flat(cohort()[:count], folder)


def flat(cases, folder):
    """Write cases of one tube as a file each, and the table of their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["case_id,entity,specimen"]
    for case in cases:
        sample = case.tubes[0].origin
        flowml.write_fcs(folder / f"{case.case_id}.fcs", sample, sample.keywords)
        rows.append(f"{case.case_id},{case.details['entity']},{case.details['specimen']}")
    (folder / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def sample_of(index=0):
    return cohort()[index].tubes[0].origin


def with_events(sample, values, **changes):
    """Return a sample with other events."""
    return replace(sample, source=ArraySource(np.asarray(values)), **changes)


def one_tube(sample, case_id="case"):
    return Case(case_id, (Tube(sample.name, sample),))


def plain_sample(values, markers, *, top=1024.0, name="a.fcs", **names):
    """Return a sample of fluorescence channels, one for each marker."""
    channels = tuple(
        Channel(f"FL{n}", marker, marker, Role.FLUORESCENCE, "", top)
        for n, marker in enumerate(markers, start=1)
    )
    return Sample(name, channels, ArraySource(np.asarray(values)), **names)
