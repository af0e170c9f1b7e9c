"""Made-up samples in which every event's class is known."""

from __future__ import annotations

import numpy as np

from flowml.events import ArraySource
from flowml.gating.learned import EventClassifier, NetworkSettings
from flowml.records import Channel, Role, Sample

MARKERS = ("CD19", "CD3", "CD56")
CENTRES = {"B": (4, 1, 1), "NK": (1, 1, 4), "T": (1, 4, 1), "debris": (1, 1, 1)}
QUICK = NetworkSettings(n_hidden=16, n_passes=8, n_batch=64, rate=1e-2)


def sample_of(values, markers=MARKERS, name="made-up"):
    channels = [
        Channel(f"FL{n}-A", marker, marker, Role.FLUORESCENCE, "A")
        for n, marker in enumerate(markers, 1)
    ]
    return Sample(name, tuple(channels), ArraySource(np.asarray(values, np.float32)))


def labelled(seed=0, classes=tuple(CENTRES), each=150, spread=0.4):
    """Return a sample on a display scale, and the class of every event."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.array(classes, object), each)
    centres = np.array([CENTRES[name] for name in truth], float)
    order = rng.permutation(len(truth))
    return sample_of((centres + rng.normal(0, spread, centres.shape))[order]), truth[order]


def classifier(**how):
    kept = {"artefact": "debris", "scale": "stored", "settings": QUICK} | how
    return EventClassifier(**kept)


def trained(n_samples=2, **how):
    samples, labels = zip(*map(labelled, range(n_samples)), strict=True)
    return classifier(**how).fit(samples, labels)


def named(scores):
    """Return the class of every event by name; an empty one without a value."""
    return np.array([*scores.lineages, "", scores.artefact_name], object)[scores.codes]
