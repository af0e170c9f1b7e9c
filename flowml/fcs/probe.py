"""A data set as its TEXT describes it: layout, channels, amplifiers; no events are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from flowml.fcs.channels import Amplifier, describe_channels
from flowml.fcs.data import FileSource, Stamp
from flowml.fcs.layout import Layout, find_layout
from flowml.fcs.tail import tail_findings
from flowml.findings import Finding
from flowml.records import Channel

if TYPE_CHECKING:
    from pathlib import Path

    from flowml.fcs.chain import DataSet
    from flowml.fcs.text import Keywords


@dataclass(frozen=True, eq=False)
class Probe:
    """A data set as its TEXT segment describes it.

    Parameters
    ----------
    version : str
        ``FCS2.0`` to ``FCS3.2``.
    keywords : dict of str to str
        TEXT segment.
    layout : Layout
        Where the events are and how they are written.
    channels : tuple of Channel
        One for each column.
    amplifiers : tuple of Amplifier
        How each channel's values become linear.
    findings : tuple of Finding
        What was odd so far.
    stamp : tuple of int
        Size and time of the last change of the file.
    """

    version: str
    keywords: Keywords
    layout: Layout
    channels: tuple[Channel, ...]
    amplifiers: tuple[Amplifier, ...]
    findings: tuple[Finding, ...]
    stamp: Stamp

    def source(self, path: Path) -> FileSource:
        """Say where the events are; they stay in the file until they are asked for.

        Parameters
        ----------
        path : Path
            The file.

        Returns
        -------
        FileSource
            Streams them.
        """
        return FileSource(path, self.layout, self.amplifiers, self.stamp)


def describe(stream: BinaryIO, dataset: DataSet, stamp: Stamp) -> Probe:
    """Prove where the events of a data set are, and name its channels.

    Parameters
    ----------
    stream : binary file
        The file.
    dataset : DataSet
        HEADER and TEXT.
    stamp : tuple of int
        Size and time of the last change of the file.

    Returns
    -------
    Probe
        The description.

    Raises
    ------
    FcsError
        If the data set cannot be read exactly.
    """
    until = stamp[0] if dataset.next_start is None else dataset.next_start
    layout, repairs = find_layout(dataset.keywords, dataset.header, dataset.start, until)
    tail = tail_findings(stream, dataset, layout, until)
    channels, amplifiers, oddities = describe_channels(dataset.keywords, layout.fields)
    return Probe(
        version=dataset.header.version,
        keywords=dataset.keywords,
        layout=layout,
        channels=channels,
        amplifiers=amplifiers,
        findings=(*dataset.findings, *repairs, *tail, *oddities),
        stamp=stamp,
    )
