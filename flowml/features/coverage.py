"""What a case lacks of a list of features, said in the names of markers."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from flowml.features.names import BAR, COLON, SLASH, feature_groups, is_population

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from flowml.features.names import FeatureGroup


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
        every = (m for group in self._measured for m in group.markers)
        return list(dict.fromkeys(m for m in every if not is_population(m)))

    @property
    def populations(self) -> list[str]:
        """Populations, without their sign, in the order of the features."""
        every = (group.population[1:] for group in self._groups if group.population)
        return list(dict.fromkeys(every))

    @property
    def of_populations(self) -> NDArray[np.bool_]:
        """Which features are about a population, shape (n_features,)."""
        return self._where(bool(group.population) for group in self._groups)

    def within_population(self, population: str) -> NDArray[np.bool_]:
        """Tell the features that are about a population.

        Parameters
        ----------
        population : str
            One of `populations`.

        Returns
        -------
        ndarray, shape (n_features,), bool
            Its shares, and how bright it is.
        """
        return self._where(group.population == SLASH + population for group in self._groups)

    def _where(self, chosen: Iterable[bool]) -> NDArray[np.bool_]:
        """Return the features of the groups that are chosen, shape (n_features,)."""
        return np.asarray(np.array([*chosen], dtype=bool)[self._group_of])

    @property
    def _measured(self) -> Iterator[FeatureGroup]:
        """All but the results of other methods."""
        return (group for group in self._groups if not group.is_result)

    @property
    def results(self) -> list[str]:
        """Results of other methods, ``method|quantity``."""
        return [group.markers[0] for group in self._groups if group.is_result]

    @property
    def units(self) -> list[str]:
        """What a case can lack: markers, then pairs and maps not measured in one tube."""
        wholes = (
            _whole(group.tube, group.markers)
            for group in self._measured
            if len(group.markers) > 1 and not group.population
        )
        return [*self.keys, *dict.fromkeys(wholes)]

    @property
    def keys(self) -> list[str]:
        """Markers as `lacking` calls them: with their tube where tubes are kept apart."""
        every = (key for group in self._measured for key in _keys(group.tube, group.markers))
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
        return self._where(
            not group.is_result
            and (unit in _keys(*group[:2]) or unit == _whole(group.tube, group.markers))
            for group in self._groups
        )

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
        state = self._state(blank)
        known = {key for g, gone in state if not gone for key in _keys(*g[:2])}
        markers: dict[str, None] = {}
        for group, gone in state:
            if gone and not group.is_result:
                unknown = [key for key in _keys(*group[:2]) if key not in known]
                whole = [] if group.population else [_whole(group.tube, group.markers)]
                markers.update(dict.fromkeys(unknown or whole))
        results = [group.markers[0] for group, gone in state if gone and group.is_result]
        return list(markers), results

    def unsure(self, blank: NDArray[np.bool_]) -> list[str]:
        """Name the populations of which nothing is known.

        Parameters
        ----------
        blank : ndarray, shape (n_features,), bool
            Which features are missing.

        Returns
        -------
        list of str
            Without their sign.
        """
        return [name for name in self.populations if blank[self.within_population(name)].all()]

    def _state(self, blank: NDArray[np.bool_]) -> list[tuple[FeatureGroup, bool]]:
        """Return all groups, and whether some feature of each is missing."""
        is_blank = np.zeros(len(self._groups), dtype=bool)
        is_blank[self._group_of[blank]] = True
        return list(zip(self._groups, is_blank.tolist(), strict=True))


def _keys(tube: str, markers: tuple[str, ...]) -> list[str]:
    return [tube + BAR + m if tube else m for m in markers if not is_population(m)]


def _whole(tube: str, markers: tuple[str, ...]) -> str:
    """Name what is about several markers in one tube."""
    return tube + BAR + COLON.join(markers) if tube else COLON.join(markers)
