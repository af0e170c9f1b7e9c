"""What a verb says while it works: progress and notes, on standard error only."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from flowml.about import DISCLAIMER, SYNTHETIC_WARNING
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowml.cases import Labels
    from flowml.findings import Finding
    from flowml.models import Prediction, TrainedModel

MOST_SHOWN = 10


def note(text: str, *, quiet: bool = False) -> None:
    """Say something on standard error.

    Parameters
    ----------
    text : str
        One line.
    quiet : bool
        Say nothing.
    """
    if not quiet:
        click.echo(text, err=True)


@contextmanager
def progress(
    what: str, total: int, *, quiet: bool = False
) -> Iterator[Callable[[int], object]]:
    """Show how many of `total` are done: a bar on a terminal, one line elsewhere.

    Parameters
    ----------
    what : str
        What is being done.
    total : int
        How many there are.
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        To be called with the number done.
    """
    if quiet:
        yield lambda _done: None
    elif sys.stderr.isatty():
        yield from _bar(what, total)
    else:
        done = [0]
        yield lambda count: done.__setitem__(0, count)
        note(f"{what}: {done[0]} of {total}")


def _bar(what: str, total: int) -> Iterator[Callable[[int], object]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.update(task, completed=count)


def note_passed_over(
    findings: Sequence[Finding], *, verbose: bool = False, named: bool = True
) -> None:
    """Say what a search for files passed over, a line for each reason.

    Parameters
    ----------
    findings : sequence of Finding
        Of a search.
    verbose : bool
        Whether to count what was never meant to be read, such as tables, too.
    named : bool
        Whether to name the first few.
    """
    from flowml.cases import counted

    for line in counted(findings, verbose=verbose, named=named):
        note(line)


def note_cases(heading: str, reasons: Mapping[str, str]) -> None:
    """Name cases with a reason each; the first few of many.

    Parameters
    ----------
    heading : str
        What happened to them.
    reasons : mapping of str to str
        Case id to reason.
    """
    if reasons:
        note(f"{len(reasons)} {heading}:")
        for case_id, reason in list(reasons.items())[:MOST_SHOWN]:
            note(f"  {printable(case_id)}: {printable(reason, 600)}")
        if len(reasons) > MOST_SHOWN:
            note(f"  and {len(reasons) - MOST_SHOWN} more")


def note_model(model: TrainedModel, predictions: Sequence[Prediction]) -> None:
    """Say what must be known of every answer of a model, at the end of its output.

    Parameters
    ----------
    model : TrainedModel
        The model that answered.
    predictions : sequence of Prediction
        Its answers.
    """
    from flowml.reports.tables import trained_on_note

    if model.is_synthetic:
        note(SYNTHETIC_WARNING)
    if seen := trained_on_note(predictions):
        note(seen)
    note(DISCLAIMER)


def note_labels(labels: Labels) -> None:
    """Say which labels and cases did not find each other.

    Parameters
    ----------
    labels : Labels
        As they were read.
    """
    _note_names("cases have no label and are left out", labels.unlabelled)
    _note_names("labels name no case here and are passed over", labels.unmatched)


def _note_names(what: str, names: Sequence[str]) -> None:
    if names:
        shown = printable(", ".join(names[:MOST_SHOWN]), 400)
        more = ", …" if len(names) > MOST_SHOWN else ""
        note(f"{len(names)} {what}: {shown}{more}")


def say_what_was_aligned(aligned: Mapping[str, int], not_aligned: Mapping[str, int]) -> None:
    """Print which instruments were aligned by how many normal cases, and which were not.

    Parameters
    ----------
    aligned, not_aligned : mapping of str to int
        Normal cases by instrument; "" stands for cases of no one instrument.
    """
    for name, normals in aligned.items():
        click.echo(f"aligned by {normals} normal cases: {printable(name)}")
    for name, normals in not_aligned.items():
        which = printable(name) or "cases that tell of no one instrument"
        click.echo(f"not aligned, as {normals} normal cases are too few: {which}")
