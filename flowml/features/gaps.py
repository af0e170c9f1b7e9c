"""Training rows with gaps: whole markers and whole tubes are left out at random.

Trees send a missing value where training told them. A model that has seen rows with gaps has
learned answers without a marker; whether they are good enough is another question.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.names import feature_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tubes = Sequence[Collection[str]]  # of one case: the markers that each tube measured


@dataclass(frozen=True)
class GapShares:
    """How much is left out of a copied row.

    Parameters
    ----------
    markers : float
        Probability that a marker is left out, from 0 to below 1.
    tubes : float
        Probability that a tube is left out, from 0 to below 1.

    Raises
    ------
    FlowmlError
        If one is not such a probability.
    """

    markers: float = 0.0
    tubes: float = 0.0

    def __post_init__(self) -> None:
        for share in (self.markers, self.tubes):
            if not 0 <= share < 1:
                raise FlowmlError(
                    f"the share of gaps is {share}, expected a number from 0 to below 1. "
                    "Give 0 for no gaps."
                )


def with_gaps(
    values: NDArray[np.float32],
    names: Sequence[str],
    tubes: Sequence[Tubes],
    shares: GapShares,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Add to each row a copy in which whole markers and whole tubes are missing.

    Without a marker, its pairs and maps are missing too. Without a tube, everything is missing
    that no other tube of the case measured (markers, pairs and maps); where features are kept
    apart by tube, all that the tube measured. What other tubes measured as well stays as it is,
    though their events alone would give slightly other numbers. Results of other methods stay.
    Something of each case always stays; a copy without a gap is left out.

    Only markers whose absence was validated may be missing in a case that a model is asked
    about, and so far none is: `flowml.models.contract` refuses such cases, however the model
    was trained.

    Parameters
    ----------
    values : ndarray, shape (n_cases, n_features), float32
        Features of training cases; NaN is missing.
    names : sequence of str
        Names of the features.
    tubes : sequence of sequence of collection of str
        For each case the markers of each tube (keys of ``TubeRead.tops``); a case without
        tubes counts as one tube. Not used where features name their tube.
    shares : GapShares
        How much is left out.
    rng : numpy.random.Generator
        The same state gives the same gaps.

    Returns
    -------
    values : ndarray, shape (n_cases + n_copies, n_features), float32
        The rows as they were, and behind them their copies.
    source : ndarray, shape (n_cases + n_copies,), intp
        The row that each one comes from: ``labels[source]`` and ``groups[source]`` go with the
        values. A split must be made before gaps are.
    """
    groups = _Groups(names)
    copies, source = [values], list(range(len(values)))
    for row, (own, of_case) in enumerate(zip(values, tubes, strict=True)):
        known = groups.known(own)
        lost = groups.lost(known, groups.measured(of_case), shares, rng)
        if lost.any():
            copies.append(np.where(lost[groups.place], np.nan, own)[None].astype(values.dtype))
            source.append(row)
    return np.concatenate(copies), np.array(source, dtype=np.intp)


class _Groups:
    """Features that come and go together: those of a marker, a pair or a map, in a tube."""

    def __init__(self, names: Sequence[str]) -> None:
        groups, self.place = feature_groups(names)
        self._groups = [(each.tube, () if each.is_result else each.markers) for each in groups]
        self._markers = list(dict.fromkeys(m for _, each in self._groups for m in each))
        self._measured: dict[tuple[frozenset[str], ...], NDArray[np.bool_]] = {}

    @cached_property
    def _needs(self) -> NDArray[np.bool_]:
        """Whether a group is about a marker, shape (n_groups, n_markers); results need none."""
        rows = [[m in markers for m in self._markers] for _, markers in self._groups]
        return np.array(rows, dtype=bool).reshape(len(self._groups), len(self._markers))

    @cached_property
    def _open(self) -> NDArray[np.bool_]:
        """Whether a group may be lost, shape (n_groups,)."""
        return np.array([bool(markers) for _, markers in self._groups], dtype=bool)

    def known(self, row: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell the groups of which a row has a value, shape (n_groups,)."""
        count = np.bincount(self.place[~np.isnan(row)], minlength=len(self._groups))
        return np.asarray(count > 0)

    def measured(self, tubes: Tubes) -> NDArray[np.bool_]:
        """Tell which groups each tube of a case measured, shape (n_tubes, n_groups)."""
        key = tuple(frozenset(markers) for markers in tubes)
        if key not in self._measured:
            self._measured[key] = self._measured_by(key)
        return self._measured[key]

    def _measured_by(self, tubes: Sequence[frozenset[str]]) -> NDArray[np.bool_]:
        if labels := list(dict.fromkeys(tube for tube, _ in self._groups if tube)):
            rows = [[tube == label for tube, _ in self._groups] for label in labels]
        else:
            rows = [[tube.issuperset(markers) for _, markers in self._groups] for tube in tubes]
        return np.array(rows, dtype=bool).reshape(-1, len(self._groups)) & self._open

    def lost(
        self,
        known: NDArray[np.bool_],
        measured: NDArray[np.bool_],
        shares: GapShares,
        rng: np.random.Generator,
    ) -> NDArray[np.bool_]:
        """Draw what a case shall lose, shape (n_groups,)."""
        tubes = measured[(measured & known).any(axis=1)]
        no_tube = rng.random(len(tubes)) < (shares.tubes if len(tubes) > 1 else 0)
        no_marker = rng.random(len(self._markers)) < shares.markers
        lost = self._lost_without(tubes, no_tube, no_marker)
        present = known & self._open
        if present.any() and not (present & ~lost).any():  # then one of them is given back
            kept = rng.choice(np.flatnonzero(present))
            no_tube &= ~tubes[:, kept]
            no_marker &= ~self._needs[kept]
            lost = self._lost_without(tubes, no_tube, no_marker)
        return np.asarray(lost & known)

    def _lost_without(
        self,
        tubes: NDArray[np.bool_],
        no_tube: NDArray[np.bool_],
        no_marker: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Tell the groups that need a marker or a tube that is left out."""
        by_marker = (self._needs & no_marker).any(axis=1)
        by_tube = tubes[no_tube].any(axis=0) & ~tubes[~no_tube].any(axis=0)
        return np.asarray(by_marker | by_tube)
