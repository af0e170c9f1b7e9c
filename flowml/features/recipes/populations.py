"""Populations as a cytometrist writes them down: how many, and how bright.

Gates of a person, gates that are found without one and a classifier of events all give the same
record of populations; a part holds the gates as text, so that a model brings them along.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.counting.fine import quantiles
from flowml.features.names import as_marker, population_key
from flowml.features.recipes.part import Kind, Plain, shares
from flowml.gating.gaters import gates_from_text, names_of
from flowml.gating.statistics import PER_MICROLITRE, QUANTILES
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.gating.gaters import Gates

FEWEST = 10  # events; of fewer no median is told
SHARES = tuple(percent / 100 for percent in QUANTILES)
OF = "of_"
PARENT, ALL = "parent", "all"
# what is counted of a population: its events, those of its parent, its own in the reference and
# all of that, all events; and of tubes that tell their volume its events and the picolitres
COUNTED = ("events", "parent", "inside", "reference", "all", "measured", "picolitres")
LONGEST_NAME = 80
MOST_POPULATIONS = 250  # each takes 32 kB of memory for every marker


@dataclass(frozen=True)
class PopulationShares(Plain):
    """How many events each population has.

    Shares of the parent, of all events and of a reference, and if wanted absolute counts.

    Parameters
    ----------
    gates : str
        As `flowml.gating.gaters.gates_as_text` writes them.
    reference : str
        Name of the population of which shares are told beside those of the parent; empty for
        none.
    absolute : bool
        Whether numbers of events, and cells in a microlitre of what was measured (``$VOL``),
        are told too.

    Raises
    ------
    FlowmlError
        If the gates cannot be used, or two of their populations have one name as features.
    """

    name: ClassVar[str] = "populations"
    kind: ClassVar[Kind] = Kind.SHARES
    gates: str
    reference: str = ""
    absolute: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.reference, str) or not isinstance(self.absolute, bool):
            raise FlowmlError("reference is the name of a population, absolute true or false.")
        named = self._reference
        is_told = named not in {PARENT, ALL} and bool(named) == bool(self.reference)
        if not is_told or len(named) > LONGEST_NAME:
            raise FlowmlError(
                f"shares of {printable(self.reference, 40)!r} cannot be told apart from those "
                f"of the parent and of all events. Use a name of up to {LONGEST_NAME} signs."
            )
        self._check_names(names_of(self.found_by))

    def _check_names(self, names: tuple[str, ...]) -> None:
        if len(names) > MOST_POPULATIONS:
            raise FlowmlError(
                f"the gates have {len(names)} populations, of which features can be told of "
                f"{MOST_POPULATIONS} at most. Leave out those that tell nothing."
            )
        keys: dict[str, str] = {}
        for name in names:
            if (other := keys.setdefault(population_key(name), name)) != name:
                raise FlowmlError(
                    f"the populations {printable(other, 60)!r} and {printable(name, 60)!r} "
                    "have one name as features. Rename one."
                )
        if self.reference and self.reference not in names:
            raise FlowmlError(
                f"there is no population {printable(self.reference, 60)!r} to be the reference "
                f"of shares. Nearest: {printable(nearest(self.reference, list(names)), 300)}."
            )

    @property
    def _reference(self) -> str:
        """Its name as features hold it: at the end of theirs, where tables know no blanks."""
        return as_marker(self.reference).strip()

    @cached_property
    def found_by(self) -> Gates:
        """The gates."""
        return gates_from_text(self.gates)

    def statistics(self) -> tuple[str, ...]:
        """Return ``of_parent``, ``of_all``, the share of the reference, and absolute counts."""
        reference = (OF + self._reference,) if self.reference else ()
        counts = ("events", "per_microlitre") if self.absolute else ()
        return (OF + PARENT, OF + ALL, *reference, *counts)

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Turn counts into shares.

        Parameters
        ----------
        counts : ndarray, shape (n, len(COUNTED)), int64
            Of n populations; zeros for one that is not sure.

        Returns
        -------
        ndarray, shape (n, len(statistics())), float64
            NaN where that of which a share is told has no event, or a volume is not known.
        """
        events, parent, inside, reference, everything, measured, volume = counts.T
        told = [shares(events[:, None], total) for total in (parent, everything)]
        if self.reference:
            told.append(shares(inside[:, None], reference))
        if self.absolute:
            known = np.where(everything > 0, events, np.nan)
            told += [known[:, None], shares(measured[:, None], volume) * PER_MICROLITRE]
        return np.column_stack(told)


@dataclass(frozen=True)
class PopulationBrightness(Plain):
    """How bright each population is in every marker, on its display scale.

    Median and spread (half the distance of the quantiles 0.1587 and 0.8413) of each marker.
    """

    name: ClassVar[str] = "populations brightness"
    kind: ClassVar[Kind] = Kind.BRIGHTNESS

    def statistics(self) -> tuple[str, ...]:
        """Return ``median`` and ``spread``."""
        return ("median", "spread")

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Read medians and spreads off fine histograms.

        Parameters
        ----------
        counts : ndarray, shape (n, FINE_BINS), int64
            Of n populations and markers.

        Returns
        -------
        ndarray, shape (n, 2), float64
            Display units; NaN of fewer than `FEWEST` events.
        """
        low, median, high = quantiles(counts, SHARES).T
        found = np.column_stack([median, (high - low) / 2])
        found[counts.sum(axis=1) < FEWEST] = np.nan
        return found
