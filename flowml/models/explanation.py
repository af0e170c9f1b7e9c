"""Why a model answers as it does for one case: contributions summed up for people.

An answer is given because its margin is larger than that of the others, so that what decides
between two entities is the difference of what a feature contributes to each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import LabelError
from flowml.features.names import FeatureName, parse_name, shown_markers
from flowml.features.regions import Region, region_of, value_in
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge import LabelTree
    from flowml.models.answer import Prediction
    from flowml.models.contributions import Contributions

MAP = "map of "
MOST_OF_A_PAIR = 2  # markers; what a map of more contributes belongs to none of them alone


@dataclass(frozen=True)
class Reason:
    """What a marker, a tube or a region contributes to two entities.

    Parameters
    ----------
    name : str
        A marker, markers, or a tube; as they are in the files.
    to_entity, to_other : float
        Contributions to the margin of the entity that is explained, and of the other one.
    tube : str
        Empty where tubes are pooled.
    markers : tuple of str
        What it is about; none of a tube.
    region : str
        Part of the scale, or statistic; empty in sums over all of them.
    low, high : tuple of float
        Ends of the region on the display scale of each marker; empty where it has none.
    value : float
        What the case has there; NaN where that is not known or not one number.
    unit : str
        Of the value.
    """

    name: str
    to_entity: float
    to_other: float
    tube: str = ""
    markers: tuple[str, ...] = ()
    region: str = ""
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    value: float = np.nan
    unit: str = ""

    @property
    def difference(self) -> float:
        """What it contributes to the decision: above 0 it speaks for the entity."""
        return self.to_entity - self.to_other

    def to_dict(self) -> dict[str, Any]:
        """Return the reason as plain values."""
        return {
            "name": self.name,
            "tube": self.tube,
            "markers": list(self.markers),
            "region": self.region,
            "low": list(self.low),
            "high": list(self.high),
            "value": self.value,
            "unit": self.unit,
            "to_entity": self.to_entity,
            "to_other": self.to_other,
            "difference": self.difference,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Why the model answers as it does for one case.

    Parameters
    ----------
    prediction : Prediction
        The answer.
    entity, other : str
        The entity that is explained, and the one that it is held against.
    entities : tuple of str
        Of the model, in the order of the contributions.
    feature_names : tuple of str
        Of the model.
    values : ndarray, shape (n_features,), float32
        The case's features; NaN is missing.
    contributions : Contributions
        Of every feature to every entity, before any calibration.
    bins : mapping of str to int
        Of the parts of the model's recipe (`flowml.features.regions.bins_of`).
    provenance : mapping
        Versions, hashes, parameters and inputs, plain values.
    """

    prediction: Prediction
    entity: str
    other: str
    entities: tuple[str, ...]
    feature_names: tuple[str, ...]
    values: NDArray[np.float32]
    contributions: Contributions
    bins: Mapping[str, int]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<Explanation of {printable(self.prediction.case_id)}: {self.entity} against "
            f"{self.other}, difference {self.difference:+.2f}>"
        )

    @property
    def margins(self) -> dict[str, float]:
        """Margin of each entity."""
        return self._by_entity(self.contributions.margins)

    def _by_entity(self, numbers: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.entities, map(float, numbers), strict=True))

    @property
    def difference(self) -> float:
        """Margin of the entity less that of the other one."""
        return self.margins[self.entity] - self.margins[self.other]

    @property
    def bias(self) -> float:
        """The part of the difference that is there before anything is known of the case."""
        to_entity, to_other = self.contributions.bias[self._pair]
        return float(to_entity - to_other)

    @property
    def _pair(self) -> list[int]:
        return [self.entities.index(name) for name in (self.entity, self.other)]

    @cached_property
    def _used(self) -> list[tuple[FeatureName, NDArray[np.float64]]]:
        """Features that contribute anything, and what they do to the two entities."""
        both = self.contributions.values[self._pair]
        return [(parse_name(self.feature_names[at]), both[:, at]) for at in _places(both)]

    @cached_property
    def markers(self) -> tuple[Reason, ...]:
        """Sums by marker, the largest first.

        Of a pair, each of the two gets half. A map of more markers stays one: what a node
        contributes belongs to no marker alone.
        """
        sums: dict[tuple[str, ...], NDArray[np.float64]] = {}
        for name, both in self._used:
            keys = [(m,) for m in name.markers] if _is_shared(name) else [name.markers]
            for key in keys:
                sums[key] = sums.get(key, np.zeros(2)) + both / len(keys)
        return _sorted(
            Reason(_shown(key), float(to_entity), float(to_other), markers=key)
            for key, (to_entity, to_other) in sums.items()
        )

    @cached_property
    def tubes(self) -> tuple[Reason, ...]:
        """Sums by tube, the largest first; one without a name where tubes are pooled."""
        groups = self._grouped(lambda name: name.tube)
        return _sorted(Reason(tube, *_sum(each), tube=tube) for tube, each in groups.items())

    @cached_property
    def regions(self) -> tuple[Reason, ...]:
        """Sums by region of a marker's or a pair's scales, the largest first."""
        values = dict(zip(self.feature_names, map(float, self.values), strict=True))
        groups = self._grouped(lambda name: (*name[:2], region_of(name, self.bins)))
        return _sorted(_of_region(each, self.bins, values) for each in groups.values())

    def _grouped(
        self, key: Callable[[FeatureName], Hashable]
    ) -> dict[Any, list[tuple[FeatureName, NDArray[np.float64]]]]:
        groups: dict[Any, list[tuple[FeatureName, NDArray[np.float64]]]] = {}
        for name, both in self._used:
            groups.setdefault(key(name), []).append((name, both))
        return groups

    def to_dict(self) -> dict[str, Any]:
        """Return the whole explanation as plain values.

        Returns
        -------
        dict
            Of the features those that contribute to any entity.
        """
        whole, bias = self.contributions.values, self.contributions.bias
        features = [
            {
                "name": self.feature_names[at],
                "value": float(self.values[at]),
                "contributions": self._by_entity(whole[:, at]),
            }
            for at in _places(whole)
        ]
        return {
            "case_id": self.prediction.case_id,
            "entity": self.entity,
            "other": self.other,
            "difference": self.difference,
            "bias_of_difference": self.bias,
            "margins": self.margins,
            "bias": self._by_entity(bias),
            "markers": [reason.to_dict() for reason in self.markers],
            "tubes": [reason.to_dict() for reason in self.tubes],
            "regions": [reason.to_dict() for reason in self.regions],
            "features": features,
        }


