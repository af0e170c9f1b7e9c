"""Recipes: what is computed of the events, with everything that was fitted, as plain values.

A recipe is fitted on training cases and becomes a `FittedRecipe`, which travels with the
features and with the model. `ecdf` has fixed parameters, so that fitting it learns nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError
from flowml.preprocess import TRANSFORMS, display_scale
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.records import Case, Channel

MOST_BINS = 1024
FEATURE_TYPE = np.float32  # what the trees compare in


@dataclass(frozen=True)
class FittedRecipe:
    """Cumulative distribution of every marker on its display scale.

    Parameters
    ----------
    name : str
        A key of `RECIPES`.
    transform : str
        Display scale of fluorescence channels.
    bins : int
        Bins of equal width between 0 and 1 of the display scale.
    """

    name: str
    transform: str
    bins: int

    def edges(self, channel: Channel) -> NDArray[np.float64]:
        """Return the inner bin edges of a channel in linear units.

        The display scale is monotonic: comparing linear values with edges that were mapped
        back is the same as mapping every value forward, and exact.

        Parameters
        ----------
        channel : Channel
            Its role and top decide on the scale.

        Returns
        -------
        ndarray, shape (bins - 1,), float64
            Rising.
        """
        shown = np.linspace(0, 1, self.bins + 1)[1:-1]
        return display_scale(channel, self.transform).inverse(shown)

    def feature_names(self, marker: str) -> list[str]:
        """Return the names of a marker's features, ``marker|statistic``.

        Parameters
        ----------
        marker : str
            Canonical marker.

        Returns
        -------
        list of str
            One for each inner edge.
        """
        return [f"{marker}|{self.name}{edge:02d}" for edge in range(1, self.bins)]

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Turn the counts of a marker into its features.

        Parameters
        ----------
        counts : ndarray, shape (bins,), int64
            Events in each bin; events off the scale are in the first and the last.

        Returns
        -------
        ndarray, shape (bins - 1,), float32
            Share of events below each inner edge; NaN where there are no events.
        """
        total = int(counts.sum())
        if total == 0:  # no events: the distribution is unknown
            return np.full(self.bins - 1, np.nan, dtype=FEATURE_TYPE)
        return (np.cumsum(counts)[:-1] / total).astype(FEATURE_TYPE)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, for JSON."""
        return asdict(self)

    @property
    def sha256(self) -> str:
        """Hash of the recipe; equal for recipes that compute the same."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FittedRecipe:
        """Build a recipe from plain values.

        Parameters
        ----------
        values : mapping
            As `to_dict` gives them.

        Returns
        -------
        FittedRecipe
            The recipe.

        Raises
        ------
        FlowmlError
            If a value is missing or not what it should be.
        """
        try:
            recipe = make_recipe(values["name"], values["transform"], values["bins"])
        except (KeyError, TypeError) as error:
            raise FlowmlError(f"a recipe lacks a value or has a wrong one: {error}.") from error
        return recipe.fit(())


@dataclass(frozen=True)
class Recipe:
    """What shall be computed, before anything is fitted.

    Parameters
    ----------
    name : str
        A key of `RECIPES`.
    transform : str
        Display scale of fluorescence channels, a key of `TRANSFORMS`.
    bins : int
        Bins between 0 and 1 of the display scale, 2 to 1,024.

    Raises
    ------
    FlowmlError
        If a parameter is not usable.
    """

    name: str = "ecdf"
    transform: str = "logicle"
    bins: int = 32

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise FlowmlError(
                f"unknown transform {printable(self.transform)!r}; "
                f"choose from {', '.join(TRANSFORMS)}."
            )
        if isinstance(self.bins, bool) or not isinstance(self.bins, int):
            raise FlowmlError(f"bins is {printable(self.bins)!r}, expected a whole number.")
        if not 2 <= self.bins <= MOST_BINS:
            raise FlowmlError(f"bins is {self.bins}, expected 2 to {MOST_BINS}.")

    def fit(self, cases: Sequence[Case]) -> FittedRecipe:  # noqa: ARG002 - ecdf learns nothing
        """Fit the recipe on training cases.

        Parameters
        ----------
        cases : sequence of Case
            Training cases only.

        Returns
        -------
        FittedRecipe
            Immutable.
        """
        return FittedRecipe(self.name, self.transform, self.bins)


def marker_of(feature: str) -> str:
    """Return the marker of a feature.

    Parameters
    ----------
    feature : str
        ``marker|statistic``.

    Returns
    -------
    str
        The marker; the whole name for a feature of another origin.

    Examples
    --------
    >>> marker_of("CD19|ecdf07")
    'CD19'
    """
    return feature.rpartition("|")[0] or feature


def make_recipe(name: str, transform: str = "logicle", bins: int = 32) -> Recipe:
    """Make a recipe by its name.

    Parameters
    ----------
    name : str
        A key of `RECIPES`.
    transform : str
        Display scale of fluorescence channels.
    bins : int
        Bins on the display scale.

    Returns
    -------
    Recipe
        Not fitted yet.

    Raises
    ------
    FlowmlError
        If the name is unknown or a parameter is not usable.
    """
    if name not in RECIPES:
        raise FlowmlError(
            f"unknown recipe {printable(name)!r}; choose from {', '.join(RECIPES)}."
        )
    return RECIPES[name](name, transform, bins)


RECIPES: dict[str, Callable[[str, str, int], Recipe]] = {"ecdf": Recipe}
