"""Read a gate document, whichever of the known kinds it is."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from flowml.errors import GateError
from flowml.gating.flowjo import ROOT as WORKSPACE
from flowml.gating.flowjo import Workspace, read_workspace
from flowml.gating.gatingml import gatingml_strategy
from flowml.gating.strategy import Strategy
from flowml.gating.tomlfile import read_toml_gates
from flowml.gating.xmltext import checked_text
from flowml.safety import printable

_FIRST_ELEMENT = re.compile(r"<([A-Za-z_][^\s/>]*)")
BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, eq=False)
class GateDocument:
    """A gate document: one strategy for all samples, or one for each.

    Parameters
    ----------
    content : Strategy or Workspace
        What was read of it.
    source : str
        Name of the document, for messages.
    """

    content: Strategy | Workspace
    source: str

    def strategy(self, sample: str = "") -> Strategy:
        """Return the gates of a sample.

        Parameters
        ----------
        sample : str
            Name or file of a sample of a workspace; without meaning for other documents.

        Returns
        -------
        Strategy
            The gates.

        Raises
        ------
        GateError
            If a workspace lacks the sample, or holds several and none is named.
        """
        return (
            self.content
            if isinstance(self.content, Strategy)
            else self.content.strategy(sample)
        )


def read_gates(path: Path | str, sample: str = "") -> Strategy:
    """Read a gating strategy.

    Parameters
    ----------
    path : path-like
        Our own file (``.toml``), a Gating-ML 2.0 document (XML) or a workspace of FlowJo 10
        (``.wsp``).
    sample : str
        Whose gates, by name or file, where a workspace holds those of several samples.

    Returns
    -------
    Strategy
        The gates in the order of the document.

    Raises
    ------
    GateError
        If the file is none of these, says something that cannot be read exactly, or lacks the
        sample.
    """
    return read_gate_document(path).strategy(sample)


def read_gate_document(path: Path | str) -> GateDocument:
    """Read a gate document, to be asked for the gates of samples.

    Parameters
    ----------
    path : path-like
        As `read_gates` takes it.

    Returns
    -------
    GateDocument
        Of a workspace only the outline was read.

    Raises
    ------
    GateError
        If the file is no gate document, or says something that cannot be read exactly.
    """
    file = Path(path)
    where = printable(file.name)
    if file.suffix.casefold() == ".toml":
        return GateDocument(read_toml_gates(file), where)
    if not _looks_like_xml(file):
        raise GateError(
            f"{where} is not a gate document; expected a .toml file, Gating-ML 2.0 (XML) or a "
            "workspace of FlowJo 10 (.wsp)."
        )
    text = checked_text(file, where)
    start = _FIRST_ELEMENT.search(text)
    if start is not None and start[1] == WORKSPACE:
        return GateDocument(read_workspace(text, where), where)
    return GateDocument(gatingml_strategy(text, where), where)


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
