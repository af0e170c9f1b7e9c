"""Whether files are whole, what is odd about them, and which are copies of one another."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from flowml.cases import fetched
from flowml.errors import FcsError
from flowml.fcs import read_all, read_fcs
from flowml.fcs.data import FileSource
from flowml.findings import Finding, Severity
from flowml.knowledge.marker_names import MarkerNames
from flowml.quality import TubeQuality
from flowml.records import RemoteFile, Sample
from flowml.reports.codes import REFUSED, any_wrong, code_table, findings_document
from flowml.reports.inspection import NamedFile
from flowml.reports.quality import (
    quality_document,
    quality_findings,
    quality_text,
    tube_quality,
)
from flowml.reports.results import csv_text
from flowml.safety import printable

COLUMNS = (
    "file", "status", "n_events", "n_channels", "n_datasets", "findings", "code", "error"
)  # fmt: skip
COPY_CODE, COPY_MEANING = "FILE-COPY", "another file holds the same events"
SAMPLE_SIZE, CHUNK = 4096, 1 << 20  # bytes
MOST_NAMED = 3  # copies in a message


class Status(StrEnum):
    """What is to be thought of a file."""

    INTACT = "intact"
    LOOK = "findings to look at"
    UNUSABLE = "cannot be used"


@dataclass(frozen=True)
class FileCheck:
    """Whether a file is whole, and what is odd about it.

    Parameters
    ----------
    name : str
        Path relative to the folder given.
    path : Path or RemoteFile
        The file.
    error, code : str
        Why it cannot be used; empty if it can.
    n_events, n_channels : int
        Of the data set that is read unless another is asked for.
    n_datasets : int
        Data sets of the file.
    findings : tuple of Finding
        What was noticed.
    data : tuple of int
        First byte and number of bytes of the events; 0, 0 where there are none.
    quality : TubeQuality or None
        What the checks of the measurement say; None where they were not asked for.
    """

    name: str
    path: Path | RemoteFile
    error: str = ""
    code: str = ""
    n_events: int = 0
    n_channels: int = 0
    n_datasets: int = 0
    findings: tuple[Finding, ...] = ()
    data: tuple[int, int] = (0, 0)
    quality: TubeQuality | None = None

    @property
    def status(self) -> Status:
        """What is to be thought of the file."""
        if self.error:
            return Status.UNUSABLE
        return Status.LOOK if self.notable else Status.INTACT

    @property
    def notable(self) -> tuple[Finding, ...]:
        """The findings above ``info``."""
        return tuple(item for item in self.findings if item.severity is not Severity.INFO)


def check_file(
    file: NamedFile,
    *,
    values: bool = False,
    marker_names: MarkerNames | None = None,
    quality: bool = False,
    compensation: str = "auto",
) -> FileCheck:
    """Check that every data set of a file is whole.

    Parameters
    ----------
    file : tuple of Path or RemoteFile, and str
        The file, and how it is called in the output.
    values : bool
        Whether to read the events too, to find values that are NaN or that a mask cuts.
    marker_names : MarkerNames, optional
        A laboratory's own names.
    quality : bool
        Whether to read the events too, and to check the measurement.
    compensation : str
        Policy by which that is done, as in `flowml.preprocess.choose_unmixing`.

    Returns
    -------
    FileCheck
        With an `error` if any data set cannot be read.
    """
    path, name = file
    found = FileCheck(name, path)
    try:
        with fetched(path) as near:
            sample = read_fcs(near, name=name, marker_names=marker_names)
            checked = tube_quality(sample, compensation) if quality else None
            findings = sample.findings if values or quality else sample.noticed
            if checked is not None:
                findings = (*findings, *quality_findings(checked, findings))
            found = replace(
                found,
                n_events=sample.n_events,
                n_channels=len(sample.channels),
                findings=findings,
                data=_data_of(sample),
                quality=checked,
            )
            return replace(found, n_datasets=_count_datasets(near, sample))
    except FcsError as error:
        return replace(found, error=str(error), code=error.code)


def _data_of(sample: Sample) -> tuple[int, int]:
    source = sample.source
    if not isinstance(source, FileSource) or source.layout.size == 0:
        return 0, 0
    return source.layout.offset, source.layout.size


def _count_datasets(path: Path, sample: Sample) -> int:
    """Walk through the data sets; an FcsError says which of them is damaged."""
    if not any(item.code.startswith("FCS-DATASET") for item in sample.noticed):
        return 1
    count = 0
    try:
        for _ in read_all(path):
            count += 1
    except FcsError as error:
        raise FcsError(f"data set {count + 1}: {error}", error.code) from error
    return count


def with_copies(checks: Sequence[FileCheck]) -> list[FileCheck]:
    """Find files that hold the same events, for a case counted twice proves too much.

    Only events of the same size are compared: a little of each first, and all of those that
    are still alike.

    Parameters
    ----------
    checks : sequence of FileCheck
        The files.

    Returns
    -------
    list of FileCheck
        The same, with a finding for each that has a copy.
    """
    groups = [[item for item in checks if item.data[1]]]
    for key in (lambda item: item.data[1], _sampled, _digest):
        groups = [part for group in groups for part in _split(group, key)]
    copies = {id(item): group for group in groups for item in group}
    return [
        replace(item, findings=(*item.findings, _copy_finding(item, copies[id(item)])))
        if id(item) in copies
        else item
        for item in checks
    ]


def _split(
    group: Sequence[FileCheck], key: Callable[[FileCheck], object]
) -> list[list[FileCheck]]:
    """Split a group by a key; what stands alone is dropped."""
    parts: dict[object, list[FileCheck]] = {}
    for item in group:
        parts.setdefault(key(item), []).append(item)
    return [part for part in parts.values() if len(part) > 1]


def _sampled(item: FileCheck) -> object:
    """Return bytes of the beginning, the middle and the end of the events."""
    begin, size = item.data
    last = max(0, size - SAMPLE_SIZE)
    try:
        with fetched(item.path) as path, path.open("rb") as stream:
            pieces = []
            for offset in (0, last // 2, last):
                stream.seek(begin + offset)
                pieces.append(stream.read(min(SAMPLE_SIZE, size)))
            return tuple(pieces)
    except (OSError, FcsError):
        return id(item)  # gone meanwhile: a copy of nothing


def _digest(item: FileCheck) -> object:
    """Return the SHA-256 of the events as the file holds them."""
    begin, left = item.data
    digest = hashlib.sha256()
    try:
        with fetched(item.path) as path, path.open("rb") as stream:
            stream.seek(begin)
            while left > 0 and (chunk := stream.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
    except (OSError, FcsError):
        return id(item)
    return digest.digest()


def _copy_finding(item: FileCheck, group: Sequence[FileCheck]) -> Finding:
    others = (other for other in group if other is not item)
    names = [printable(other.name) for other in islice(others, MOST_NAMED)]
    left = len(group) - 1 - len(names)
    shown = ", ".join(names) + (f" and {left} more" if left else "")
    return Finding(COPY_CODE, f"{COPY_MEANING} ({shown})", Severity.REVIEW)


def is_wrong(checks: Iterable[FileCheck], *, strict: bool = False) -> bool:
    """Tell whether a file cannot be used, or has a finding of ``review`` and above.

    Parameters
    ----------
    checks : iterable of FileCheck
        The files.
    strict : bool
        Whether ``warn`` counts too.

    Returns
    -------
    bool
        What the exit status says.
    """
    return any(item.error or any_wrong(item.findings, strict=strict) for item in checks)


def summary(checks: Sequence[FileCheck]) -> str:
    """Count files by their status.

    Parameters
    ----------
    checks : sequence of FileCheck
        The files.

    Returns
    -------
    str
        One line.
    """
    counts = Counter(item.status for item in checks)
    return (
        f"{len(checks)} files: nothing odd about {counts[Status.INTACT]}, "
        f"{counts[Status.LOOK]} with findings to look at, "
        f"{counts[Status.UNUSABLE]} cannot be used"
    )


def check_text(checks: Sequence[FileCheck], *, verbose: bool = False) -> str:
    """Write checks for a terminal.

    Parameters
    ----------
    checks : sequence of FileCheck
        The files.
    verbose : bool
        Whether to show files and findings about which there is nothing to do, too.

    Returns
    -------
    str
        A line for each file with something to say, a table of codes, and the count.
    """
    lines = []
    for item in checks:
        if verbose or item.status is not Status.INTACT:
            lines.append(f"{printable(item.name)}: {_said(item, verbose=verbose)}")
        if verbose and item.quality is not None:
            lines += [f"  {line}" for line in quality_text(item.quality)]
    rows: Counter[tuple[str, str]] = Counter()
    for item in checks:
        rows.update({(f.code, f.severity.value) for f in item.findings})
        rows.update({(item.code, REFUSED)} if item.error else ())
    table = code_table(rows, "files", {COPY_CODE: COPY_MEANING}, verbose=verbose)
    return "\n\n".join(filter(None, ["\n".join(lines), table, summary(checks)]))


def _said(item: FileCheck, *, verbose: bool) -> str:
    if item.error:
        return f"{item.status} ({item.code}): {printable(item.error, 600)}"
    size = f"{item.n_events} events x {item.n_channels} channels" if verbose else ""
    size = f"{item.status}, {size}" if size and item.status is Status.INTACT else size
    shown = item.findings if verbose else item.notable
    codes = dict.fromkeys(
        printable(f.message if f.code == COPY_CODE else f.code, 300) for f in shown
    )
    return "; ".join(filter(None, [size, ", ".join(codes)]))


def check_csv(checks: Sequence[FileCheck]) -> str:
    """Write checks as CSV, a row for each file.

    Parameters
    ----------
    checks : sequence of FileCheck
        The files.

    Returns
    -------
    str
        With a heading row.
    """
    rows = [_row(item) for item in checks]
    for row in rows:
        row["findings"] = " ".join(dict.fromkeys(f["code"] for f in row["findings"]))
        if quality := row.pop("quality", None):
            row["quality"] = quality["verdict"]
    asked = any(item.quality is not None for item in checks)
    columns = (*COLUMNS, "quality") if asked else COLUMNS
    return csv_text(columns, [{k: str(v) for k, v in row.items()} for row in rows])


def check_document(checks: Sequence[FileCheck]) -> dict[str, Any]:
    """Return checks as plain values, for JSON.

    Parameters
    ----------
    checks : sequence of FileCheck
        The files.

    Returns
    -------
    dict
        A list of files, and a number of files for each status.
    """
    counts = Counter(item.status for item in checks)
    return {
        "files": [_row(item) for item in checks],
        "summary": {status.value: counts[status] for status in Status},
    }


def _row(item: FileCheck) -> dict[str, Any]:
    found = {} if item.quality is None else {"quality": quality_document(item.quality)}
    return found | {
        "file": item.name, "status": item.status.value, "n_events": item.n_events,
        "n_channels": item.n_channels, "n_datasets": item.n_datasets,
        "findings": findings_document(item.findings),
        "code": item.code, "error": printable(item.error, 600),
    }  # fmt: skip
