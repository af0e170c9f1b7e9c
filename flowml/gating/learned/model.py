"""A trained classifier of events: what it sees, what it knows, what it says of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.findings import Finding, Severity
from flowml.gating.learned.network import FARTHEST, Network, shares
from flowml.gating.learned.scores import EventScores
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowml.gating.learned.values import View
    from flowml.records import Sample

MOST_FAR = 0.2  # share of events that a channel shows beyond those of training, or not at all


@dataclass(frozen=True, eq=False)
class EventModel:
    """A trained classifier of events.

    Parameters
    ----------
    view : View
        What it sees of an event.
    lineages : tuple of str
        Classes of cells.
    artefact : str
        Class of events that are no cells.
    threshold : float
        From this probability on an event is called an artefact.
    network : Network
        Its weights.
    counts : mapping of str to int
        Labelled events of each class that it was offered.
    """

    view: View
    lineages: tuple[str, ...]
    artefact: str
    threshold: float
    network: Network
    counts: Mapping[str, int]

    def scores(self, sample: Sample, compensation: str = "auto") -> EventScores:
        """Tell how likely each event is of each class.

        Parameters
        ----------
        sample : Sample
            With the channels that the model sees, in any order.
        compensation : str
            Policy, as in `flowml.preprocess.choose_unmixing`.

        Returns
        -------
        EventScores
            An event's scores do not depend on the other events; at another place of the file
            they may be rounded otherwise. Nothing is trusted where many events lie beyond
            those of training or lack a value (`EVENTS-FAR`).

        Raises
        ------
        GateError
            If the sample lacks a channel.
        StateError
            If the sample is too far down the pipe.
        FcsError
            If it cannot be compensated.
        """
        margins = np.empty((sample.n_events, 1 + len(self.lineages)), np.float32)
        start, n_far = 0, np.zeros(self.network.n_channels, np.int64)
        for rows in self.view.blocks(sample, compensation):
            margins[start : start + len(rows)] = self.network.margins(rows)
            n_far += self.network.far(rows)
            start += len(rows)
        artefact, given_cell = shares(margins)
        findings = self._findings(n_far, sample.n_events)
        return EventScores(
            self.lineages, self.artefact, artefact, given_cell, self.threshold, findings,
            trusted=not findings,
        )  # fmt: skip

    def _findings(self, n_far: NDArray[np.int64], n_events: int) -> tuple[Finding, ...]:
        shares_far = n_far / max(n_events, 1)
        worst = int(shares_far.argmax())
        if shares_far[worst] <= MOST_FAR:
            return ()
        text = (
            f"{shares_far[worst]:.0%} of the events lie {FARTHEST:g} standard deviations or "
            f"more from the training events in {printable(self.view.channels[worst], 40)}, or "
            "have no value there: no population of this sample is sure"
        )
        return (Finding("EVENTS-FAR", text, Severity.REVIEW),)
