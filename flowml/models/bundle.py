"""A model in one file: a ZIP archive of JSON, numbers and Markdown, checked before it is used.

Members: ``manifest.json`` (format, recipe, label tree, thresholds, training summary, versions,
SHA-256 of every other member), ``manifest.sha256`` (digest of the manifest), ``trees.json``
(xgboost's own JSON; empty without trees), ``tables.bin`` (arrays, `flowml.archive.tables`) and
``card.md``. Nothing in it is executed or unpickled.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, cast

from flowml.archive.members import (
    DIGEST,
    MANIFEST,
    Layout,
    check_digests,
    read_file,
    read_manifest_of,
    read_members,
    write_archive,
)
from flowml.archive.plain import is_count, is_number
from flowml.archive.tables import pack_tables, unpack_tables
from flowml.errors import FlowmlError, ModelError
from flowml.features import FittedRecipe
from flowml.knowledge.labels import LabelTree, label_tree_from
from flowml.models.absence import is_absence
from flowml.models.adapted import KEY as ADAPTED
from flowml.models.adapted import is_adapted
from flowml.models.caution import caution_from
from flowml.models.panels import is_panel_record
from flowml.models.predictor import predictor_from
from flowml.models.record import is_choice
from flowml.models.standin import is_stand_ins
from flowml.models.trained import TrainedModel
from flowml.models.unsure import check_populations, is_population_record
from flowml.safety import printable

TREES, TABLES, CARD = "trees.json", "tables.bin", "card.md"
MEMBERS = (MANIFEST, DIGEST, TREES, TABLES, CARD)
# In bytes. A file of 200 kB may unpack to as much; JSON takes up to 15 times that in memory.
LARGEST = {
    MANIFEST: 16 << 20,
    DIGEST: 1 << 10,
    TREES: 64 << 20,
    TABLES: 256 << 20,
    CARD: 1 << 20,
}
MOST_FEATURES = 1_000_000
DEMO = "demo"
ADVICE = (
    f"Give a file that 'flowml train' wrote, or '{DEMO}' for the bundled demonstration model."
)
LAYOUT = Layout("flowml-model", 3, "'flowml train'", ADVICE, LARGEST)


def save_model(model: TrainedModel, path: Path | str) -> None:
    """Write a model as one file.

    Parameters
    ----------
    model : TrainedModel
        Anything.
    path : path-like
        Usually ends in ``.flowml``; the file appears only when it is whole.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ModelError
        If a part of it would be too large to be read again.
    """
    tables, listing = pack_tables(model.predictor.tables() | model.caution.tables())
    members = {TREES: model.predictor.document, TABLES: tables, CARD: model.card.encode()}
    manifest = {
        "feature_names": list(model.feature_names),
        "entities": model.tree.to_list(),
        "recipe": model.recipe.to_dict() if model.recipe else None,
        "recipe_sha256": model.recipe.sha256 if model.recipe else None,
        "weights": list(model.predictor.weights),
        "shifts": list(model.predictor.shifts),
        "caution": model.caution.to_dict(),
        "tables": listing,
        "training": dict(model.training),
    }
    write_archive(path, LAYOUT, members, manifest)


def load_model(path: Path | str, *, sha256: str | None = None) -> TrainedModel:
    """Read a model, and check it before anything of it is used.

    Parameters
    ----------
    path : path-like
        A file that `save_model` wrote; ``demo`` means the bundled demonstration model.
    sha256 : str, optional
        Refuse any file but the one with this hash.

    Returns
    -------
    TrainedModel
        Ready to classify.

    Raises
    ------
    ModelError
        If the file is not a model, is damaged, or is not the one that was asked for.
    """
    file = demo_model() if str(path) == DEMO else Path(path)
    raw = read_file(file, printable(path), LAYOUT, sha256)
    try:
        model = _from_members(read_members(raw, LAYOUT))
    except ModelError as error:
        raise ModelError(f"{printable(path)} cannot be used as a model: {error}") from error
    origin = {"file": printable(file.name), "sha256": hashlib.sha256(raw).hexdigest()}
    return replace(model, origin=origin)


def read_manifest(path: Path | str) -> dict[str, Any]:
    """Read the manifest of a model, as it stands in the file, after all checks.

    Parameters
    ----------
    path : path-like
        As of `load_model`.

    Returns
    -------
    dict
        Plain values.

    Raises
    ------
    ModelError
        If the file is not a model, or is damaged.
    """
    load_model(path)
    file = demo_model() if str(path) == DEMO else Path(path)
    return read_manifest_of(read_members(file.read_bytes(), LAYOUT), LAYOUT)


def demo_model() -> Path:
    """Return the path of the bundled demonstration model.

    Returns
    -------
    Path
        Trained on simulated cases only.
    """
    return Path(str(resources.files("flowml.models") / "demo.flowml"))


def _from_members(members: dict[str, bytes]) -> TrainedModel:
    manifest = read_manifest_of(members, LAYOUT)
    try:
        return _checked(manifest, members)
    except ModelError:
        raise
    except FlowmlError as error:
        raise ModelError(str(error)) from error
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ModelError(f"its manifest lacks or misstates {printable(error, 80)}.") from error


def _checked(manifest: dict[str, Any], members: dict[str, bytes]) -> TrainedModel:
    """Put a model together, checking every part of it."""
    check_digests(manifest, members, LAYOUT)
    tree = _label_tree(manifest["entities"])
    names = _feature_names(manifest)
    tables = unpack_tables(members[TABLES], manifest["tables"])
    sizes = len(names), len(tree.entities)
    model = TrainedModel(
        feature_names=names,
        tree=tree,
        predictor=predictor_from(_pool(manifest), members[TREES], tables, *sizes),
        caution=caution_from(manifest["caution"], tables, *sizes),
        recipe=_recipe(manifest),
        training=_training(manifest["training"]),
        card=members[CARD].decode("utf-8"),
    )
    check_populations(names, model.recipe, model.training)
    if set(tables) != set(model.predictor.tables() | model.caution.tables()):
        raise ModelError("it holds tables that count for nothing.")
    return model


def _pool(manifest: dict[str, Any]) -> tuple[object, object]:
    return manifest["weights"], manifest["shifts"]


def _feature_names(manifest: dict[str, Any]) -> tuple[str, ...]:
    names = manifest["feature_names"]
    usable = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not usable or not 0 < len(set(names)) == len(names) <= MOST_FEATURES:
        raise ModelError("its feature names are missing or double.")
    return tuple(names)


def _label_tree(items: object) -> LabelTree:
    """Return the entities, after checking that every field is of its type."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ModelError("its entities are not a list of objects.")
    for item in items:
        texts = [value for key, value in item.items() if key not in ("urgent", "aliases")]
        aliases = item.get("aliases", [])
        if not (
            all(isinstance(text, str) for text in texts)
            and isinstance(item.get("urgent", False), bool)
            and isinstance(aliases, list)
            and all(isinstance(alias, str) for alias in aliases)
        ):
            raise ModelError("an entity has a field of a wrong type.")
    tree = label_tree_from(items, MANIFEST)
    if not len(tree.entities) == len(items) >= 2:
        raise ModelError("its entities are double, or fewer than two.")
    return tree


