"""Recipes: what shall be computed, and what has to be learned of training cases for it.

Most recipes have fixed parameters, so that fitting learns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.errors import FlowmlError
from flowml.features.recipes import learn
from flowml.features.recipes.checks import check_bins, check_choices
from flowml.features.recipes.fitted import PLUS, FittedRecipe
from flowml.features.recipes.landmarks import learn_alignment
from flowml.features.recipes.mll2021 import FEWEST_BINS, MllDistribution, MllQuadrants
from flowml.features.recipes.mll2021 import MOST_BINS as MOST_MLL_BINS
from flowml.features.recipes.part import Part, check_number
from flowml.features.recipes.parts import (
    MOST_BINS,
    MOST_PAIR_BINS,
    Ecdf,
    Moments,
    Pairs,
    Quantiles,
)
from flowml.features.recipes.populations import PopulationBrightness, PopulationShares
from flowml.features.recipes.scales import LOGICLE, Scales
from flowml.features.recipes.som import MOST_SIDE
from flowml.gating.gaters import (
    Automatic,
    gates_as_text,
    gates_from,
    gates_from_text,
    whole_of,
)
from flowml.gating.read import GateDocument
from flowml.knowledge.markers import canonical_markers
from flowml.quality import DEFAULT_PREPARATION, Preparation
from flowml.safety import printable
from flowml.threads import one_thread

if TYPE_CHECKING:
    from flowml.features.recipes.learn import Survey
    from flowml.records import Case

DEFAULT_RECIPE = "ecdf+pairs"  # what is worth its cost: docs/features.md
AUTO = "auto"
FIXED = "fixed"
RANGE, MEASURED = "range", "measured"


@dataclass(frozen=True)
class Recipe:
    """What shall be computed, before anything is fitted.

    Parameters
    ----------
    name : str
        A key of `RECIPES`, or several joined by ``+``: ``ecdf+pairs``.
    transform : str
        Display scale of fluorescence channels, a key of `TRANSFORMS`.
    bins : int
        Bins of ``ecdf`` (2 to 1,024) and ``mll2021`` (16 to 128).
    pair_bins : int
        Bins of ``pairs`` along each axis, 2 to 32.
    quantiles : tuple of float
        Shares of ``quantiles``.
    map_side : int
        ``som`` has so many nodes along each side, 2 to 32.
    width : str
        ``fixed``: logicle's usual width; ``auto``: fitted to the negative values of the
        training cases, marker by marker.
    maximum : str
        What ``mll2021`` divides by. ``range``: the end of the channel's range; ``measured``:
        the sample's largest value, for which its events are read twice.
    markers : tuple of str
        Only these are used; all that a tube measures if it is empty.
    by_tube : bool
        Whether tubes are kept apart.
    exact : bool
        Whether values are compared with the cuts themselves; takes about a third longer.
    gates : str
        Of ``populations``: as `flowml.gating.gaters.gates_as_text` writes them.
    reference : str
        Of ``populations``: the population of which shares are told beside those of the parent;
        if it is empty, that of all cells, where the gates know one.
    absolute : bool
        Of ``populations``: whether absolute counts are told too. They say how long a tube was
        measured, which a model had better not learn.

    Raises
    ------
    FlowmlError
        If a parameter is not usable.
    """

    name: str = DEFAULT_RECIPE
    transform: str = LOGICLE
    bins: int = 32
    pair_bins: int = 8
    quantiles: tuple[float, ...] = Quantiles.shares
    map_side: int = 10
    width: str = FIXED
    maximum: str = RANGE
    markers: tuple[str, ...] = ()
    by_tube: bool = False
    exact: bool = False
    gates: str = gates_as_text(Automatic())
    reference: str = ""
    absolute: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in RECIPES]
        if unknown or len(set(self.names)) < len(self.names):
            what = printable((unknown or [self.name])[0])
            raise FlowmlError(
                f"unknown recipe {what!r}; choose from {', '.join(RECIPES)}, "
                "each once, several joined by '+'."
            )
        Scales(self.transform)
        least = FEWEST_BINS if "mll2021" in self.names else 2
        most = MOST_MLL_BINS if "mll2021" in self.names else MOST_BINS
        check_number("bins", self.bins, least, most)
        check_number("pair_bins", self.pair_bins, 2, MOST_PAIR_BINS)
        check_number("map_side", self.map_side, 2, MOST_SIDE)
        Quantiles(self.quantiles)
        _check_choice("width", self.width, (FIXED, AUTO))
        _check_choice("maximum", self.maximum, (RANGE, MEASURED))
        if self.width == AUTO and self.transform != LOGICLE:
            raise FlowmlError(f"an automatic width is logicle's, not that of {self.transform}.")
        check_choices(self.markers, self.by_tube, self.exact)
        PopulationShares(self.gates, self.reference, self.absolute)
        bins = {"ecdf": self.bins, "mll2021": self.bins + 2, "pairs": self.pair_bins}
        pair_bins = {"mll2021": 2, "pairs": self.pair_bins}
        check_bins(
            *(sum(n[name] for name in self.names if name in n) for n in (bins, pair_bins))
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts, in order."""
        return tuple(self.name.split(PLUS)) if isinstance(self.name, str) else ("",)

    @property
    def is_gated(self) -> bool:
        """Whether populations are looked for."""
        return PopulationShares.name in self.names

    @property
    def learns(self) -> bool:
        """Whether fitting learns anything of the training cases."""
        return self.width == AUTO or not LEARNING.isdisjoint(self.names)

    def fit(
        self, cases: Sequence[Case], how: Preparation = DEFAULT_PREPARATION
    ) -> FittedRecipe:
        """Fit the recipe on training cases.

        Parameters
        ----------
        cases : sequence of Case
            Training cases only.
        how : Preparation
            How the events of tubes are made ready.

        Returns
        -------
        FittedRecipe
            Immutable.

        Raises
        ------
        FlowmlError
            If there is something to learn, and no case to learn it from.
        """
        return self.learn(
            [self.survey(case, len(cases), how) for case in cases] if self.learns else []
        )

    def survey(
        self, case: Case, n_cases: int, how: Preparation = DEFAULT_PREPARATION
    ) -> Survey:
        """Look at one training case: the first half of `fit`, for any worker.

        Parameters
        ----------
        case : Case
            One of the training cases.
        n_cases : int
            How many there are.
        how : Preparation
            How the events of tubes are made ready.

        Returns
        -------
        Survey
            What is to be learned from; empty if the case cannot be read.
        """
        needs_none = NEED_EVENTS.isdisjoint(self.names)
        n_events = 0 if needs_none else learn.share_of_events(n_cases)
        return learn.survey(case, self.markers, how, n_events)

    def learn(
        self, surveys: Sequence[Survey], normals: Collection[str] | None = None
    ) -> FittedRecipe:
        """Learn from what was seen of the training cases: the second half of `fit`.

        Parameters
        ----------
        surveys : sequence of Survey
            One a case, in the order of the cases; may be empty if nothing is to be learned.
        normals : collection of str, optional
            Ids of the normal cases, by which instruments are aligned; not aligned if not given.

        Returns
        -------
        FittedRecipe
            Immutable.

        Raises
        ------
        FlowmlError
            If there is something to learn, and nothing to learn it from.
        """
        # sorted, as a sum of floats depends on its order
        every = sorted(surveys, key=lambda survey: survey.case_id)
        usable = [survey for survey in every if survey.histograms]
        if self.learns and not usable:
            raise FlowmlError(
                f"the recipe {self.name} learns from training cases, and none of "
                f"{len(surveys)} can be used. Give cases with markers and events."
            )
        scales = Scales(self.transform)
        if self.width == AUTO:
            scales = Scales(self.transform, learn.widths(usable))
        if normals is not None:
            alignment = learn_alignment([each for each in usable if each.case_id in normals])
            scales = replace(scales, alignment=alignment)
        with one_thread():
            parts = [
                part for name in self.names for part in RECIPES[name](self, usable, scales)
            ]
        return FittedRecipe(tuple(parts), scales, self.markers, self.by_tube, self.exact)


