"""Scores of events written beside the measured channels, into a copy of the FCS file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import GateError
from flowml.fcs import write_fcs
from flowml.gating.learned.scores import ARTEFACT, UNKNOWN, EventScores
from flowml.safety import encodable, printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from flowml.records import Sample

CLASS, PROBABILITY = "event class", "event probability"
CLASSES_KEY = "FLOWML_EVENT_CLASSES"
# Programs show whole numbers on a scale that ends at a power of two: a probability of 0 to 1
# would lie in its lowest bin.
PER = 1000.0


def write_scores(
    path: Path | str, sample: Sample, scores: EventScores, *, keep_keywords: bool = True
) -> None:
    """Write a copy of a sample with the class of every event, and how likely that is.

    Two channels stand behind the measured ones: ``event class`` (0 for an artefact, 1 and up
    for the lineages in their order, as ``FLOWML_EVENT_CLASSES`` says; NaN without a value) and
    ``event probability`` (of that class, from 0 to 1000).

    Parameters
    ----------
    path : path-like
        Where to write; the file appears only when it is whole.
    sample : Sample
        Linear values, as they were read.
    scores : EventScores
        Of the same events.
    keep_keywords : bool
        Whether the copy has all keywords of the original that can be written, names of patients
        among them; else only technical ones (`flowml.write_fcs`).

    Raises
    ------
    GateError
        If the scores are of another number of events.
    FcsError
        If the sample has channels of these names, or cannot be written.
    OutputError
        If the file cannot be written.
    """
    if len(scores.artefact) != sample.n_events:
        raise GateError(
            f"the scores are of {len(scores.artefact)} events, and {printable(sample.name)} "
            f"has {sample.n_events}. Score this sample, and write these scores."
        )
    codes = scores.codes
    keywords = dict(_writable(sample)) if keep_keywords else {}
    write_fcs(
        path,
        sample,
        keywords | {CLASSES_KEY: _legend(scores)},
        {
            CLASS: np.where(codes == UNKNOWN, np.nan, codes + 1.0),
            PROBABILITY: PER * _decided(scores, codes),
        },
    )


def _decided(scores: EventScores, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability of the class that each event is called."""
    lines = np.arange(len(codes))
    own = (1 - scores.artefact) * scores.given_cell[lines, np.maximum(codes, 0)]
    return np.where(codes == ARTEFACT, scores.artefact, own).astype(np.float64)


def _legend(scores: EventScores) -> str:
    names = (scores.artefact_name, *scores.lineages)
    return "; ".join(f"{code} {printable(name, 60)}" for code, name in enumerate(names))


def _writable(sample: Sample) -> Iterator[tuple[str, str]]:
    """Yield the keywords that an FCS file can hold, without blanks at their ends."""
    for key, value in sample.keywords.items():
        plain = key.isascii() and key.isprintable() and key == key.strip() != ""
        text = encodable(value.replace("\x0c", " ")).strip()
        if plain and text:
            yield key, text
