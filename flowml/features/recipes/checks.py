"""What no recipe may be, whoever made it: a person, a file, a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowml.errors import FlowmlError
from flowml.features.counting.places import ENTRY_BITS
from flowml.features.names import BAR, COLON
from flowml.features.recipes.mll2021 import MllDistribution
from flowml.features.recipes.populations import PopulationBrightness, PopulationShares
from flowml.safety import printable

NONE_OPTIONAL = (
    "the features are about populations, whose gates look at markers of their own choice: none "
    "can be optional. Leave populations out of the recipe, or name none."
)


def check_bins(bins: int, pair_bins: int) -> None:
    """Refuse more bins than a table of 16 bits can tell apart.

    Parameters
    ----------
    bins : int
        Of all parts that count a marker or pairs, together.
    pair_bins : int
        Of all parts that count pairs, together.

    Raises
    ------
    FlowmlError
        If they are too many.
    """
    if (bins + 1).bit_length() + (pair_bins + 1).bit_length() > ENTRY_BITS:
        raise FlowmlError(
            f"{bins} bins of a marker with {pair_bins} of its pairs are too many together: "
            "more than 2^15 combinations. Use fewer bins, or two recipes."
        )


def check_alignable(names: Sequence[str]) -> None:
    """Refuse to align the scales of a part that does not measure by them.

    Parameters
    ----------
    names : sequence of str
        Of the parts.

    Raises
    ------
    FlowmlError
        If one is of mll2021.
    """
    if any(name.startswith(MllDistribution.name) for name in names):
        raise FlowmlError(
            "the recipe mll2021 measures by standards of its own, not on the display scale, "
            "and cannot be aligned. Leave it out, or train without alignment."
        )


def check_gated(names: Sequence[str], stand_ins: Any) -> None:
    """Refuse populations in part, and stand-ins beside them.

    Parameters
    ----------
    names : sequence of str
        Of the parts.
    stand_ins : tuple of (str, str)
        As in `FittedRecipe`.

    Raises
    ------
    FlowmlError
        If one of the two parts stands alone, or gates would look at another marker.
    """
    own = {PopulationShares.name, PopulationBrightness.name} & set(names)
    if len(own) == 1:
        raise FlowmlError("a recipe counts populations in part only. Fit it again.")
    if own:
        refuse_beside_populations(stand_ins, ())


def refuse_beside_populations(stand_ins: Any, optional: Any) -> None:
    """Refuse what cannot be told of populations: how they would look without a marker.

    Parameters
    ----------
    stand_ins : tuple of (str, str)
        As in `FittedRecipe`.
    optional : sequence of str, or "auto"
        Markers that a case may lack.

    Raises
    ------
    FlowmlError
        If there are any.
    """
    if stand_ins:
        raise FlowmlError(
            "a recipe with populations can have no stand-ins: gates drawn on one marker say "
            "nothing of another one. Leave one of the two out."
        )
    if optional:
        raise FlowmlError(NONE_OPTIONAL)


def check_choices(markers: Any, by_tube: Any, exact: Any) -> None:
    """Refuse choices that are none.

    Parameters
    ----------
    markers : tuple of str
        Empty for all.
    by_tube, exact : bool
        As in `FittedRecipe`.

    Raises
    ------
    FlowmlError
        If one is something else.
    """
    sound = isinstance(markers, tuple) and all(map(_is_marker, markers))
    if not sound or len(set(markers)) < len(markers):
        raise FlowmlError(
            f"markers are {printable(markers, 80)}, expected canonical names such as CD19."
        )
    if not (isinstance(by_tube, bool) and isinstance(exact, bool)):
        raise FlowmlError("by_tube and exact are true or false, expected nothing else.")


def check_stand_ins(pairs: Any) -> None:
    """Refuse stand-ins that are none.

    Parameters
    ----------
    pairs : tuple of (str, str)
        Markers and their stand-ins; empty for none.

    Raises
    ------
    FlowmlError
        If they are no pairs of names, a pair stands twice, or a stand-in has one itself.
    """
    sound = isinstance(pairs, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and all(map(_is_marker, pair))
        for pair in pairs
    )
    if not sound or len(set(pairs)) < len(pairs):
        raise FlowmlError(
            f"stand-ins are {printable(pairs, 80)}, expected pairs of a marker and its "
            "stand-in, canonical names such as CD20 and CD22, each pair once."
        )
    stood_for = {marker for marker, _ in pairs}
    if both := [stand_in for _, stand_in in pairs if stand_in in stood_for]:
        raise FlowmlError(
            f"{printable(both[0])} would stand in for a marker and have a stand-in itself. "
            "Name stand-ins that need none."
        )


def _is_marker(text: Any) -> bool:
    return isinstance(text, str) and bool(text) and BAR not in text and COLON not in text
