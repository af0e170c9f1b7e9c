"""Labelled cases of a folder, or of a table of features, for ``flowml evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowml.cli.options import cases_from, given_from, labels_from
from flowml.cli.tables import table_from, table_labels

if TYPE_CHECKING:
    from flowml.cases import Labels
    from flowml.features.casetable import CaseTable
    from flowml.knowledge import LabelTree
    from flowml.models import TrainedModel
    from flowml.records import Case


class Labelled(NamedTuple):
    """Cases with their labels.

    Parameters
    ----------
    cases : list of Case
        With all that is said of them.
    labels : Labels
        Their entities.
    is_whole : bool
        Whether every case that was looked for has a label and could be found.
    table : CaseTable or None
        Their features; None where they are still to be computed.
    """

    cases: list[Case]
    labels: Labels
    is_whole: bool
    table: CaseTable | None = None


def labelled_folder(path: Path | str, options: dict[str, Any], tree: LabelTree) -> Labelled:
    """Find the cases of a folder and their labels."""
    search = cases_from(path, options)
    labels = labels_from(options, list(search.cases), tree)
    cases = given_from(options, search.cases, is_whole=True)
    return Labelled(cases, labels, not labels.unlabelled and not search.is_incomplete)


def labelled_table(
    path: Path | str, options: dict[str, Any], tree: LabelTree, model: TrainedModel | None
) -> Labelled:
    """Read a table of features; where it tells the labels, rows without one are no failure."""
    own = {**options, "dropped": (*options["dropped"], *_told(path, options))}
    table = table_from(path, own, model)
    labels = table_labels(table, options, tree)
    is_whole = not options["label_table"] or not labels.unlabelled
    return Labelled(given_from(options, table.cases, is_whole=True), labels, is_whole, table)


def _told(path: Path | str, options: dict[str, Any]) -> list[str]:
    """Return the columns by which cases are parted, which are no features then.

    The column of patients is not among them: patients are never shown.
    """
    from flowml.features.sheet import column_names
    from flowml.validation.circumstances import DATE

    asked = [*options["by"], options["leave_out"], DATE if options["train_before"] else None]
    known = {options["id_column"], options["label_column"], options["group_column"]}
    there = set(column_names(Path(path))).difference(known, options["dropped"])
    return [name for name in dict.fromkeys(asked) if name in there]
