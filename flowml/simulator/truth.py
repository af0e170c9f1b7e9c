"""What is true of every event of a simulated tube."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import StateError
from flowml.safety import printable
from flowml.simulator.events import draw_events
from flowml.simulator.source import SimulatedSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.records import Sample
    from flowml.simulator.plan import TubePlan

DEBRIS = "debris"
COLUMNS = ("population", "light_chain", "neoplastic", "doublet")


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of the events of a tube, in their order.

    Parameters
    ----------
    population : ndarray, shape (n_events,), str
        Normal population or clone; of a doublet, that of its first cell.
    light_chain : ndarray, shape (n_events,), str
        ``kappa``, ``lambda`` or empty.
    neoplastic, doublet : ndarray, shape (n_events,), bool
        Whether the event belongs to a clone; whether it is two cells.
    """

    population: NDArray[np.str_]
    light_chain: NDArray[np.str_]
    neoplastic: NDArray[np.bool_]
    doublet: NDArray[np.bool_]

    @property
    def intact(self) -> NDArray[np.bool_]:
        """Single, whole cells."""
        return np.asarray((self.population != DEBRIS) & ~self.doublet)


def truth_of(sample: Sample) -> Truth:
    """Say what the events of a simulated sample are; draws them anew.

    Parameters
    ----------
    sample : Sample
        From `flowml.simulate`, not from a file.

    Returns
    -------
    Truth
        Row for row.

    Raises
    ------
    StateError
        If the sample is not one that was simulated.
    """
    plan = plan_of(sample)
    events = draw_events(plan)
    return Truth(
        np.array(plan.names)[events.look],
        np.array(plan.chains)[events.look],
        plan.neoplastic[events.look],
        events.doublet,
    )


def plan_of(sample: Sample) -> TubePlan:
    """Return what a simulated sample's events are drawn from.

    Parameters
    ----------
    sample : Sample
        From `flowml.simulate`.

    Returns
    -------
    TubePlan
        The plan.

    Raises
    ------
    StateError
        If the sample is not one that was simulated.
    """
    if not isinstance(sample.source, SimulatedSource):
        raise StateError(
            f"{printable(sample.name)} was not drawn here: what its events are is known "
            "only of cases that simulate() made, not of their files."
        )
    return sample.source.plan


def truth_bytes(truth: Truth) -> bytes:
    """Write the truth as a compressed CSV table.

    Parameters
    ----------
    truth : Truth
        Of one tube.

    Returns
    -------
    bytes
        gzip, without a time stamp: the same truth has the same bytes.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(
        zip(
            truth.population.tolist(),
            truth.light_chain.tolist(),
            truth.neoplastic.astype(int).tolist(),
            truth.doublet.astype(int).tolist(),
            strict=True,
        )
    )
    return gzip.compress(text.getvalue().encode(), mtime=0)
