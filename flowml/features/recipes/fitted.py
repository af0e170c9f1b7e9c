"""Fitted recipes: what is computed, with everything that was learned, as plain values.

A fitted recipe travels with the features and with the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.names import feature_name
from flowml.features.recipes.alignment import Alignment
from flowml.features.recipes.checks import (
    check_alignable,
    check_bins,
    check_choices,
    check_gated,
    check_stand_ins,
)
from flowml.features.recipes.mll2021 import MllDistribution, MllQuadrants, Standard
from flowml.features.recipes.part import Kind, Part, is_measured
from flowml.features.recipes.parts import Ecdf, Moments, Pairs, Quantiles
from flowml.features.recipes.populations import PopulationBrightness, PopulationShares
from flowml.features.recipes.scales import Scales
from flowml.features.recipes.som import Som
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.features.recipes.plan import Markers

FEATURE_TYPE = np.float32  # what the trees compare in
MOST_PARTS = 12
MOST_SHOWN = 16  # values of a list in a summary
LONGEST_SHOWN = 400  # characters of a text there
PLUS = "+"


class Group(NamedTuple):
    """The features that one part of a recipe computes of one marker, pair or map.

    Parameters
    ----------
    part : int
        Place of the part in the recipe.
    tube : str
        Empty where tubes are pooled.
    markers : tuple of str
        What was measured.
    """

    part: int
    tube: str
    markers: Markers


@dataclass(frozen=True)
class FittedRecipe:
    """What is computed of a case, ready for any case.

    Parameters
    ----------
    parts : tuple of Part
        One or more; features come in this order.
    scales : Scales
        The display scales of all parts.
    markers : tuple of str
        Only these are used; all that a tube measures if it is empty.
    by_tube : bool
        Whether tubes are kept apart; if not, a marker is counted over all tubes that have it.
    exact : bool
        Whether values are compared with the cuts themselves, not with the nearest numbers
        of 8 significant bits.
    stand_ins : tuple of (str, str)
        Markers, and what is taken for each in a case that has not measured it.
    """

    parts: tuple[Part, ...]
    scales: Scales = field(default_factory=Scales)
    markers: tuple[str, ...] = ()
    by_tube: bool = False
    exact: bool = False
    stand_ins: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.parts) <= MOST_PARTS:
            raise FlowmlError(
                f"a recipe has {len(self.parts)} parts, expected 1 to {MOST_PARTS}."
            )
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names):
            raise FlowmlError(f"a recipe names a part twice: {', '.join(names)}.")
        check_choices(self.markers, self.by_tube, self.exact)
        check_stand_ins(self.stand_ins)
        check_gated(names, self.stand_ins)
        if self.scales.alignment is not None:
            check_alignable(names)
        counted = [part for part in self.parts if part.kind in (Kind.CUTS, Kind.PAIRS)]
        pairs = [part for part in counted if part.kind is Kind.PAIRS]
        check_bins(*(sum(getattr(p, "bins", 2) for p in parts) for parts in (counted, pairs)))

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone: what was worked out of them is long."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def name(self) -> str:
        """The names of its parts, as `make_recipe` takes them."""
        return PLUS.join(dict.fromkeys(part.name.partition(" ")[0] for part in self.parts))

    @property
    def gated(self) -> PopulationShares | None:
        """The part that knows the gates; None where no population is looked for."""
        return next((part for part in self.parts if isinstance(part, PopulationShares)), None)

    @property
    def passes(self) -> int:
        """How often the events of a tube are read: 2 where a part needs their maxima."""
        return 2 if any(map(is_measured, self.parts)) else 1

    def feature_names(self, group: Group) -> tuple[str, ...]:
        """Return the names of a group's features.

        Parameters
        ----------
        group : Group
            Of this recipe.

        Returns
        -------
        tuple of str
            In the order of the part's values.
        """
        return _names(self.parts[group.part], group.tube, group.markers)

    def size(self, group: Group) -> int:
        """Return the number of a group's features.

        Parameters
        ----------
        group : Group
            Of this recipe.

        Returns
        -------
        int
            As many as it has names.
        """
        return self._sizes[group.part]

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        """Number of statistics of each part."""
        return tuple(len(part.statistics()) for part in self.parts)

    def get_feature_names_out(self, groups: Sequence[Group]) -> np.ndarray[Any, Any]:
        """Return the names of the features of some groups, as scikit-learn's method does.

        Parameters
        ----------
        groups : sequence of Group
            Such as `CaseFeatures.groups`.

        Returns
        -------
        ndarray of object
            Names, in order.
        """
        return np.array(
            [n for group in groups for n in self.feature_names(group)], dtype=object
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, for JSON."""
        alignment = self.scales.alignment
        aligned = {} if alignment is None else {"alignment": alignment.to_dict()}
        return aligned | {
            "name": self.name,
            "transform": self.scales.transform,
            "widths": [list(pair) for pair in self.scales.widths],
            "markers": list(self.markers),
            "by_tube": self.by_tube,
            "exact": self.exact,
            "parts": [part.to_dict() for part in self.parts],
            # only where there are some: recipes of before keep their hash
            **({"stand_ins": [*map(list, self.stand_ins)]} if self.stand_ins else {}),
        }

    def summary(self) -> dict[str, Any]:
        """Return the recipe for a reader: without long lists, and with its hash."""
        plain = self.to_dict()
        plain["widths"] = dict(self.scales.widths)
        if self.scales.alignment is not None:
            known = self.scales.alignment.known
            plain["alignment"] = {name: each.normals for name, each in known.items()}
        plain["parts"] = [
            {key: _shortened(value) for key, value in part.items()} for part in plain["parts"]
        ]
        return {key: value for key, value in plain.items() if value} | {"sha256": self.sha256}

    @cached_property
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
            parts = tuple(PARTS[plain["part"]](plain) for plain in _listed(values["parts"]))
            widths = tuple(_width(pair) for pair in _listed(values["widths"]))
            told = values.get("alignment")
            alignment = None if told is None else Alignment.from_dict(told)
            scales = Scales(values["transform"], widths, alignment)
            markers = _listed(values["markers"])
            stand_ins = tuple(map(_listed, _listed(values.get("stand_ins", []))))
            return cls(parts, scales, markers, values["by_tube"], values["exact"], stand_ins)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise FlowmlError(
                f"a recipe lacks a value or has a wrong one: {type(error).__name__}, "
                f"{printable(error, 80)}."
            ) from error


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{len(value)} characters"
    is_table = isinstance(value, list) and any(isinstance(each, list) for each in value)
    if is_table or (isinstance(value, list) and len(value) > MOST_SHOWN):
        return f"{len(value)} {'rows' if is_table else 'values'}"
    return value


