"""Samples of the EuroFlow lymphocyte tube, put back on the linear scale."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import flowml
from flowml.events import ArraySource
from flowml.preprocess.transform import Logicle
from flowml.records import Role, Sample, Scale

TOP = 262144.0
SHOWN = Logicle(TOP, width=0.8)  # times 10,000: the scale of the files
# six files name the columns of CD38, CD20+CD4, CD5 and CD56+kappa in another order than their
# values stand in: their CD4 T cells would have CD38 and kappa, and no CD4
ORDER = (
    "CD19+TCRgd", "CD38", "CD3", "CD4+CD20", "CD45", "CD56+kappa", "CD5", "CD8+lambda",
    "FSC-A", "SSC-A",
)  # fmt: skip


def rows(folder: Path) -> list[dict[str, str]]:
    """Read what is known of each sample: its file, diagnosis and donor."""
    with (folder / "samples.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def labelled(file: Path) -> tuple[Sample, np.ndarray]:
    """Read a tube and the population of each event."""
    with gzip.open(file.with_suffix(".labels.csv.gz"), "rt", encoding="utf-8") as lines:
        labels = np.array([line.strip() for line in lines][1:])
    return linear(flowml.read_fcs(file)), labels


def samples(folder: Path) -> Iterator[tuple[str, Sample, np.ndarray]]:
    """Yield the diagnosis, the tube and the population of each event."""
    for row in rows(folder):
        yield row["diagnosis"], *labelled(folder / row["file"])


def linear(sample: Sample) -> Sample:
    """Undo the display scale of a sample."""
    events = sample.events().astype(np.float64) / 10_000
    channels = tuple(
        replace(channel, marker=marker, top=TOP)
        for channel, marker in zip(sample.channels, ORDER, strict=True)
    )
    for column, channel in enumerate(channels):
        scatter = channel.role in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}
        values = events[:, column]
        events[:, column] = values * TOP if scatter else SHOWN.inverse(values)
    source = ArraySource(events.astype(np.float32))
    return replace(sample, channels=channels, source=source, scale=Scale.COMPENSATED)