def _check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise FlowmlError(
            f"{what} is {printable(value, 40)!r}, expected {' or '.join(choices)}."
        )


def make_recipe(name: str, transform: str = LOGICLE, bins: int = 32, **options: Any) -> Recipe:
    """Make a recipe by its name.

    Parameters
    ----------
    name : str
        A key of `RECIPES`, or several joined by ``+``.
    transform : str
        Display scale of fluorescence channels.
    bins : int
        Bins on the display scale.
    **options
        Any other parameter of `Recipe`; lists are taken for tuples, and markers for what
        they mean: ``cd19`` for ``CD19``, ``SSC`` for ``SSC-A``. As `gates` of ``populations`` a
        `Strategy`, an `EventClassifier`, ``auto`` or the path of one of them are fine.

    Returns
    -------
    Recipe
        Not fitted yet.

    Raises
    ------
    FlowmlError
        If the name is unknown or a parameter is not usable.
    """
    unknown = [key for key in options if key not in Recipe.__dataclass_fields__]
    if unknown:
        raise FlowmlError(
            f"unknown option {printable(unknown[0], 40)!r} of a recipe; "
            f"choose from {', '.join(Recipe.__dataclass_fields__)}."
        )
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in options.items()
    }
    if isinstance(markers := plain.get("markers"), tuple):
        plain["markers"] = canonical_markers(markers)
    if "gates" in plain:
        plain["gates"] = _gates(plain["gates"])
    return Recipe(name, transform, bins, **plain)


