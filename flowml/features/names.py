"""Names of features: ``marker|statistic``, or ``tube|marker|statistic``.

Several markers, of a pair or of a map, are joined by colons: ``CD19:CD5|pairs0712``. A result
of another method is ``method|quantity|result``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BAR, COLON = "|", ":"
RESULT = "result"  # the statistic of what another method found


class FeatureName(NamedTuple):
    """What the name of a feature says.

    Parameters
    ----------
    tube : str
        Empty where features are pooled over tubes.
    markers : tuple of str
        One, two of a pair, or those of a map.
    statistic : str
        What was computed.
    """

    tube: str
    markers: tuple[str, ...]
    statistic: str


class FeatureGroup(NamedTuple):
    """Features that come and go together: those of a marker, a pair, a map or a result.

    Parameters
    ----------
    tube : str
        Empty where features are pooled over tubes.
    markers : tuple of str
        What they are about.
    is_result : bool
        Whether another method found it.
    """

    tube: str
    markers: tuple[str, ...]
    is_result: bool


def feature_groups(names: Sequence[str]) -> tuple[list[FeatureGroup], NDArray[np.intp]]:
    """Put features together that come and go together.

    Parameters
    ----------
    names : sequence of str
        Names of features.

    Returns
    -------
    groups : list of FeatureGroup
        In the order of the features.
    place : ndarray, shape (len(names),), intp
        The group of each feature.
    """
    parsed = map(parse_name, names)
    about = [FeatureGroup(p.tube, p.markers, p.statistic == RESULT) for p in parsed]
    groups = list(dict.fromkeys(about))
    number = {group: place for place, group in enumerate(groups)}
    return groups, np.array([number[each] for each in about], dtype=np.intp)


def feature_name(tube: str, markers: tuple[str, ...], statistic: str) -> str:
    """Compose the name of a feature.

    Parameters
    ----------
    tube : str
        Empty where features are pooled over tubes.
    markers : tuple of str
        One or more.
    statistic : str
        What was computed.

    Returns
    -------
    str
        As `parse_name` takes it apart.

    Examples
    --------
    >>> feature_name("", ("CD19", "CD5"), "pairs0712")
    'CD19:CD5|pairs0712'
    """
    parts = (tube, COLON.join(markers), statistic)
    return BAR.join(parts if tube else parts[1:])


def parse_name(feature: str) -> FeatureName:
    """Take the name of a feature apart.

    Parameters
    ----------
    feature : str
        Any; a name of another origin is its own marker.

    Returns
    -------
    FeatureName
        Tube, markers and statistic.

    Examples
    --------
    >>> parse_name("CD19|ecdf07")
    FeatureName(tube='', markers=('CD19',), statistic='ecdf07')
    """
    rest, _, statistic = feature.rpartition(BAR)
    if not rest:
        return FeatureName("", (feature,), "")
    tube, _, markers = rest.rpartition(BAR)
    if statistic == RESULT:
        return FeatureName("", (rest,), statistic)
    return FeatureName(tube, tuple(markers.split(COLON)), statistic)
