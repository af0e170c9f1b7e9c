"""A model shown: its identity, what it needs, its settings, and its card."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowml.about import DISCLAIMER
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.models import TrainedModel
    from flowml.models.verify import Check

# told in other words, or too long to be read; everything else of a manifest is a setting
_TOLD = (
    "entities", "feature_names", "flowml_version", "format", "format_version", "members",
    "recipe", "recipe_sha256", "training",
)  # fmt: skip
LONGEST = 100  # characters of a value
MOST_ITEMS = 60  # of a list or a table


def model_document(model: TrainedModel, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model is, as plain values.

    Parameters
    ----------
    model : TrainedModel
        Loaded, and so checked.
    manifest : mapping
        Its own, as `flowml.models.read_manifest` gives it.

    Returns
    -------
    dict
        With the settings of the manifest as they are there; ``card`` is Markdown.
    """
    return {
        "disclaimer": DISCLAIMER,
        **model.origin,
        "format_version": manifest["format_version"],
        "written_by": f"flowml {manifest['flowml_version']}",
        "members": dict(manifest["members"]),
        "data_kind": model.training["data_kind"],
        "entities": {
            e.name: {"lineage": e.lineage, "category": e.category, "answer": e.answer}
            for e in model.tree.entities.values()
        },
        "n_features": len(model.feature_names),
        "required": list(model.required),
        "optional": list(model.optional),
        "substitutable": {own: list(others) for own, others in model.substitutable.items()},
        "results": list(model.results),
        "recipe": model.recipe.summary() if model.recipe else None,
        "settings": {k: v for k, v in manifest.items() if k not in _TOLD},
        "card": model.card,
    }


def model_text(document: Mapping[str, Any]) -> str:
    """Show a model for a terminal.

    Parameters
    ----------
    document : mapping
        As `model_document` gives it.

    Returns
    -------
    str
        A table of what it is, then the card.
    """
    rows = [
        (key.replace("_", " "), value if isinstance(value, str) else _short(value))
        for key, value in document.items()
        if key not in {"card", "disclaimer", "settings", "members"}
    ]
    rows += [(f"digest of {name}", value) for name, value in document["members"].items()]
    rows += [(name.replace("_", " "), _short(v)) for name, v in document["settings"].items()]
    width = max(len(printable(name, LONGEST)) for name, _ in rows)
    lines = [f"{printable(n, LONGEST).ljust(width)}  {printable(v, 2000)}" for n, v in rows]
    card = "\n".join(printable(line, 2000) for line in document["card"].splitlines())
    return "\n".join([*(line.rstrip() for line in lines), "", card])


def _short(value: Any) -> str:
    """Write plain values in a line; what is long by its length, tables by their keys."""
    if isinstance(value, (dict, list)) and len(value) > MOST_ITEMS:
        return f"{len(value)} values"
    if isinstance(value, dict):
        items = (
            key if isinstance(item, dict) else f"{key} {_short(item)}"
            for key, item in value.items()
        )
        return ", ".join(items) or "none"
    if isinstance(value, list):
        return ", ".join(map(_short, value)) or "none"
    return "none" if value is None else printable(value, LONGEST)


def checks_text(checks: Sequence[Check]) -> str:
    """Show the checks of a model, one line each.

    Parameters
    ----------
    checks : sequence of Check
        As `flowml.models.verify.verify_model` gives them.

    Returns
    -------
    str
        For a terminal.
    """
    names = max(len(check.name) for check in checks)
    lines = [
        f"{'ok    ' if check.passed else 'FAILED'}  {check.name.ljust(names)}  "
        f"{printable(check.found, 600)}"
        for check in checks
    ]
    return "\n".join(lines)


def checks_document(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the checks of a model as plain values.

    Parameters
    ----------
    checks : sequence of Check
        As `flowml.models.verify.verify_model` gives them.

    Returns
    -------
    dict
        ``passed`` tells whether all of them did.
    """
    return {
        "passed": all(check.passed for check in checks),
        "checks": [asdict(check) for check in checks],
    }
