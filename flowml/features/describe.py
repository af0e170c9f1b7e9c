"""One case: read its tubes, compensate, count, compute its row. Bad data never raise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError, PanelError
from flowml.fcs import read_fcs
from flowml.fcs.codes import finding
from flowml.features.reduce import Counts, count_events, marker_columns, pooled
from flowml.preprocess import choose_unmixing
from flowml.preprocess.compensate import POLICIES
from flowml.records import Finding, Sample, Scale, Severity
from flowml.safety import file_sha256, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.recipes import FittedRecipe
    from flowml.records import Case, Tube

DEFAULT_CHUNK = 65_536  # events read at a time
FEW_EVENTS = 100  # a share of so many events is uncertain by 0.05 (one standard error)
UNREADABLE = "CASE-UNREADABLE"


@dataclass(frozen=True)
class TubeRead:
    """What was read of a tube, for the record.

    Parameters
    ----------
    name : str
        Path relative to the folder given.
    sha256 : str
        Of the file; empty for a sample in memory.
    n_events : int
        Number of events.
    compensation : str
        Where the matrix that was applied came from; ``none`` if none was.
    simulated : bool
        Whether the file says that it was simulated.
    """

    name: str
    sha256: str
    n_events: int
    compensation: str
    simulated: bool


@dataclass(frozen=True, eq=False)
class CaseFeatures:
    """One case's row, or why there is none.

    Parameters
    ----------
    case_id : str
        The case.
    names : tuple of str
        Names of the features, ``marker|statistic``.
    values : ndarray, shape (n_features,), float32
        The features.
    findings : tuple of Finding
        Everything noticed on the way.
    tubes : tuple of TubeRead
        What was read.
    problem : str
        Why the case cannot be used; empty if it can.
    """

    case_id: str
    names: tuple[str, ...]
    values: NDArray[np.float32]
    findings: tuple[Finding, ...]
    tubes: tuple[TubeRead, ...]
    problem: str = ""


def describe_case(
    case: Case,
    recipe: FittedRecipe,
    compensation: str = "auto",
    chunk: int = DEFAULT_CHUNK,
    *,
    already_compensated: bool = False,
) -> CaseFeatures:
    """Compute the features of a case.

    Parameters
    ----------
    case : Case
        One or more tubes.
    recipe : FittedRecipe
        What to compute.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.
    chunk : int
        Events to read at a time; does not change the result.
    already_compensated : bool
        Take the data as compensated, whatever the files say.

    Returns
    -------
    CaseFeatures
        With a `problem` if a tube cannot be used.
    """
    counts: list[Counts] = []
    findings: list[Finding] = []
    tubes: list[TubeRead] = []
    where = ""
    if not case.tubes:
        return _unusable(case, findings, tubes, "the case holds no tube", "CASE-EMPTY")
    try:
        for tube in case.tubes:
            where = f"{printable(tube.name)}: " if len(case.tubes) > 1 else ""
            sample, digest = _opened(tube, already_compensated=already_compensated)
            findings += sample.findings
            counts.append(
                _tube_counts(sample, digest, recipe, compensation, chunk, findings, tubes)
            )
    except FlowmlError as error:
        code = "CASE-NO-MARKER" if isinstance(error, PanelError) else UNREADABLE
        problem = where + str(error).replace(compensation, Path(compensation).name)
        return _unusable(case, findings, tubes, problem, code)
    total = pooled(counts)
    if not any(marker_counts.any() for marker_counts in total.values()):
        n_events = sum(tube.n_events for tube in tubes)
        what = "value that is a number" if n_events else "event"
        return _unusable(case, findings, tubes, f"the case holds no {what}", "CASE-EMPTY")
    findings += _thin_evidence(total, tubes)
    names = [name for marker in sorted(total) for name in recipe.feature_names(marker)]
    values = [recipe.values(total[marker]) for marker in sorted(total)]
    unique = tuple(dict.fromkeys(findings))
    return CaseFeatures(
        case.case_id, tuple(names), np.concatenate(values), unique, tuple(tubes)
    )


def _opened(tube: Tube, *, already_compensated: bool) -> tuple[Sample, str]:
    """Return a tube's sample and the hash of its file."""
    if isinstance(tube.origin, Path):
        sample, digest = read_fcs(tube.origin, name=tube.name), file_sha256(tube.origin)
    else:
        sample, digest = tube.origin, ""
    if already_compensated and sample.scale is Scale.RAW:
        sample = replace(sample, scale=Scale.COMPENSATED)
    return sample, digest


def _tube_counts(
    sample: Sample,
    digest: str,
    recipe: FittedRecipe,
    compensation: str,
    chunk: int,
    findings: list[Finding],
    tubes: list[TubeRead],
) -> Counts:
    """Compensate and count one tube; note what was done."""
    unmixing, decided = choose_unmixing(sample, compensation)
    columns, doubtful = marker_columns(sample)
    findings += [*decided, *doubtful]
    if not columns:
        raise PanelError(
            f"no marker is recognised in {sample.name}; its channels are "
            f"{', '.join(sample.channel_names[:20])}. Name the markers in $PnS."
        )
    applied = "none" if unmixing is None else unmixing.source
    if compensation not in POLICIES:
        applied = Path(compensation).name  # where it lay is nobody's business
    simulated = sample.keywords.get("FLOWML_SIMULATED", "") != ""
    tubes.append(TubeRead(sample.name, digest, sample.n_events, applied, simulated))
    counts, odd = count_events(sample, columns, unmixing, recipe, chunk)
    if odd:
        findings.append(finding("FCS-VALUE-01", f"{odd} values in {sample.name}"))
    return counts


def _thin_evidence(total: Counts, tubes: list[TubeRead]) -> list[Finding]:
    """Say where a case has too little to stand on."""
    found = []
    n_events = sum(tube.n_events for tube in tubes)
    if n_events < FEW_EVENTS:
        message = (
            f"the case has {n_events} events; below {FEW_EVENTS} its features are uncertain"
        )
        found.append(Finding("CASE-FEW-EVENTS", message, Severity.REVIEW))
    blank = [marker for marker in sorted(total) if not total[marker].any()]
    if blank:
        message = f"no value is a number, after compensation, in {', '.join(blank[:20])}"
        found.append(Finding("MARKER-NO-VALUES", message, Severity.REVIEW))
    return found


def _unusable(
    case: Case, findings: list[Finding], tubes: list[TubeRead], problem: str, code: str
) -> CaseFeatures:
    failed = Finding(code, problem, Severity.FAIL)
    return CaseFeatures(
        case.case_id, (), np.empty(0, np.float32), (*findings, failed), tuple(tubes), problem
    )
