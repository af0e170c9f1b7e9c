"""What a case lacks of a list of features, said in the names of markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.features.names import BAR, COLON, feature_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Coverage:
    """The markers, pairs, maps and results that features are about.

    Parameters
    ----------
    feature_names : sequence of str
        Names of the features.
    """

    def __init__(self, feature_names: Sequence[str]) -> None:
        self._groups, self._group_of = feature_groups(feature_names)

    @property
    def markers(self) -> list[str]:
        """All markers, in the order of the features, without results of other methods."""
        every = (m for _, markers, result in self._groups if not result for m in markers)
        return list(dict.fromkeys(every))

    @property
    def results(self) -> list[str]:
        """Results of other methods, ``method|quantity``."""
        return [markers[0] for _, markers, result in self._groups if result]

    def lacking(self, blank: NDArray[np.bool_]) -> tuple[list[str], list[str]]:
        """Name what is missing.

        Parameters
        ----------
        blank : ndarray, shape (n_features,), bool
            Which features are missing.

        Returns
        -------
        markers : list of str
            Markers of which nothing is known; pairs and maps that were not measured in one
            tube, though their markers were.
        results : list of str
            Results of other methods.
        """
        is_blank = np.zeros(len(self._groups), dtype=bool)
        is_blank[self._group_of[blank]] = True
        state = list(zip(self._groups, is_blank.tolist(), strict=True))
        known = {m for (tube, names, _), gone in state if not gone for m in _keys(tube, names)}
        markers: dict[str, None] = {}
        for (tube, names, result), gone in state:
            if gone and not result:
                unknown = [m for m in _keys(tube, names) if m not in known]
                whole = tube + BAR + COLON.join(names) if tube else COLON.join(names)
                markers.update(dict.fromkeys(unknown or [whole]))
        results = [names[0] for (_, names, result), gone in state if gone and result]
        return list(markers), results


def _keys(tube: str, markers: tuple[str, ...]) -> list[str]:
    return [tube + BAR + marker if tube else marker for marker in markers]
