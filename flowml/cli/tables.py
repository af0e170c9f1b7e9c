"""A table of features in place of a folder: its options, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from flowml.cli.options import chained, labels_from

if TYPE_CHECKING:
    from flowml.cases import Labels
    from flowml.features.casetable import CaseTable
    from flowml.knowledge import LabelTree
    from flowml.models import TrainedModel

MOST_SHOWN = 10
OF_TABLES = {"group_column": "--group", "dropped": "--drop"}
# options that say how FCS files are found, read or counted
OF_FILES = {
    "case_per": "--case-per", "pattern": "--pattern", "follow_links": "--follow-links",
    "compensation": "--compensation", "already_compensated": "--already-compensated",
    "marker_names": "--marker-names", "quality": "--quality", "with_columns": "--with-columns",
    "recipe": "--recipe", "recipes": "--recipes", "transform": "--transform",
    "width": "--width", "bins": "--bins", "pair_bins": "--pair-bins",
    "map_side": "--map-side", "maximum": "--maximum", "markers": "--markers",
    "by_tube": "--by-tube", "exact": "--exact", "align": "--align", "stand_ins": "--stand-in",
}  # fmt: skip
table_options = chained(
    click.option(
        "--group", "group_column", default="", metavar="COLUMN",
        help="Of a table of features: the patient, where one has several rows.",
    ),
    click.option(
        "--drop", "dropped", multiple=True, metavar="COLUMN",
        help="Of a table of features: a column that is no feature; may be repeated.",
    ),
)  # fmt: skip


def is_table(path: Path | str) -> bool:
    """Tell a table of features from FCS files; refuse options that are about the other."""
    from flowml.features.casetable import is_case_table

    found = is_case_table(path)
    wrong = [flag for name, flag in (OF_FILES if found else OF_TABLES).items() if _given(name)]
    if wrong:
        what = "reads FCS files" if found else "names a column of a table of features"
        given = "a table of features" if found else "no such table"
        raise click.UsageError(
            f"{wrong[0]} {what}, and {str(path)!r} is {given}. Leave it out."
        )
    return found


def _given(name: str) -> bool:
    """Tell whether an option stands on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source not in {None, ParameterSource.DEFAULT}


def table_from(
    path: Path | str,
    options: dict[str, Any],
    model: TrainedModel | None = None,
    *,
    has_labels: bool = False,
) -> CaseTable:
    """Read a table of features; for a model, those columns that it needs.

    It has labels where a model is trained on it, and where that is said.
    """
    from flowml.cli.talk import note
    from flowml.features.casetable import read_case_table
    from flowml.safety import printable

    table = read_case_table(
        path,
        **_columns(path, options, is_classified=model is not None and not has_labels),
        where=() if options["label_table"] else options["where"],
        needed=None if model is None else model.feature_names,
    )
    if model is not None and table.unused:
        shown = printable(", ".join(table.unused[:MOST_SHOWN]), 400)
        more = ", …" if len(table.unused) > MOST_SHOWN else ""
        n = len(table.unused)
        what = "columns are" if n > 1 else "column is"
        note(f"{n} further {what} not used by the model: {shown}{more}", quiet=options["quiet"])
    return table


def _columns(
    path: Path | str, options: dict[str, Any], *, is_classified: bool
) -> dict[str, Any]:
    """Return which columns are no features, as the options name them.

    With a table of labels, --id and --label name columns there, and --id here too if there is
    one; to classify, a column of labels is read if it was asked for.
    """
    from flowml.features.sheet import column_names
    from flowml.features.table import INDEX

    ids = options["id_column"]
    if options["label_table"] and ids not in column_names(Path(path)):
        ids = INDEX
    has_labels = not options["label_table"] and (not is_classified or _given("label_column"))
    return {
        "id_column": ids,
        "label_column": options["label_column"] if has_labels else "",
        "group_column": options["group_column"],
        "drop": options["dropped"],
    }


def table_labels(table: CaseTable, options: dict[str, Any], tree: LabelTree | None) -> Labels:
    """Return the entities of cases: of the table of labels if there is one, or of a column."""
    from flowml.cases import Labels
    from flowml.errors import LabelError
    from flowml.safety import printable
    from flowml.training import canonical_labels

    if options["label_table"]:
        return labels_from(options, table.cases, tree)
    if not table.labels:
        raise LabelError(
            f"the column {printable(options['label_column'])!r} is empty in all "
            f"{len(table.features.cases)} rows. Name the column of labels (--label), or give a "
            "table of them (--labels)."
        )
    return Labels(canonical_labels(table.labels, tree), table.unlabelled, ())
