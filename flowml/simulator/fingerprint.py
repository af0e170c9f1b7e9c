"""What a cohort was drawn from, as one hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flowml.errors import FlowmlError
from flowml.knowledge.biology import (
    ENTITIES_FOLDER,
    LEVELS_FILE,
    POPULATIONS_FILE,
    SPECIMENS_FILE,
)
from flowml.knowledge.files import HOME
from flowml.knowledge.hardware import CYTOMETERS_FILE, FLUOROCHROMES_FILE
from flowml.knowledge.panels import PANELS_FOLDER

SIMULATOR_VERSION = 3  # raised with every change of the code that changes what is drawn
# Everything that decides what a cohort holds; the label tree decides the names of its labels.
FILES = (
    "labels.toml",
    LEVELS_FILE,
    POPULATIONS_FILE,
    SPECIMENS_FILE,
    FLUOROCHROMES_FILE,
    CYTOMETERS_FILE,
)
FOLDERS = (ENTITIES_FOLDER, PANELS_FOLDER)


def knowledge_files() -> list[Path]:
    """List the files that decide what a cohort holds.

    Returns
    -------
    list of Path
        Relative to flowml's own folder of knowledge.
    """
    found = [Path(name) for name in FILES]
    for folder in FOLDERS:
        found += sorted(path.relative_to(HOME) for path in (HOME / folder).glob("*.toml"))
    return found


def knowledge_sha256() -> str:
    """Identify the knowledge and the code that a cohort is drawn from.

    A model trained on simulated cases keeps this, and is stale where it differs.

    Returns
    -------
    str
        64 hexadecimal digits: SHA-256 of `SIMULATOR_VERSION` and of the name, size and bytes
        of every one of `knowledge_files`.

    Raises
    ------
    FlowmlError
        If a file cannot be read.
    """
    digest = hashlib.sha256(f"simulator {SIMULATOR_VERSION}\n".encode())
    for path in knowledge_files():
        try:
            content = (HOME / path).read_bytes()
        except OSError as error:
            raise FlowmlError(f"could not read {path.name}: {error.strerror}.") from error
        digest.update(f"{path.as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
