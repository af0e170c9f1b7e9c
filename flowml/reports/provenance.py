"""What made the answers: versions, model, parameters, inputs. No path, and no patient."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.about import DISCLAIMER, __version__
from flowml.preprocess.compensate import POLICIES
from flowml.safety import file_sha256, printable

if TYPE_CHECKING:
    from flowml.features import CaseFeatures, FeatureTable
    from flowml.models import TrainedModel
    from flowml.quality import Preparation


def describe_run(model: TrainedModel, table: FeatureTable, how: Preparation) -> dict[str, Any]:
    """Say what made the answers.

    Parameters
    ----------
    model : TrainedModel
        The model that was asked.
    table : FeatureTable
        What it was asked about.
    how : Preparation
        How the events of tubes were made ready.

    Returns
    -------
    dict
        Plain values; of files their names relative to the folder given, and their hashes.
    """
    return {
        **made_now(),
        "model": {
            **model.origin,
            "data_kind": model.training.get("data_kind"),
            "entities": list(model.entities),
            "recipe": model.recipe.summary() if model.recipe else None,
            "required": list(model.required),
            "optional": list(model.optional),
            "substitutable": {own: list(s) for own, s in model.substitutable.items()},
        },
        "parameters": {
            "compensation": policy_name(how.compensation),
            "marker_names": None if how.marker_names is None else str(how.marker_names),
            "quality": how.quality,
            "required_probabilities": model.caution.levels.to_dict(),
        },
        "inputs": [input_record(case) for case in table.cases],
    }


def made_now() -> dict[str, Any]:
    """Say when and by what versions a result was made.

    Returns
    -------
    dict
        Plain values, the disclaimer first.
    """
    return {
        "disclaimer": DISCLAIMER,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "flowml": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def policy_name(compensation: str) -> str:
    """Name a compensation policy for the record.

    Parameters
    ----------
    compensation : str
        Policy, or the path of a CSV matrix.

    Returns
    -------
    str
        Of a matrix file, its name and hash, not where it lay.
    """
    if compensation in POLICIES:
        return compensation
    return f"{printable(Path(compensation).name)} (SHA-256 {file_sha256(compensation)})"


def input_record(case: CaseFeatures) -> dict[str, Any]:
    """Say for the record what was read of a case.

    Parameters
    ----------
    case : CaseFeatures
        With its tubes.

    Returns
    -------
    dict
        Plain values.
    """
    tubes = [
        {
            "name": tube.name,
            "sha256": tube.sha256 or None,
            "n_events": tube.n_events,
            "compensation": printable(tube.compensation),
        }
        for tube in case.tubes
    ]
    return {"case_id": case.case_id, "tubes": tubes}