@lru_cache(maxsize=4096)  # run after run asks for the names of the same panels
def _names(part: Part, tube: str, markers: Markers) -> tuple[str, ...]:
    return tuple(feature_name(tube, markers, name) for name in part.statistics())


def _listed(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return tuple(value)


def _width(pair: Any) -> tuple[str, float]:
    marker, width = pair
    if not (isinstance(marker, str) and isinstance(width, float)):
        raise TypeError("a width must be a marker and a number")
    return marker, width


def _standards(plain: Mapping[str, Any]) -> tuple[Standard, ...]:
    return tuple(Standard(*_listed(row)) for row in _listed(plain["standards"]))


# by name: how a part is built from the plain values of its `to_dict`
PARTS: dict[str, Callable[[Mapping[str, Any]], Part]] = {
    "ecdf": lambda plain: Ecdf(plain["bins"]),
    "pairs": lambda plain: Pairs(plain["bins"]),
    "quantiles": lambda plain: Quantiles(_listed(plain["shares"])),
    "moments": lambda plain: Moments(),  # noqa: ARG005
    "mll2021": lambda plain: MllDistribution(
        _standards(plain), plain["measured"], plain["bins"]
    ),
    "mll2021 quadrants": lambda plain: MllQuadrants(_standards(plain), plain["measured"]),
    "populations": lambda plain: PopulationShares(
        plain["gates"], plain["reference"], plain["absolute"]
    ),
    "populations brightness": lambda plain: PopulationBrightness(),  # noqa: ARG005
    "som": lambda plain: Som(
        _listed(plain["markers"]), plain["side"], tuple(map(_listed, plain["codebook"]))
    ),
}
