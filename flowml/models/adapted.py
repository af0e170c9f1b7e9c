"""What a bundle records of the cases that its model was continued on, and what a card says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowml.archive.plain import is_count, is_number, is_share, is_texts
from flowml.models.levels import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "adapted"  # of a training summary: a list, one item for each time
OLD, RECALIBRATED, RESIDUAL = STEPS = ("old", "recalibrated", "residual")
WHAT = {
    OLD: "the old model is kept as it is",
    RECALIBRATED: "its margins are scaled, and each entity has an offset",
    RESIDUAL: "its margins are scaled, each entity has an offset and a linear function of "
    "the standard scores",
}
NOT_MEASURED = (
    "What was lost on cases like the old ones was not measured: none were given (--old-cases). "
    "Ask the model about such cases only once it was."
)
_HOW = (
    "Continued on {n_cases} new cases ({cases}). Taken was the simplest step that was no worse "
    "than the best beyond a standard error, on new cases held out by patient in {folds} parts: "
    "{what}. Levels fixed on these cases: {levels}; the others are no less strict than those "
    "of the old cases. The table of entities counts the training cases of the old model."
)


def is_adapted(value: object) -> bool:
    """Tell the record of adaptations from anything else that a bundle may hold.

    Parameters
    ----------
    value : object
        None is fine: then the model was never continued.

    Returns
    -------
    bool
        Whether every part of it is there and of its kind.
    """
    return value is None or (
        isinstance(value, list) and bool(value) and all(map(_is_adaptation, value))
    )


def _is_adaptation(value: object) -> bool:
    if not isinstance(value, dict) or value.get("step") not in STEPS:
        return False
    cases, tried = value.get("cases"), value.get("tried")
    old, novelty, levels = value.get("old"), value.get("novelty"), value.get("levels")
    offsets = value.get("offsets")
    return (
        all(is_number(value.get(key)) for key in ("scale", "strength"))
        and isinstance(offsets, dict)
        and all(map(is_number, offsets.values()))
        and all(is_count(value.get(key)) for key in ("n_cases", "folds"))
        and isinstance(cases, dict)
        and all(map(is_count, cases.values()))
        and isinstance(tried, list)
        and all(map(_is_tried, tried))
        and isinstance(levels, list)
        and is_texts(levels)
        and set(levels) <= set(ALLOWED)
        and (novelty is None or _are_numbers(novelty, 4))
        and _is_comparison(value.get("new"))
        and (old is None or _is_comparison(old))
    )


def _is_tried(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.get("step") in STEPS
        and is_number(value.get("strength"))
        and is_number(value.get("log_loss"))
    )


def _is_comparison(value: object) -> bool:
    """Tell what `flowml.models.adapting.compared` returns."""
    if not isinstance(value, dict):
        return False
    right, lost = value.get("right"), value.get("right_lost")
    return (
        is_count(value.get("n_cases"))
        and _are_numbers(value.get("log_loss"), 2)
        and isinstance(right, list)
        and len(right) == 2
        and all(map(is_count, right))
        and isinstance(lost, list)
        and len(lost) == 3
        and all(map(is_share, lost))
    )


def _are_numbers(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length and all(map(is_number, value))


def said_of_comparison(found: Mapping[str, Any]) -> str:
    """Say what was won or lost on the same cases.

    Parameters
    ----------
    found : mapping
        As `flowml.models.adapting.compared` gives it.

    Returns
    -------
    str
        A clause for a person.
    """
    (was, now), (loss_was, loss_now) = found["right"], found["log_loss"]
    lost, low, high = found["right_lost"]
    return (
        f"likeliest entity right in {now} of {found['n_cases']} cases, before {was}: "
        f"{-lost:+.1%} of cases (95 % interval {-high:+.1%} to {-low:+.1%}); mean log loss "
        f"{loss_now:.3f}, before {loss_was:.3f}"
    )


def adapted_lines(training: Mapping[str, Any]) -> list[str]:
    """Write the section of the model card.

    Parameters
    ----------
    training : mapping
        The training summary.

    Returns
    -------
    list of str
        Paragraphs; none where the model was never continued.
    """
    found = []
    for each in training.get(KEY, ()):
        cases = ", ".join(f"{n} {name}" for name, n in sorted(each["cases"].items()))
        levels = ", ".join(each["levels"]) or "none"
        said = {**each, "cases": cases, "levels": levels, "what": WHAT[each["step"]]}
        old = each["old"]
        found += [
            _HOW.format(**said),
            _tried(each),
            f"New cases, held out: {said_of_comparison(each['new'])}.",
            f"Old cases: {said_of_comparison(old)}." if old else NOT_MEASURED,
            *_edges(each["novelty"]),
        ]
    return ["## Adapted", *found] if found else []


def _tried(each: Mapping[str, Any]) -> str:
    rows = ["| step | strength of the residual | held-out log loss |", "|---|---|---|"]
    for step in each["tried"]:
        strength = f"{step['strength']:g}" if step["strength"] else ""
        rows.append(f"| {step['step']} | {strength} | {step['log_loss']:.3f} |")
    return "\n".join(rows)


def _edges(novelty: list[float] | None) -> list[str]:
    """Say how far the edges of novelty were moved."""
    if novelty is None or novelty[:2] == novelty[2:]:
        return []
    said = (
        "Edges of novelty were moved outwards to where the new cases lie: unusual from "
        f"{novelty[0]:.2f} to {novelty[2]:.2f}, unlike from {novelty[1]:.2f} to "
        f"{novelty[3]:.2f}. Cases that are like neither are noticed less easily."
    )
    return [said]
