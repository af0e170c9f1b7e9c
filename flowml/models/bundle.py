"""A model in one file: a ZIP archive of JSON, numbers and Markdown, checked before it is used.

Members: ``manifest.json`` (format, recipe, label tree, thresholds, training summary, versions,
SHA-256 of every other member), ``manifest.sha256`` (digest of the manifest), ``trees.json``
(xgboost's own JSON; empty without trees), ``tables.bin`` (arrays, `flowml.models.tables`) and
``card.md``. Nothing in it is executed or unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, cast

from flowml.about import __version__
from flowml.errors import FlowmlError, ModelError
from flowml.features import FittedRecipe
from flowml.knowledge.labels import LabelTree, label_tree_from
from flowml.models.absence import is_absence
from flowml.models.adapted import KEY as ADAPTED
from flowml.models.adapted import is_adapted
from flowml.models.caution import caution_from
from flowml.models.panels import is_panel_record
from flowml.models.plain import is_count, is_number
from flowml.models.predictor import predictor_from
from flowml.models.record import is_choice
from flowml.models.standin import is_stand_ins
from flowml.models.tables import pack_tables, unpack_tables
from flowml.models.trained import TrainedModel
from flowml.safety import printable, written_aside

FORMAT = "flowml-model"
FORMAT_VERSION = 3
MANIFEST, DIGEST, TREES = "manifest.json", "manifest.sha256", "trees.json"
TABLES, CARD = "tables.bin", "card.md"
MEMBERS = (MANIFEST, DIGEST, TREES, TABLES, CARD)
# In bytes. A file of 200 kB may unpack to as much; JSON takes up to 15 times that in memory.
LARGEST = {
    MANIFEST: 16 << 20,
    DIGEST: 1 << 10,
    TREES: 64 << 20,
    TABLES: 256 << 20,
    CARD: 1 << 20,
}
COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MOST_FEATURES = 1_000_000
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same model is the same file, whenever it is written
DEMO = "demo"
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
    ValueError, struct.error,
)  # fmt: skip


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
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "flowml_version": __version__,
        "feature_names": list(model.feature_names),
        "entities": model.tree.to_list(),
        "recipe": model.recipe.to_dict() if model.recipe else None,
        "recipe_sha256": model.recipe.sha256 if model.recipe else None,
        "weights": list(model.predictor.weights),
        "shifts": list(model.predictor.shifts),
        "caution": model.caution.to_dict(),
        "tables": listing,
        "training": dict(model.training),
        "members": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    members[MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True).encode()
    members[DIGEST] = hashlib.sha256(members[MANIFEST]).hexdigest().encode()
    _refuse_too_large({name: len(data) for name, data in members.items()})
    with written_aside(path) as aside, zipfile.ZipFile(aside, "w") as archive:
        for name in MEMBERS:
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name])


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
    if not file.is_file():
        what = "is a folder, not a model file" if file.is_dir() else "is not there"
        raise ModelError(
            f"the model {printable(path)} {what}. Give a file that 'flowml train' wrote, or "
            f"'{DEMO}' for the bundled demonstration model."
        )
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ModelError(f"could not read {printable(path)}: {error.strerror}.") from error
    found = hashlib.sha256(raw).hexdigest()
    if sha256 is not None and found != sha256.strip().lower():
        raise ModelError(
            f"{printable(path)} has SHA-256 {found}, expected {printable(sha256)}: it is not "
            "the model that was asked for. Get that one, or drop the hash."
        )
    try:
        model = _from_members(_read_members(raw))
        return replace(model, origin={"file": printable(file.name), "sha256": found})
    except ModelError as error:
        raise ModelError(f"{printable(path)} cannot be used as a model: {error}") from error


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
    return _read_manifest(_read_members(file.read_bytes())[MANIFEST])


def demo_model() -> Path:
    """Return the path of the bundled demonstration model.

    Returns
    -------
    Path
        Trained on simulated cases only.
    """
    return Path(str(resources.files("flowml.models") / "demo.flowml"))


def _read_members(raw: bytes) -> dict[str, bytes]:
    """Unpack the archive, within limits, and check its digests."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            if set(infos) != set(MEMBERS) or len(archive.infolist()) != len(MEMBERS):
                raise ModelError(
                    "it is an archive, but not of a model that this flowml wrote: an earlier "
                    "version's must be trained anew."
                )
            _refuse_too_large({name: info.file_size for name, info in infos.items()})
            if any(info.compress_type not in COMPRESSION for info in infos.values()):
                raise ModelError("it is compressed in a way that flowml does not write.")
            members = {name: archive.read(infos[name]) for name in MEMBERS}
    except _DAMAGED as error:
        raise ModelError(
            "it is not a file that 'flowml train' wrote, or is damaged."
        ) from error
    if hashlib.sha256(members[MANIFEST]).hexdigest().encode() != members[DIGEST].strip():
        raise ModelError("its manifest does not match its digest: the file is damaged.")
    return members


def _refuse_too_large(sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        if size > LARGEST[name]:
            raise ModelError(f"{name} in it is larger than {LARGEST[name]} bytes.")


def _from_members(members: dict[str, bytes]) -> TrainedModel:
    manifest = _read_manifest(members[MANIFEST])
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
    for name, digest in manifest["members"].items():
        if hashlib.sha256(members[name]).hexdigest() != digest:
            raise ModelError(f"{name} does not match its digest: the file is damaged.")
    if set(manifest["members"]) != {TREES, TABLES, CARD}:
        raise ModelError("its manifest does not cover all of its parts.")
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
    if set(tables) != set(model.predictor.tables() | model.caution.tables()):
        raise ModelError("it holds tables that count for nothing.")
    return model


def _read_manifest(raw: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelError("its manifest is not JSON.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelError("its manifest is not that of a flowml model.")
    if not isinstance(manifest.get("flowml_version"), str):
        raise ModelError("its manifest does not say which flowml wrote it.")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"its format is version {printable(manifest.get('format_version'), 20)}; this "
            f"flowml ({__version__}) reads version {FORMAT_VERSION}."
        )
    return manifest


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
