"""From a case and a model to the reasons for its answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flowml.errors import CaseError
from flowml.features.columns import OtherResults
from flowml.features.regions import bins_of
from flowml.models import TrainedModel
from flowml.models.explanation import Explanation, chosen_pair
from flowml.pipeline import model_for_files
from flowml.reading import DEFAULT_READING, Reading, extract_table
from flowml.records import Case
from flowml.safety import printable


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
        raise CaseError(f"{printable(case.case_id)}: {prediction.reason}")
    row = table.columns(trained.feature_names)[0]
    return Explanation(
        prediction,
        *chosen_pair(trained.tree, prediction.probabilities, entity, against),
        entities=trained.entities,
        feature_names=trained.feature_names,
        values=row,
        contributions=trained.contributions(row),
        bins=bins_of(recipe),
    )
