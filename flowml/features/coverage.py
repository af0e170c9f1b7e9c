"""What a case lacks of a list of features, said in the names of markers."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from flowml.features.names import BAR, COLON, feature_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


class Coverage:
    """The markers, pairs, maps and results that features are about.

    Parameters
    ----------
    feature_names : sequence of str
        Names of the features.
    """

    def __init__(self, feature_names: Sequence[str]) -> None:
        self._names = tuple(feature_names)
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

    @property
    def units(self) -> list[str]:
        """What a case can lack: markers, then pairs and maps not measured in one tube."""
        wholes = (
            _whole(tube, names)
            for tube, names, result in self._groups
            if len(names) > 1 and not result
        )
        return [*self.keys, *dict.fromkeys(wholes)]

    @property
    def keys(self) -> list[str]:
        """Markers as `lacking` calls them: with their tube where tubes are kept apart."""
        every = (key for tube, names, r in self._groups if not r for key in _keys(tube, names))
        return list(dict.fromkeys(every))

    def about(self, unit: str) -> NDArray[np.bool_]:
        """Tell the features that are missing where a marker, pair or map is.

        Parameters
        ----------
        unit : str
            One of `units`; the features of any other are none.

        Returns
        -------
        ndarray, shape (n_features,), bool
            Without a marker, its pairs and maps are missing too.
        """
        gone = [
            not result and (unit in _keys(tube, names) or unit == _whole(tube, names))
            for tube, names, result in self._groups
        ]
        return np.asarray(np.array(gone, dtype=bool)[self._group_of])

    def within(self, units: Iterable[str]) -> frozenset[str]:
        """Name the features that are missing where some of the units are.

        Parameters
        ----------
        units : iterable of str
            Some of `units`.

        Returns
        -------
        frozenset of str
            Names of features.
        """
        return frozenset(
            name for unit in units for name in compress(self._names, self.about(unit))
        )

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
                markers.update(dict.fromkeys(unknown or [_whole(tube, names)]))
        results = [names[0] for (_, names, result), gone in state if gone and result]
        return list(markers), results


def _keys(tube: str, markers: tuple[str, ...]) -> list[str]:
    return [tube + BAR + marker if tube else marker for marker in markers]


def _whole(tube: str, markers: tuple[str, ...]) -> str:
    """Name what is about several markers in one tube."""
    return tube + BAR + COLON.join(markers) if tube else COLON.join(markers)
