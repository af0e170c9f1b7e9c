"""What a bundle records of how its model was chosen."""

from __future__ import annotations

from flowml.archive.plain import is_count, is_number
from flowml.models.predictor import KINDS

NUMBERS = ("n_cases", "folds", "variants_tried")


def is_choice(value: object) -> bool:
    """Tell what `flowml.models.choosing` records from anything else that a bundle may hold.

    Parameters
    ----------
    value : object
        None is fine: then nothing was chosen.

    Returns
    -------
    bool
        Whether every part of it is there and of its kind.
    """
    if value is None:
        return True
    if not isinstance(value, dict) or value.get("estimator") not in KINDS:
        return False
    losses, settings = value.get("log_loss"), value.get("settings")
    return (
        isinstance(losses, dict)
        and isinstance(settings, dict)
        and set(losses) <= set(KINDS)
        and all(is_number(each) for each in (*losses.values(), *settings.values()))
        and all(is_count(value.get(key)) for key in NUMBERS)
    )
