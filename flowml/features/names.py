"""Names of features: ``marker|statistic``, or ``tube|marker|statistic``.

Several markers, of a pair or of a map, are joined by colons: ``CD19:CD5|pairs0712``. A
population stands behind the sign ``/`` in the place of a marker, and behind a marker within it:
``/B cells|of_parent``, ``CD19:/B cells|median``. A result of another method is
``method|quantity|result``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BAR, COLON, SLASH = "|", ":", "/"
RESULT = "result"  # the statistic of what another method found


class FeatureName(NamedTuple):
    """What the name of a feature says.

    Parameters
    ----------
    tube : str
        Empty where features are pooled over tubes.
    markers : tuple of str
        One, two of a pair, those of a map, or a population, alone or behind a marker.
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
    population : str
        The population that it is about, with its sign; empty where it is about none.
    """

    tube: str
    markers: tuple[str, ...]
    is_result: bool
    population: str = ""


def as_marker(text: str) -> str:
    """Return a marker as names of features can hold it: a label may be any text.

    Parameters
    ----------
    text : str
        Marker, canonical or as the label gives it.

    Returns
    -------
    str
        Without the signs that part the names of features.
    """
    plain = _unparted(text)
    return f"_{plain[1:]}" if is_population(plain) else plain


def population_key(name: str) -> str:
    """Return a population as names of features hold it.

    Parameters
    ----------
    name : str
        Of the population.

    Returns
    -------
    str
        Behind the sign, and without those that part the names of features.
    """
    return SLASH + _unparted(name)


def _unparted(text: str) -> str:
    """Return a text without the signs that part the names of features."""
    return text.replace(BAR, SLASH).replace(COLON, ".")


def is_population(name: str) -> bool:
    """Tell a population from a marker, among what a feature is about.

    Parameters
    ----------
    name : str
        One of `FeatureName.markers`.

    Returns
    -------
    bool
        Whether it stands behind the sign.
    """
    return name.startswith(SLASH)


def shown_markers(markers: Sequence[str]) -> str:
    """Say what a feature is about, for a person.

    Parameters
    ----------
    markers : sequence of str
        As of `FeatureName`.

    Returns
    -------
    str
        Markers, a population, or a marker in a population.

    Examples
    --------
    >>> shown_markers(["CD19", "CD5"]), shown_markers(["CD5", "/B cells"])
    ('CD19 x CD5', 'CD5 in B cells')
    """
    inside = [name[1:] for name in markers if is_population(name)]
    measured = " x ".join(name for name in markers if not is_population(name))
    return " in ".join(filter(None, (measured, *inside)))


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
    about = [FeatureGroup(*p[:2], p.statistic == RESULT, _population(p)) for p in parsed]
    groups = list(dict.fromkeys(about))
    number = {group: place for place, group in enumerate(groups)}
    return groups, np.array([number[each] for each in about], dtype=np.intp)


def _population(name: FeatureName) -> str:
    """Return the population that a feature is about; columns of another origin name none."""
    own = name.statistic not in {"", RESULT}
    return next(filter(is_population, name.markers), "") if own else ""


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