def _gates(gates: Any) -> str:
    """Return gates as a recipe holds them; those of a workspace with one sample are its."""
    chosen = gates_from(gates) if isinstance(gates, str | Path) else gates
    return gates_as_text(chosen.strategy() if isinstance(chosen, GateDocument) else chosen)


def _mll2021(recipe: Recipe, surveys: Sequence[Survey], scales: Scales) -> tuple[Part, ...]:  # noqa: ARG001
    measured = recipe.maximum == MEASURED
    standards = learn.standards(surveys, measured=measured)
    return (
        MllDistribution(standards, measured, recipe.bins),
        MllQuadrants(standards, measured),
    )


def _som(recipe: Recipe, surveys: Sequence[Survey], scales: Scales) -> tuple[Part, ...]:
    return (learn.codebook(surveys, recipe.markers, recipe.map_side, scales),)


def _populations(recipe: Recipe, surveys: Sequence[Survey], scales: Scales) -> tuple[Part, ...]:  # noqa: ARG001
    reference = recipe.reference or whole_of(gates_from_text(recipe.gates))
    return (
        PopulationShares(recipe.gates, reference, recipe.absolute),
        PopulationBrightness(),
    )


# by name: the parts of a recipe, made of its settings and of what was seen of training cases
RECIPES: dict[str, Callable[[Recipe, Sequence[Survey], Scales], tuple[Part, ...]]] = {
    "ecdf": lambda recipe, _, __: (Ecdf(recipe.bins),),
    "quantiles": lambda recipe, _, __: (Quantiles(recipe.quantiles),),
    "pairs": lambda recipe, _, __: (Pairs(recipe.pair_bins),),
    "moments": lambda _, __, ___: (Moments(),),
    "mll2021": _mll2021,
    "som": _som,
    "populations": _populations,
}
LEARNING = frozenset({"mll2021", "som"})  # these want to see training cases, ...
NEED_EVENTS = frozenset({"som"})  # ... and these some of their events
