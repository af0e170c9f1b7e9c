"""Read a gate document, whichever of the known kinds it is."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import GateError
from flowml.gating.tomlfile import read_toml_gates
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.gating.strategy import Strategy

BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_gates(path: Path | str) -> Strategy:
    """Read a gating strategy.

    Parameters
    ----------
    path : path-like
        Our own file (``.toml``) or a Gating-ML 2.0 document (XML).

    Returns
    -------
    Strategy
        The gates in the order of the document.

    Raises
    ------
    GateError
        If the file is neither, or says something that cannot be read exactly.
    """
    file = Path(path)
    if file.suffix.casefold() == ".toml":
        return read_toml_gates(file)
    if not _looks_like_xml(file):
        raise GateError(
            f"{printable(file.name)} is not a gate document; expected a .toml file or "
            "Gating-ML 2.0 (XML)."
        )
    from flowml.gating.gatingml import read_gatingml  # heavy: imports FlowKit

    return read_gatingml(file)


def _looks_like_xml(file: Path) -> bool:
    """Say whether a file starts like XML in an encoding of one or two bytes a character."""
    try:
        with file.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        raise GateError(f"could not read {printable(file.name)}: {error.strerror}.") from error
    for mark in BYTE_ORDER_MARKS:
        start = start.removeprefix(mark)
    return start.lstrip(b" \t\r\n\0").startswith(b"<")