def chosen_pair(
    tree: LabelTree, probabilities: Mapping[str, float], entity: str = "", other: str = ""
) -> tuple[str, str]:
    """Choose the entity that is explained, and the one that it is held against.

    Parameters
    ----------
    tree : LabelTree
        The entities of the model.
    probabilities : mapping of str to float
        Of every entity of the model.
    entity, other : str
        What was asked for, by a name or alias; empty: the likeliest, and the likeliest of the
        others.

    Returns
    -------
    entity, other : str
        Two entities of the model.

    Raises
    ------
    LabelError
        If the model does not know one of them, or they are the same.
    """
    asked = [_known(tree, name) if name else "" for name in (entity, other)]
    ranked = sorted(probabilities, key=lambda name: -probabilities[name])
    first = asked[0] or next(name for name in ranked if name != asked[1])
    second = asked[1] or next(name for name in ranked if name != first)
    if first == second:
        raise LabelError(
            f"{first} cannot be held against itself. Name another entity, or none: then it is "
            "the likeliest of the others."
        )
    return first, second


def _known(tree: LabelTree, name: str) -> str:
    try:
        return tree.canonical(name)
    except LabelError as error:
        raise LabelError(
            f"the model does not know {printable(name)!r}; it knows "
            f"{', '.join(tree.entities)}. Nearest: {nearest(name, tree.known_names())}."
        ) from error


def _places(values: NDArray[np.float64]) -> list[int]:
    """Return which features contribute anything."""
    return [int(place) for place in np.flatnonzero(values.any(axis=0))]


def _is_shared(name: FeatureName) -> bool:
    return len(name.markers) <= MOST_OF_A_PAIR


def _shown(markers: tuple[str, ...]) -> str:
    joined = shown_markers(markers)
    return joined if len(markers) <= MOST_OF_A_PAIR else MAP + joined


def _sum(items: Sequence[tuple[FeatureName, NDArray[np.float64]]]) -> tuple[float, float]:
    to_entity, to_other = np.sum([both for _, both in items], axis=0)
    return float(to_entity), float(to_other)


def _sorted(reasons: Any) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda r: (-abs(r.difference), r.name, r.region)))


def _of_region(
    items: Sequence[tuple[FeatureName, NDArray[np.float64]]],
    bins: Mapping[str, int],
    values: Mapping[str, float],
) -> Reason:
    name = items[0][0]
    region: Region = region_of(name, bins)
    return Reason(
        _shown(name.markers),
        *_sum(items),
        tube=name.tube,
        markers=name.markers,
        region=region.text,
        low=region.low,
        high=region.high,
        value=value_in(region, name, values),
        unit=region.unit,
    )