def _recipe(manifest: dict[str, Any]) -> FittedRecipe | None:
    values, digest = manifest["recipe"], manifest["recipe_sha256"]
    recipe = None if values is None else FittedRecipe.from_dict(values)
    if digest != (recipe.sha256 if recipe else None):
        raise ModelError("its recipe does not match its digest.")
    return recipe


def _training(value: object) -> dict[str, Any]:
    """Check the training summary, which new cases are held against."""
    try:
        training = cast("dict[str, Any]", value)
        usable = (
            all(is_count(n) for n in training.get("cases", {}).values())
            and all(_is_scale(pair) for pair in training.get("scales", {}).values())
            and all(isinstance(state, bool) for state in _list(training, "compensated"))
            and all(isinstance(digest, str) for digest in _list(training, "inputs"))
            and is_absence(training.get("absence"))
            and is_panel_record(training)
            and is_population_record(training)
            and is_stand_ins(training.get("stand_ins"))
            and is_choice(training.get("choice"))
            and is_adapted(training.get(ADAPTED))
        )
    except (AttributeError, TypeError):
        usable = False
    if not usable:
        raise ModelError("its training summary is not one that flowml wrote.")
    return training


def _list(training: dict[str, Any], key: str) -> list[Any]:
    value = training.get(key, [])
    if not isinstance(value, list):
        raise TypeError(key)
    return value


def _is_scale(pair: object) -> bool:
    """Tell lowest and highest top of a marker's scale from anything else."""
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    return all(map(is_number, pair)) and bool(0 < pair[0] <= pair[1])
