"""What a cohort was drawn from, as one hash."""

from __future__ import annotations

import hashlib

from flowml.errors import FlowmlError
from flowml.knowledge.files import HOME
from flowml.knowledge.simulator import KNOWLEDGE_FILES

SIMULATOR_VERSION = 1  # raised with every change of the code that changes what is drawn


def knowledge_sha256() -> str:
    """Identify the knowledge and the code that a cohort is drawn from.

    A model trained on simulated cases keeps this, and is stale where it differs.

    Returns
    -------
    str
        64 hexadecimal digits: SHA-256 of `SIMULATOR_VERSION` and of the name, size and bytes
        of every file in `flowml.knowledge.simulator.KNOWLEDGE_FILES`.

    Raises
    ------
    FlowmlError
        If a file cannot be read.
    """
    digest = hashlib.sha256(f"simulator {SIMULATOR_VERSION}\n".encode())
    for name in KNOWLEDGE_FILES:
        try:
            content = (HOME / name).read_bytes()
        except OSError as error:
            raise FlowmlError(f"could not read {name}: {error.strerror}.") from error
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
