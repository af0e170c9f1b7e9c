"""A small simulated cohort and a model of it, made once for all tests."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

import flowml
from flowml.events import ArraySource
from flowml.models import save_model
from flowml.pipeline import Reading, train
from flowml.records import Case, Channel, Role, Sample, Tube
from flowml.simulate import write_cohort

ENTITIES = ("normal", "CLL", "AML")


@cache
def cohort():
    """Twelve cases of three entities, in memory."""
    return tuple(flowml.simulate_cohort(ENTITIES, n_cases=12, n_events=1500, seed=5))


def labels():
    return {case.case_id: case.details["entity"] for case in cohort()}


@cache
def training():
    return train(cohort(), labels(), reading=Reading())


def model():
    return training().classifier.trained()


def saved_model(path):
    save_model(model(), path)
    return path


def on_disk(folder, count=12):
    """Write the first cases of the cohort, and the table of all labels."""
    write_cohort(cohort()[:count], folder)
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
