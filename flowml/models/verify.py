"""Is a model file what it says it is: one check after another, each with what was found."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import ModelError
from flowml.models.bundle import load_model, read_manifest, save_model
from flowml.models.trees import LEAF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.models.trained import TrainedModel

TRIED = 32  # made-up cases on which the parts of a model must agree
MISSING = 0.2  # share of their values
SEED = 20_261_127
AGREEMENT = 1e-9  # of margins that are added up in another order


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    name : str
        What.
    passed : bool
        Whether it is so.
    found : str
        What was found.
    """

    name: str
    passed: bool
    found: str


def verify_model(path: Path | str, *, sha256: str | None = None) -> list[Check]:
    """Check a model file in every way that needs no cases.

    Parameters
    ----------
    path : path-like
        As of `flowml.models.load_model`.
    sha256 : str, optional
        The hash that the file should have.

    Returns
    -------
    list of Check
        Up to the first one without which the others mean nothing.
    """
    try:
        model = load_model(path, sha256=sha256)
        manifest = read_manifest(path)
    except ModelError as error:
        return [Check("file", passed=False, found=str(error))]
    rows = _made_up(model)
    return [
        Check("file", passed=True, found=_identity(model, sha256)),
        Check("members", passed=True, found=_members(manifest)),
        Check("manifest", passed=True, found=_summary(model, manifest)),
        _trees_as_written(model, rows),
        _adds_up(model, rows),
        _same_after_saving(model, rows),
    ]


def _identity(model: TrainedModel, sha256: str | None) -> str:
    asked = ", the one that was asked for" if sha256 else "; compare it, or give --model-sha256"
    return f"SHA-256 {model.origin['sha256']}{asked}"


def _members(manifest: dict[str, Any]) -> str:
    names = ", ".join(manifest["members"])
    return f"{names} and the manifest match their digests and are within their limits"


def _summary(model: TrainedModel, manifest: dict[str, Any]) -> str:
    return (
        f"format version {manifest['format_version']}, {len(model.entities)} entities, "
        f"{len(model.feature_names)} features, recipe and training summary sound"
    )


def _made_up(model: TrainedModel) -> NDArray[np.float32]:
    """Return made-up cases whose values lie on, just below and far from the cuts of trees."""
    random = np.random.default_rng(SEED)
    trees = model.predictor.trees
    rows = random.random((TRIED, len(model.feature_names)), np.float32)
    for row in rows:
        if trees is not None:
            order = random.permutation(np.flatnonzero(trees.left != LEAF))
            row[trees.feature[order]] = trees.threshold[order]
        below = random.random(len(row)) < 0.5
        row[below] = np.nextafter(row[below], np.float32(-np.inf))
        row[random.random(len(row)) < MISSING] = np.nan
    rows[0] = np.nan
    return rows


def _trees_as_written(model: TrainedModel, rows: NDArray[np.float32]) -> Check:
    """Walk the document's trees node by node, and compare with numpy's walk of the arrays."""
    predictor = model.predictor
    if predictor.trees is None:
        return Check("trees", passed=True, found="there are none")
    written = json.loads(predictor.document)["learner"]["gradient_booster"]["model"]
    margins = np.tile(predictor.trees.base, (len(rows), 1))
    counted = rows if predictor.columns is None else rows[:, predictor.columns]
    for tree, label in zip(written["trees"], written["tree_info"], strict=True):
        for number, row in enumerate(counted):
            margins[number, label] += _walked(tree, row)
    same = margins.tobytes() == predictor.trees.margins(rows).tobytes()
    n = len(written["trees"])
    found = f"{n} trees give {'the same' if same else 'other'} bits as their document on "
    return Check("trees", same, f"{found}{len(rows)} made-up cases")


def _walked(tree: dict[str, Any], row: NDArray[np.float32]) -> np.float32:
    node = 0
    while tree["left_children"][node] != LEAF:
        value = row[tree["split_indices"][node]]
        if np.isnan(value):
            is_left = bool(tree["default_left"][node])
        else:
            is_left = bool(value < np.float32(tree["split_conditions"][node]))
        node = tree["left_children" if is_left else "right_children"][node]
    return np.float32(tree["split_conditions"][node])


def _adds_up(model: TrainedModel, rows: NDArray[np.float32]) -> Check:
    """Hold contributions against margins: both come from the same trees, by other ways."""
    margins = model.predictor.margins(rows)
    apart = max(
        float(np.abs(model.contributions(row).margins - margin).max())
        for row, margin in zip(rows, margins, strict=True)
    )
    size = max(1.0, float(np.abs(margins).max()))
    found = f"contributions and margins differ by {apart:.1e} at most"
    return Check("contributions", apart <= AGREEMENT * size, found)


def _same_after_saving(model: TrainedModel, rows: NDArray[np.float32]) -> Check:
    """Save the model, load it, and compare its answers bit by bit."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.flowml"
        save_model(model, copy)
        again = load_model(copy)
    answers = [each.predict_proba(rows).tobytes() for each in (model, again)]
    same = answers[0] == answers[1] and model.feature_names == again.feature_names
    found = f"{'the same' if same else 'other'} bits on {len(rows)} made-up cases"
    return Check("saved and loaded", same, found)
