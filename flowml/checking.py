"""What is to be thought of the cases of a laboratory, before any model is asked.

Every tube is looked at by itself, the tubes of a case are held against each other, and all
cases together show what the laboratory's panels are: what most have is the panel, what few have
is an accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from flowml.batch import run
from flowml.cases import at_hand, sample_of
from flowml.errors import FcsError, FlowmlError
from flowml.features.stained import stained_tube
from flowml.findings import Finding, Severity
from flowml.gating.backbone import BACKBONE, DIFFERENT, NOT_ASSESSED, compare_tubes
from flowml.gating.rules.cells import Cells, open_cells
from flowml.knowledge.recognition import Recognition, recognize
from flowml.knowledge.shapes import (
    PanelShape,
    known_shapes,
    learn_panels,
)
from flowml.quality import Preparation
from flowml.reading import DEFAULT_READING, Cases, Progress, Reading, found_cases
from flowml.records import Case, Sample, Tube
from flowml.reports.casecheck import (
    CASE_MATRIX,
    CASE_SCALE,
    EMPTY,
    UNREADABLE,
    CaseCheck,
    SeenTube,
)
from flowml.reports.quality import quality_findings, tube_quality
from flowml.safety import printable

LABELS_FIRST = Finding(
    NOT_ASSESSED,
    "whether all tubes are of one patient cannot be told: labels of the backbone are doubtful",
    Severity.INFO,
)
# code of a case: codes of its tubes, tubes that must be there, what it means
AGREEING = {
    CASE_MATRIX: (
        {"QUALITY-MATRIX", "QUALITY-COMPENSATION"}, 2, "the spillover matrix does not fit",
    ),
    CASE_SCALE: ({"QUALITY-SCALE"}, 1, "values seem to be on a display scale already"),
}  # fmt: skip


def check_cases(
    cases: Cases,
    *,
    panels: Sequence[Path | str] | Path | str = (),
    quality: bool = True,
    reading: Reading = DEFAULT_READING,
    progress: Progress | None = None,
) -> list[CaseCheck]:
    """Check the cases of a laboratory.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them.
    panels : path-like, or sequence of path-like
        Files of the laboratory's own panels, beside flowml's.
    quality : bool
        Whether each tube's measurement is checked (`flowml.quality.assess`).
    reading : Reading
        How files are read: compensation, workers, names of markers. Its `quality` is not used.
    progress : callable, optional
        Called with the number of cases done.

    Returns
    -------
    list of CaseCheck
        One for each case, in order of their ids. Panels that the cases show themselves go
        before those of files, as they know the laboratory's detectors and names of tubes.

    Raises
    ------
    FlowmlError
        If there are no cases, or a panel's file cannot be used.
    """
    files = [panels] if isinstance(panels, (str, Path)) else panels
    known = known_shapes(files)
    found = sorted(found_cases(cases), key=lambda case: case.case_id)
    look = partial(_look, how=reading.preparation, quality=quality)
    looks = run(look, found, jobs=reading.jobs, progress=progress)
    stained = [[t.stained for t in tubes if t.stained] for tubes, _ in looks]
    shapes = [*learn_panels(stained, known), *known]
    return [
        _checked(case, tubes, findings, shapes)
        for case, (tubes, findings) in zip(found, looks, strict=True)
    ]


def _checked(
    case: Case,
    tubes: tuple[SeenTube, ...],
    findings: tuple[Finding, ...],
    shapes: Sequence[PanelShape],
) -> CaseCheck:
    seen = recognize([tube.stained for tube in tubes if tube.stained], shapes)
    place = iter(seen.tubes)
    every = [item for tube in tubes for item in tube.findings] + _without_unread(seen, tubes)
    if seen.moved & set(BACKBONE):  # with wrong labels other cells would be compared
        findings = tuple(LABELS_FIRST if f.code == DIFFERENT else f for f in findings)
    return CaseCheck(
        case_id=case.case_id,
        panel=seen.panel,
        tubes=tubes,
        places=tuple(next(place) if tube.stained else "" for tube in tubes),
        findings=tuple(dict.fromkeys([*every, *findings])),
    )


def _without_unread(seen: Recognition, tubes: Sequence[SeenTube]) -> list[Finding]:
    """Leave out that a tube is missing where it is there and cannot be read."""
    unread = sum(tube.stained is None for tube in tubes)
    lost = [item for item in seen.findings if item.code == "PANEL-LOST"]
    others = [item for item in seen.findings if item.code != "PANEL-LOST"]
    return others + (lost if len(lost) > unread else [])


Look = tuple[tuple[SeenTube, ...], tuple[Finding, ...]]


def _look(case: Case, how: Preparation, *, quality: bool) -> Look:
    """Look at the tubes of a case, each by itself and together; bad files never raise."""
    looks: list[SeenTube] = []
    cells: list[Cells] = []
    for tube in case.tubes:
        try:
            with at_hand(tube) as near:
                sample = sample_of(near, how.marker_names)
                several = sample.n_events and len(case.tubes) > 1
                own = _cells(sample, how.compensation) if several else []
                looks.append(_seen(case, tube, sample, how, quality=quality))
                cells += own
        except FlowmlError as error:
            looks.append(SeenTube(tube.name, None, 0, (_unreadable(tube, error),)))
    together = compare_tubes(cells).findings if len(cells) > 1 else ()
    return tuple(looks), (*together, *_agreeing(looks))


def _seen(
    case: Case, tube: Tube, sample: Sample, how: Preparation, *, quality: bool
) -> SeenTube:
    """Look at a tube, and where that is asked for at how it was measured."""
    findings = [*sample.findings]
    if not sample.n_events and not findings:
        findings.append(Finding(EMPTY, "the tube holds no events", Severity.REVIEW))
    if quality:
        findings += quality_findings(tube_quality(sample, how.compensation), findings)
    stained = stained_tube(case.case_id, tube, sample, how.marker_names)
    return SeenTube(tube.name, stained, sample.n_events, _told_of(tube, case, findings))


def _told_of(tube: Tube, case: Case, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Name the tube in the findings, where a case has several."""
    if len(case.tubes) == 1:
        return tuple(findings)
    name = printable(tube.name, 80)
    return tuple(
        item
        if item.message.startswith(name)
        else replace(item, message=f"{name}: {item.message}")
        for item in findings
    )


def _cells(sample: Sample, compensation: str) -> list[Cells]:
    """Return a tube's cells by the backbone; none where it cannot be compensated."""
    try:
        return [open_cells(sample, compensation, BACKBONE)]
    except FlowmlError:
        return []


def _agreeing(looks: Sequence[SeenTube]) -> tuple[Finding, ...]:
    """Find what all tubes of a case agree in: what one of several shows may be biology."""
    read = [look for look in looks if look.stained and look.n_events]
    found = []
    for code, (of_tube, least, what) in AGREEING.items():
        odd = [look for look in read if of_tube & {item.code for item in look.findings}]
        if len(read) >= least and len(odd) == len(read):
            text = what if len(read) == 1 else f"{what}, in all {len(read)} tubes of the case"
            found.append(Finding(code, text, Severity.REVIEW))
    return tuple(found)


def _unreadable(tube: Tube, error: FlowmlError) -> Finding:
    code = error.code if isinstance(error, FcsError) else UNREADABLE
    return Finding(code, f"{printable(tube.name)}: {error}", Severity.FAIL)
