"""What a classifier says of every event, and the populations that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.populations import Populations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.findings import Finding

    Floats32 = NDArray[np.float32]

CELLS = "cells"  # the population that all lineages are within
UNKNOWN, ARTEFACT = -2, -1  # codes of events without a value, and of events that are no cells


@dataclass(frozen=True, eq=False)
class EventScores:
    """Probabilities of every event.

    Parameters
    ----------
    lineages : tuple of str
        Classes of cells.
    artefact_name : str
        What the class of events is called that are no cells.
    artefact : ndarray, shape (n_events,), float32
        Probability that an event is an artefact; NaN where it lacks a value.
    given_cell : ndarray, shape (n_events, n_lineages), float32
        Probability of each lineage, given a cell; a row adds up to 1, or is NaN.
    threshold : float
        From this probability on an event is called an artefact.
    findings : tuple of Finding
        Why the answers may not hold.
    trusted : bool
        Whether the events look like those that the classifier was trained on.
    """

    lineages: tuple[str, ...]
    artefact_name: str
    artefact: Floats32
    given_cell: Floats32
    threshold: float
    findings: tuple[Finding, ...] = ()
    trusted: bool = True

    @property
    def lineage_codes(self) -> NDArray[np.int64]:
        """Likeliest lineage of each event, given a cell: its place in `lineages`, `UNKNOWN`."""
        best = np.zeros(len(self.artefact), np.int64)
        highest = self.given_cell[:, 0].copy()
        for code in range(1, len(self.lineages)):  # quicker than argmax of short rows
            own = self.given_cell[:, code]
            best[own > highest] = code
            np.maximum(highest, own, out=highest)
        best[np.isnan(self.artefact)] = UNKNOWN
        return best

    @property
    def codes(self) -> NDArray[np.int64]:
        """Class of each event: its place in `lineages`, `ARTEFACT` or `UNKNOWN`."""
        return np.where(self.artefact >= self.threshold, ARTEFACT, self.lineage_codes)

    def probability(self, name: str) -> Floats32:
        """Return how likely each event is of a class.

        Parameters
        ----------
        name : str
            A lineage, the name of artefacts, or `CELLS`.

        Returns
        -------
        ndarray, shape (n_events,), float32
            Over all classes they add up to 1.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        if name == self.artefact_name:
            return self.artefact
        cell: Floats32 = 1 - self.artefact
        return cell if name == CELLS else cell * self.given_cell[:, self.lineages.index(name)]

    def populations(self) -> Populations:
        """Turn classes into masks.

        Returns
        -------
        Populations
            Artefacts; cells, and within them a population for each lineage. The score of a
            population is the agreement (F1) to be expected of its mask with the truth, if the
            probabilities are right; 0 where the events do not look like those of training.
        """
        codes = self.codes
        masks = {self.artefact_name: codes == ARTEFACT, CELLS: codes >= 0}
        masks |= {name: codes == code for code, name in enumerate(self.lineages)}
        scores = {
            name: _expected_agreement(mask, self.probability(name)) if self.trusted else 0.0
            for name, mask in masks.items()
        }
        parents = dict.fromkeys(self.lineages, CELLS)
        return Populations(masks, parents, scores, self.findings)


def _expected_agreement(mask: NDArray[np.bool_], probability: Floats32) -> float:
    """Return the F1 of a mask to be expected; one event more lets an empty one agree."""
    known = np.nan_to_num(probability.astype(np.float64))
    within, expected = known[mask].sum(), known.sum()
    return float((2 * within + 1) / (np.count_nonzero(mask) + expected + 1))
