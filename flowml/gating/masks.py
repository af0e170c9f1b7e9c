"""Masks of populations in a file: which events of a sample belong to which, a bit each.

A line ``flowml masks 1``, a line of JSON with ``n_events`` and, in order, the ``populations``
(``name``, ``parent``), then the masks one after another, each of ceil(n_events / 8) bytes:
event 0 is the lowest bit of the first byte. Nothing else stands in the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from flowml.errors import GateError
from flowml.gating.populations import Populations
from flowml.safety import printable, written_aside

MAGIC = b"flowml masks 1\n"
LONGEST_HEADER = 16 << 20  # bytes; names of thousands of populations, however long
ENDING = ".masks"


def write_masks(populations: Populations, path: Path | str) -> None:
    """Write the masks of a sample's populations.

    Parameters
    ----------
    populations : Populations
        Scores and findings are not written.
    path : path-like
        The file appears only when it is whole.

    Raises
    ------
    OutputError
        If it cannot be written.
    GateError
        If the names are too long to be read again.
    """
    names = list(populations.masks)
    header = {
        "n_events": populations.n_events,
        "populations": [{"name": name, "parent": populations.parent(name)} for name in names],
    }
    line = json.dumps(header).encode("ascii") + b"\n"
    if len(line) > LONGEST_HEADER:
        raise GateError(
            f"the names of the populations take {len(line)} bytes in a file of masks; expected "
            f"at most {LONGEST_HEADER}. Shorten them."
        )
    with written_aside(path) as aside, aside.open("wb") as stream:
        stream.write(MAGIC + line)
        for mask in populations.masks.values():
            stream.write(np.packbits(mask, bitorder="little").tobytes())


def read_masks(path: Path | str) -> Populations:
    """Read masks that `write_masks` wrote.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Populations
        Masks and parents.

    Raises
    ------
    GateError
        If the file is not one of masks, or not whole.
    """
    where = printable(Path(path).name)
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as stream:
            is_ours = stream.read(len(MAGIC)) == MAGIC
            header = stream.readline(LONGEST_HEADER) if is_ours else b""
            n_events, parents = _header(header, where)
            n_bytes = -(-n_events // 8)
            expected = len(MAGIC) + len(header) + n_bytes * len(parents)
            if size != expected:  # before anything is allocated
                raise GateError(f"{where} has {size} bytes; its header needs {expected}.")
            packed = np.frombuffer(stream.read(), np.uint8).reshape(len(parents), n_bytes)
    except OSError as error:
        raise GateError(f"could not read {where}: {error.strerror}.") from error
    masks = {
        name: np.unpackbits(bits, count=n_events, bitorder="little").astype(bool)
        for name, bits in zip(parents, packed, strict=True)
    }
    found = Populations(masks, parents)
    for name, mask in masks.items():
        if (parent := found.parent(name)) and (mask & ~masks[parent]).any():
            raise GateError(
                f"{where} has events of {printable(name)!r} that are not of its parent "
                f"{printable(parent)!r}; expected masks as flowml writes them."
            )
    return found


def _header(line: bytes, where: str) -> tuple[int, dict[str, str]]:
    """Return the number of events, and the parent of each population."""
    try:
        header: Any = json.loads(line)
        n_events = header["n_events"]
        parents = {item["name"]: item["parent"] for item in header["populations"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise GateError(
            f"{where} is not a file of masks; expected one that flowml wrote."
        ) from None
    texts = all(isinstance(text, str) for pair in parents.items() for text in pair)
    if type(n_events) is not int or n_events < 0 or not texts or (n_events and not parents):
        raise GateError(f"{where} has a header that makes no sense; expected events and names.")
    return n_events, parents
