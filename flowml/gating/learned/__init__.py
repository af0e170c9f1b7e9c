"""Populations learned from labelled samples, event by event."""

from flowml.gating.learned.classifier import EventClassifier
from flowml.gating.learned.fitting import NetworkSettings
from flowml.gating.learned.labels import (
    labels_of_channel,
    labels_of_populations,
    read_event_labels,
    translated,
)
from flowml.gating.learned.scores import EventScores
from flowml.gating.learned.written import write_scores

__all__ = [
    "EventClassifier",
    "EventScores",
    "NetworkSettings",
    "labels_of_channel",
    "labels_of_populations",
    "read_event_labels",
    "translated",
    "write_scores",
]
