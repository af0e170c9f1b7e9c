"""What a file holds, for a person: channels, markers, roles, spillover, findings.

Only technical keywords are shown; the others may name a patient.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.cases import FileSearch, Found, fetched, is_address, search_files
from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.features.stained import instrument_of, stained_tube
from flowml.knowledge.markers import name_channels
from flowml.knowledge.recognition import NearestTube, nearest_tube
from flowml.records import RemoteFile, Tube
from flowml.reports.quality import (
    quality_document,
    quality_findings,
    quality_text,
    tube_quality,
)
from flowml.reports.results import csv_text
from flowml.reports.tables import aligned
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.findings import Finding
    from flowml.knowledge.marker_names import MarkerNames
    from flowml.knowledge.shapes import PanelShape
    from flowml.quality import TubeQuality
    from flowml.records import Sample

FILE_COLUMNS = (
    "file", "error", "code", "n_events", "scale", "spillover", "findings", "instrument",
    "panel", "tube",
)  # fmt: skip
CHANNEL_COLUMNS = ("name", "label", "marker", "fluorochrome", "role", "top")
SHOWN_KEYWORDS = ("$CYT", "$DATATYPE", "$BYTEORD", "$MODE", "$TIMESTEP", "$TOT", "$PAR")

LEAST_ALIKE = 0.5  # shared markers, of all that either tube has, for a panel to be named

NamedFile = tuple[Path | RemoteFile, str]


@dataclass(frozen=True)
class Inspection:
    """What a file holds, or why it cannot be read.

    Parameters
    ----------
    name : str
        Path relative to the folder given.
    error : str
        Why it cannot be read; empty if it can.
    code : str
        Code of the error.
    n_events : int
        Number of events.
    scale : str
        Whether the values are raw or compensated.
    spillover : str
        Source and size of the file's matrix; empty without one.
    keywords : dict of str to str
        Technical keywords.
    channels : tuple of dict
        Name, label, marker, fluorochrome, role and top of each channel.
    findings : tuple of Finding
        What was noticed.
    quality : TubeQuality or None
        What the checks of the measurement say; None where they were not asked for.
    instrument : str
        Model and serial number, where the file tells them.
    nearest : NearestTube or None
        The tube of a known panel that it is most like; None where none shares half of the
        markers.
    """

    name: str
    error: str = ""
    code: str = ""
    n_events: int = 0
    scale: str = ""
    spillover: str = ""
    keywords: dict[str, str] | None = None
    channels: tuple[dict[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()
    quality: TubeQuality | None = None
    instrument: str = ""
    nearest: NearestTube | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        plain = asdict(replace(self, quality=None))
        del plain["quality"]
        plain["nearest"] = self.nearest and self.nearest._asdict()
        if self.quality is not None:
            plain["quality"] = quality_document(self.quality)
        return plain


def search_places(places: Sequence[Path | str], *, follow_links: bool = False) -> FileSearch:
    """List the FCS files of folders, as each is called in the output, and what is passed over.

    Parameters
    ----------
    places : sequence of path-like
        Files, folders and addresses.
    follow_links : bool
        Whether symbolic links below folders are followed.

    Returns
    -------
    FileSearch
        Names are relative to the folder; of several folders each name begins with its
        folder's. A file that is given twice stands once.

    Raises
    ------
    CaseError
        If a folder holds no FCS file.
    """
    found: dict[Path | str, Found] = {}
    findings: list[Finding] = []
    for place in places:
        search = search_files(place, follow_links=follow_links)
        findings += search.findings
        above = _name_of(place) if len(places) > 1 else ""
        for name, origin in search.files:
            key = origin.path if isinstance(origin, RemoteFile) else origin
            key = key.resolve() if isinstance(key, Path) and len(places) > 1 else key
            shown = f"{above}/{name}" if above and origin != place else name
            found.setdefault(key, Found(shown, origin))
    return FileSearch(tuple(found.values()), tuple(findings))


def _name_of(place: Path | str) -> str:
    return str(place).rstrip("/").rpartition("/")[2] if is_address(place) else Path(place).name


def inspect_file(
    path: Path | RemoteFile,
    name: str,
    *,
    values: bool = False,
    marker_names: MarkerNames | None = None,
    quality: bool = False,
    panels: Sequence[PanelShape] = (),
) -> Inspection:
    """Describe a file.

    Parameters
    ----------
    path : Path or RemoteFile
        The file.
    name : str
        How it is called in the output.
    values : bool
        Whether to read the events too, to find values that are NaN or that a mask cuts.
    marker_names : MarkerNames, optional
        A laboratory's own names.
    quality : bool
        Whether to read the events too, and to check the measurement.
    panels : sequence of PanelShape
        Among which the tube is looked for.

    Returns
    -------
    Inspection
        With an `error` if the file cannot be read.
    """
    try:
        with fetched(path) as near:
            sample = read_fcs(near, name=name, marker_names=marker_names)
            checked = tube_quality(sample) if quality else None
            findings = sample.findings if values or quality else sample.noticed
            if checked is not None:
                findings = (*findings, *quality_findings(checked, findings))
    except FcsError as error:
        return Inspection(name, error=str(error), code=error.code)
    matrix = sample.spillover
    tube = Tube(name, sample)
    stained = stained_tube("", tube, sample, marker_names)
    like = nearest_tube(stained, panels)
    return Inspection(
        name=name,
        n_events=sample.n_events,
        scale=sample.scale.value,
        spillover=""
        if matrix is None
        else f"{matrix.source}, {len(matrix.channels)} detectors",
        keywords={k: printable(sample.keywords.get(k, "")) for k in SHOWN_KEYWORDS},
        channels=_channels(sample, marker_names),
        findings=findings,
        quality=checked,
        instrument=instrument_of(tube, sample.keywords),
        nearest=like if like and like.likeness >= LEAST_ALIKE else None,
    )


def _channels(sample: Sample, marker_names: MarkerNames | None) -> tuple[dict[str, Any], ...]:
    """Say what each channel is called and what is understood of it."""
    names = [(channel.name, channel.label) for channel in sample.channels]
    return tuple(
        {"name": printable(c.name), "label": printable(c.label), "marker": printable(c.marker)}
        | {"fluorochrome": meaning.fluorochrome, "role": c.role.value, "top": c.top}
        for c, meaning in zip(sample.channels, name_channels(names, marker_names), strict=True)
    )


def inspect_found(
    file: Found,
    *,
    values: bool = False,
    marker_names: MarkerNames | None = None,
    quality: bool = False,
    panels: Sequence[PanelShape] = (),
) -> Inspection:
    """Describe a file that was found; see `inspect_file`.

    Parameters
    ----------
    file : Found
        The file, and how it is called in the output.
    values : bool
        Whether to read the events too.
    marker_names : MarkerNames, optional
        A laboratory's own names.
    quality : bool
        Whether to read the events too, and to check the measurement.
    panels : sequence of PanelShape
        Among which the tube is looked for.

    Returns
    -------
    Inspection
        With an `error` if the file cannot be read.
    """
    return inspect_file(
        file.origin,
        file.name,
        values=values,
        marker_names=marker_names,
        quality=quality,
        panels=panels,
    )


def inspection_csv(items: Sequence[Inspection]) -> str:
    """Write inspections as CSV, a row for each channel and one for each unreadable file.

    Parameters
    ----------
    items : sequence of Inspection
        The files.

    Returns
    -------
    str
        With a heading row.
    """
    rows = []
    for item in items:
        codes = " ".join(dict.fromkeys(finding.code for finding in item.findings))
        facts = {
            "file": item.name, "error": item.error, "code": item.code, "scale": item.scale,
            "n_events": str(item.n_events), "spillover": item.spillover, "findings": codes,
            "instrument": item.instrument, "panel": item.nearest.panel if item.nearest else "",
            "tube": item.nearest.tube if item.nearest else "",
        }  # fmt: skip
        rows += [
            facts | {key: channel.get(key, "") for key in CHANNEL_COLUMNS}
            for channel in item.channels or ({},)
        ]
    return csv_text([*FILE_COLUMNS, *CHANNEL_COLUMNS], rows)


def inspection_text(item: Inspection) -> str:
    """Write an inspection for a terminal.

    Parameters
    ----------
    item : Inspection
        One file.

    Returns
    -------
    str
        A heading, the channels, the findings.
    """
    if item.error:
        why = printable(item.error, 600)
        return f"{printable(item.name)}\n  cannot be read ({item.code}): {why}"
    facts = [f"{item.n_events} events", f"{len(item.channels)} channels", item.scale]
    facts.append(f"spillover: {item.spillover}" if item.spillover else "no spillover")
    if item.instrument:
        facts.append(item.instrument)
    names = ("name", "marker", "fluorochrome", "role")
    rows = [
        (n, *(channel[name] or "-" for name in names), f"{channel['top']:.6g}")
        for n, channel in enumerate(item.channels, 1)
    ]
    heading = ("#", "channel", "marker", "fluorochrome", "role", "top")
    table = aligned(heading, rows).replace("\n", "\n  ")
    lines = [printable(item.name), "  " + "; ".join(facts), *_nearest_text(item), "  " + table]
    lines += [f"  {printable(finding, 600)}" for finding in item.findings]
    if item.quality is not None:
        lines += [f"  {line}" for line in quality_text(item.quality)]
    return "\n".join(lines)


def _nearest_text(item: Inspection) -> list[str]:
    """Say which tube of a panel it is, or is like."""
    near = item.nearest
    if near is None:
        return []
    what = f"tube {printable(near.tube, 60)} of {printable(near.panel, 60)}"
    lacks = [f"without {printable(', '.join(near.missing), 200)}"] if near.missing else []
    has = [f"with {printable(', '.join(near.more), 200)} beside"] if near.more else []
    return [f"  most like {what}, {', '.join(lacks + has)}" if lacks or has else f"  {what}"]
