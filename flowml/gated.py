"""From cases and gates to counts and statistics of populations, one tube after another.

Gates are those that a person drew, those that are found without one, or what a classifier of
events has learned: each ends in the same record of populations.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.batch import run
from flowml.cases import at_hand, sample_of
from flowml.errors import FlowmlError, OutputError
from flowml.features.tube import digest_of
from flowml.gating import GateDocument, Strategy
from flowml.gating.gaters import Gates, find_populations, gates_from
from flowml.gating.masks import ENDING, write_masks
from flowml.gating.statistics import GatedTube, brightness_of, picolitres_of
from flowml.preprocess import choose_unmixing, unmixing_by
from flowml.quality.mask import MASK, admit
from flowml.reading import DEFAULT_READING, Reading, found_cases

if TYPE_CHECKING:
    from flowml.findings import Finding
    from flowml.preprocess import Unmixing
    from flowml.quality import Preparation
    from flowml.reading import Cases
    from flowml.records import Case, Sample, Tube

LONGEST_STEM = 60


@dataclass(frozen=True, eq=False)
class _Task:
    """One tube, and its gates or why it has none."""

    case: Case
    tube: Tube
    gates: Gates | str


def gate_cases(
    cases: Cases,
    gates: Gates | GateDocument | Path | str,
    *,
    sample: str = "",
    masks: Path | str | None = None,
    reading: Reading = DEFAULT_READING,
    progress: Callable[[int], object] | None = None,
) -> list[GatedTube]:
    """Count the populations of every tube, and say how bright they are.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them.
    gates : Strategy, GateDocument, EventClassifier, Automatic or path-like
        Gates, the file that holds them, or ``auto``. Of a workspace each tube gets the gates
        of the sample with the name of its file.
    sample : str
        A sample of a workspace whose gates all tubes get.
    masks : path-like, optional
        Folder for a file of masks of each tube (`flowml.gating.read_masks`).
    reading : Reading
        How files are read.
    progress : callable, optional
        Called with the number of tubes done.

    Returns
    -------
    list of GatedTube
        In order of cases and tubes; a tube that could not be gated has its reason.

    Raises
    ------
    FlowmlError
        If there are no cases, the gates cannot be read, or masks are asked for while events
        are left out.
    OutputError
        If masks cannot be written.
    """
    if masks is not None and reading.quality == MASK:
        raise FlowmlError(
            "masks are of all events of a tube, and the quality 'mask' leaves some out. Choose "
            "one of the two."
        )
    chosen = gates_from(gates) if isinstance(gates, Path | str) else gates
    gates_of = cache(partial(_gates_of, chosen))  # a sample of a workspace is read once
    tasks = [
        _Task(case, tube, gates_of(sample or tube.name))
        for case in found_cases(cases)
        for tube in case.tubes
    ]
    folder = None if masks is None else Path(masks)
    work = partial(_gate_tube, how=reading.preparation, masks=folder, hashed=reading.hash_files)
    return run(work, tasks, jobs=reading.jobs, progress=progress)


def _gates_of(gates: Gates | GateDocument, wanted: str) -> Gates | str:
    """Return the gates of a tube, or why it has none."""
    if not isinstance(gates, GateDocument):
        return gates
    try:
        return gates.strategy(wanted)
    except FlowmlError as error:
        return str(error)


def _gate_tube(task: _Task, how: Preparation, masks: Path | None, *, hashed: bool) -> GatedTube:
    """Gate one tube; bad data become a reason."""
    case_id, name = task.case.case_id, task.tube.name
    sha256 = digest_of(task.tube) if hashed else ""
    if isinstance(task.gates, str):
        return GatedTube(case_id, name, sha256=sha256, reason=task.gates)
    try:
        with at_hand(task.tube) as near:
            sample = sample_of(near, how.marker_names)
            admitted, seen = admit(sample, how.quality, how.compensation)
            found = find_populations(admitted, task.gates, how.compensation)
            unmixing, decided = _unmixing(admitted, task.gates, how.compensation)
            brightness = brightness_of(admitted, unmixing, found)
            noticed = admitted.findings
    except OutputError:
        raise
    except FlowmlError as error:
        return GatedTube(case_id, name, sha256=sha256, reason=str(error))
    file = ""
    if masks is not None:
        file = _file_name(case_id, name)
        write_masks(found, masks / file)
    return GatedTube(
        case_id,
        name,
        n_events=admitted.n_events,
        picolitres=0 if how.quality == MASK else picolitres_of(admitted),
        counts=tuple(found.counts()),
        brightness=tuple(brightness),
        compensation="none" if unmixing is None else unmixing.source,
        sha256=sha256,
        masks=file,
        findings=(*noticed, *seen, *decided, *found.findings),
    )


def _unmixing(
    sample: Sample, gates: Gates, policy: str
) -> tuple[Unmixing | None, tuple[Finding, ...]]:
    """Choose the matrix: the one that the gates bring, else as for any other reading."""
    if isinstance(gates, Strategy):
        used = {axis.compensation for gate in gates.gates for axis in gate.dimensions}
        own = used & set(gates.matrices)
        if len(own) == 1:
            return unmixing_by(sample, gates.matrices[own.pop()]), ()
    return choose_unmixing(sample, policy)


def _file_name(case_id: str, tube: str) -> str:
    """Name the file of a tube's masks: readable, harmless, and of this tube alone."""
    whole = f"{case_id}\0{tube}"
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    stem = re.sub(r"[^A-Za-z0-9-]+", "_", Path(tube).stem)[:LONGEST_STEM].strip("_")
    return f"{stem or 'tube'}-{digest}{ENDING}"
