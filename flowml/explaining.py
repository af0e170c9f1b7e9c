"""From a case and a model to the reasons for its answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.cases import at_hand
from flowml.errors import CaseError
from flowml.features import FittedRecipe
from flowml.features.columns import OtherResults
from flowml.features.opened import open_tube
from flowml.features.panel import tube_key
from flowml.features.regions import bins_of
from flowml.features.stained import instrument_of
from flowml.features.standin import choose_stand_ins
from flowml.models import TrainedModel
from flowml.models.explanation import Explanation, chosen_pair
from flowml.pipeline import model_for_files
from flowml.quality import Preparation
from flowml.reading import DEFAULT_READING, Reading, extract_table, found_cases
from flowml.records import Case
from flowml.reports.explanation_plots import (
    ShownTube,
    choose_views,
    draw_view,
)
from flowml.reports.plots.reasons import contributions
from flowml.reports.provenance import describe_run
from flowml.reports.ticks import PLAIN
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from flowml.knowledge.panels import View

COLUMNS, VIEW, HEADING = 3, (3.4, 3.3), 0.4  # of the views; inches


def explain(
    case: Case,
    model: TrainedModel | Path | str,
    *,
    entity: str = "",
    against: str = "",
    columns: Sequence[OtherResults] = (),
    reading: Reading = DEFAULT_READING,
) -> Explanation:
    """Say why a model answers as it does for one case.

    Parameters
    ----------
    case : Case
        One case.
    model : TrainedModel or path-like
        A model, or the file that holds it; ``demo`` is the bundled one.
    entity : str
        What is explained; the likeliest entity if it is not given.
    against : str
        What it is held against; the likeliest of the others if it is not given.
    columns : sequence of OtherResults
        Results of other methods, which some models need.
    reading : Reading
        How files are read.

    Returns
    -------
    Explanation
        Contributions of all features, and their sums.

    Raises
    ------
    CaseError
        If the case cannot be used; the message says why.
    LabelError
        If the model does not know one of the entities.
    ModelError
        If the model cannot be used, or was not trained on FCS files.
    """
    trained, recipe = model_for_files(model)
    if entity or against:  # before the case is read
        chosen_pair(trained.tree, dict.fromkeys(trained.entities, 0.0), entity, against)
    table = extract_table([case], recipe, reading, columns=columns)
    (prediction,) = trained.predictions(table)
    if not prediction.was_usable:
        raise CaseError(f"{printable(case.case_id)}: {printable(prediction.reason, 600)}")
    row = table.columns(trained.feature_names)[0]
    return Explanation(
        prediction,
        *chosen_pair(trained.tree, prediction.probabilities, entity, against),
        entities=trained.entities,
        feature_names=trained.feature_names,
        values=row,
        contributions=trained.contributions(row),
        bins=bins_of(recipe),
        provenance=describe_run(trained, table, reading.preparation),
    )


def chosen_case(cases: Sequence[Case], case_id: str) -> Case:
    """Find a case by its id.

    Parameters
    ----------
    cases : sequence of Case
        Among which.
    case_id : str
        Its id.

    Returns
    -------
    Case
        The case.

    Raises
    ------
    CaseError
        If there is none; the message names the nearest ids.
    """
    found = {case.case_id: case for case in found_cases(cases)}
    if case_id not in found:
        raise CaseError(
            f"there is no case {printable(case_id)!r} among {len(found)}. "
            f"Nearest: {printable(nearest(case_id, list(found)))}."
        )
    return found[case_id]


def draw_explanation(
    case: Case,
    explanation: Explanation,
    model: TrainedModel,
    *,
    reading: Reading = DEFAULT_READING,
    top: int = 12,
    views: int = 6,
) -> dict[str, Figure]:
    """Draw the sums by marker, and the case on the laboratory's views.

    Parameters
    ----------
    case : Case
        Is read once more.
    explanation : Explanation
        Of the case.
    model : TrainedModel
        The model that answered.
    reading : Reading
        How files are read, as in `explain`.
    top : int
        Markers with a bar of their own.
    views : int
        Most views.

    Returns
    -------
    dict of str to matplotlib Figure
        ``contributions``, and ``views`` where a view shows a marker that contributes.

    Raises
    ------
    FlowmlError
        If a tube cannot be read.
    """
    axes = contributions(explanation, top=top)
    drawn: dict[str, Any] = {"contributions": axes.figure}
    with ExitStack() as near:
        tubes = _shown_tubes(case, model_for_files(model)[1], reading.preparation, near)
        chosen = choose_views(explanation, [(t.key, t.opened.channels) for t in tubes], views)
        if chosen:
            drawn["views"] = _views(explanation, tubes, chosen)
    return drawn


def _shown_tubes(
    case: Case, recipe: FittedRecipe, how: Preparation, near: ExitStack
) -> list[ShownTube]:
    """Open the tubes of a case as the model's features were computed from them."""
    names = choose_stand_ins(case, recipe.stand_ins, how, ())
    shown = []
    for tube in case.tubes:
        here = near.enter_context(at_hand(tube))
        opened = open_tube(here, how, recipe.markers, names)
        scales = recipe.scales.on(instrument_of(here, opened.sample.keywords))
        key = tube_key(here, opened.channels) if recipe.by_tube else ""
        shown.append(ShownTube(opened, key, scales, how.compensation))
    return shown


def _views(
    explanation: Explanation, tubes: Sequence[ShownTube], chosen: Sequence[tuple[int, View]]
) -> Figure:
    from matplotlib.figure import Figure

    rows = -(-len(chosen) // COLUMNS)
    columns = min(COLUMNS, len(chosen))
    figure = Figure(figsize=(columns * VIEW[0], rows * VIEW[1] + HEADING), layout="constrained")
    entity, other = explanation.entity, explanation.other
    name = printable(explanation.prediction.case_id, 60)
    figure.suptitle(
        f"{name}: orange speaks for {entity}, blue for {other} (log odds)",
        fontsize=10, **PLAIN,
    )  # fmt: skip
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(chosen) :]:
        ax.set_axis_off()
    for ax, (tube, view) in zip(axes, chosen, strict=False):
        draw_view(ax, tubes[tube], view, explanation)
    return figure
