"""A classifier of events in one file: a ZIP archive of JSON and numbers, nothing executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from flowml.archive.plain import is_count, is_number, is_texts
from flowml.archive.tables import pack_tables, sized, unpack_tables
from flowml.errors import ModelError
from flowml.gating.learned.model import EventModel
from flowml.gating.learned.network import MOST, NAMES, Network, shapes
from flowml.gating.learned.scores import CELLS
from flowml.gating.learned.values import STORED, View
from flowml.preprocess import TRANSFORMS
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

import numpy as np

TABLES = "tables.bin"
LAYOUT = Layout(
    "flowml-events",
    1,
    "EventClassifier.save",
    "Give a file that EventClassifier.save wrote.",
    {MANIFEST: 1 << 20, DIGEST: 1 << 10, TABLES: 64 << 20},
)


def save_events(model: EventModel, path: Path | str) -> None:
    """Write a classifier of events.

    Parameters
    ----------
    model : EventModel
        Trained.
    path : path-like
        The file appears only when it is whole.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    manifest, tables = described(model)
    write_archive(path, LAYOUT, {TABLES: tables}, manifest)


def described(model: EventModel) -> tuple[dict[str, Any], bytes]:
    """Write a classifier of events as plain values and numbers.

    Parameters
    ----------
    model : EventModel
        Trained.

    Returns
    -------
    manifest : dict
        Plain values.
    tables : bytes
        As `flowml.archive.tables.pack_tables` writes them.
    """
    tables, listing = pack_tables(model.network.parts())
    manifest = {
        "channels": list(model.view.channels),
        "scale": model.view.scale,
        "lineages": list(model.lineages),
        "artefact": model.artefact,
        "threshold": model.threshold,
        "n_hidden": len(model.network.bias1),
        "counts": dict(model.counts),
        "tables": listing,
    }
    return manifest, tables


def load_events(path: Path | str, *, sha256: str | None = None) -> EventModel:
    """Read a classifier of events, and check every part of it.

    Parameters
    ----------
    path : path-like
        The file.
    sha256 : str, optional
        Refuse any file but the one with this hash.

    Returns
    -------
    EventModel
        Gives the same bits as the one that was saved.

    Raises
    ------
    ModelError
        If it is no such file, is damaged, or is not the one that was asked for.
    """
    raw = read_file(Path(path), printable(path), LAYOUT, sha256)
    try:
        members = read_members(raw, LAYOUT)
        manifest = read_manifest_of(members, LAYOUT)
        check_digests(manifest, members, LAYOUT)
        return model_from(manifest, members[TABLES])
    except ModelError as error:
        raise ModelError(
            f"{printable(path)} cannot be used as a classifier of events: {error}"
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{printable(path)} cannot be used as a classifier of events: its manifest lacks "
            f"or misstates {printable(error, 80)}."
        ) from error


def model_from(manifest: Mapping[str, Any], raw: bytes) -> EventModel:
    """Put a classifier together from what `described` wrote; nothing of it is trusted.

    Parameters
    ----------
    manifest : mapping
        Plain values.
    raw : bytes
        Its tables.

    Returns
    -------
    EventModel
        Gives the same bits.

    Raises
    ------
    ModelError
        If a part is not what it should be.
    KeyError, TypeError, AttributeError
        If one is missing, or of another kind.
    """
    tables = unpack_tables(raw, manifest["tables"])
    channels, lineages = _names(manifest, "channels"), _names(manifest, "lineages")
    artefact, scale = manifest["artefact"], manifest["scale"]
    threshold, n_hidden = manifest["threshold"], manifest["n_hidden"]
    counts = manifest["counts"]
    if not isinstance(artefact, str) or {artefact, *lineages} & {CELLS, ""}:
        raise ModelError("its classes have missing names, or those of others.")
    if artefact in lineages:
        raise ModelError("its artefacts and a lineage have the same name.")
    if not isinstance(scale, str) or scale not in {STORED, *TRANSFORMS}:
        raise ModelError(f"its scale {printable(scale, 40)!r} is not one that flowml knows.")
    if not is_number(threshold) or not 0 < threshold <= 1:
        raise ModelError("its threshold is not a probability.")
    if not is_count(n_hidden) or not 0 < n_hidden <= MOST:
        raise ModelError("its layers are of no usable size.")
    if not isinstance(counts, dict) or not all(map(is_count, counts.values())):
        raise ModelError("its counts of events are not counts.")
    wanted = shapes(len(channels), n_hidden, len(lineages))
    parts = sized(tables, NAMES, wanted, (np.float32,) * len(NAMES))
    if set(tables) != set(NAMES):
        raise ModelError("it holds tables that count for nothing.")
    network = Network(*parts)
    if not (network.spread > 0).all():
        raise ModelError("a channel of it has no spread.")
    return EventModel(View(channels, scale), lineages, artefact, threshold, network, counts)


def _names(manifest: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = manifest[key]
    if not is_texts(names) or not 0 < len(set(names)) == len(names) <= MOST:
        raise ModelError(f"its {key} are missing or double.")
    return tuple(names)
