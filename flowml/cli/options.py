"""Options that mean the same for every verb."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flowml.cases import CaseSearch, Labels
    from flowml.features.columns import OtherResults
    from flowml.knowledge import LabelTree
    from flowml.knowledge.marker_names import MarkerNames
    from flowml.reading import Reading
    from flowml.records import Case

F = TypeVar("F", bound=Callable[..., Any])


class PlaceType(click.Path):
    """A path, or an address with a scheme, which stays as it is written."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Return a path, or the address."""
        if isinstance(value, str) and "://" in value:
            from flowml.cases import is_address

            if is_address(value):
                return value
        return Path(os.fsdecode(super().convert(value, param, ctx)))


paths_argument = click.argument(
    "paths", nargs=-1, required=True, type=PlaceType(), metavar="PATH..."
)
values_option = click.option(
    "--values", is_flag=True, help="Read the events too, to find values that are no numbers."
)
quality_option = click.option(
    "--quality", is_flag=True,
    help="Read the events too, and say of each tube whether it is fit for use.",
)  # fmt: skip
path_argument = click.argument("path", type=PlaceType(), metavar="FOLDER")
follow_links_option = click.option(
    "--follow-links", is_flag=True,
    help="Follow symbolic links; without it they are passed over, and told.",
)  # fmt: skip
jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True,
    help="Worker processes.",
)  # fmt: skip
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True,
    help="The same seed gives the same result.",
)  # fmt: skip
format_option = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table",
    show_default=True, help="What to print on standard output.",
)  # fmt: skip
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress and no notes.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Show every finding.")
model_option = click.option(
    "--model", required=True, metavar="FILE",
    help="A model that 'flowml train' wrote, or 'demo' for the bundled one (synthetic).",
)  # fmt: skip
model_hash_option = click.option(
    "--model-sha256", metavar="HASH", help="Refuse any other model than the one with this hash."
)
columns_option = click.option(
    "--with-columns", multiple=True, metavar="[METHOD=]CSV",
    help="Join results of another method (blood counts, FISH, ...) by case id: numbers, yes or "
    "no; may be repeated.",
)  # fmt: skip
rules_option = click.option(
    "--rules/--no-rules", default=True, show_default=True,
    help="Ask the laboratory's own rules, too (light chains, APL alert, immature cells, ...), "
    "and hold them against each answer.",
)  # fmt: skip
given_option = click.option(
    "--given", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="CSV",
    help="What is known of the cases beside their files, by case id: specimen, distribution, "
    "clonal_b_cells, treated, ...; columns of a manifest or of --labels count, too.",
)  # fmt: skip
marker_names_option = click.option(
    "--marker-names", type=click.Path(path_type=Path), metavar="CSV",
    help="The laboratory's own names of markers, columns alias and canonical; they go before "
    "the built-in ones.",
)  # fmt: skip
panel_option = click.option(
    "--panel", "panels", multiple=True, metavar="FILE",
    help="A panel of the laboratory, a TOML file, beside those that are known; may be "
    "repeated.",
)  # fmt: skip
MOST_SHOWN = 10  # names in a note


def chained(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Combine options into one decorator, in the order in which help lists them."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


layout_options = chained(
    click.option(
        "--case-per", type=click.Choice(["auto", "file", "folder"]), default="auto",
        show_default=True,
        help="auto: files in FOLDER are one case each, sub-folders are one case each.",
    ),
    click.option(
        "--pattern", default="", metavar="REGEX",
        help="Find cases by names instead: a regular expression for the whole path within "
        "FOLDER, like '(?P<case>[^_/]+)_(?P<tube>[^/]+)\\.(fcs|lmd)'. The group case is the "
        "id, tube and patient are understood, other groups are details.",
    ),
)  # fmt: skip
compensation_options = chained(
    click.option(
        "--compensation", default="auto", show_default=True, metavar="auto|none|file|CSV",
        help="auto: by the file's own matrix, unless its data are compensated already; none: "
        "take values as they are; file: by the file's matrix or not at all; CSV: by this one.",
    ),
    click.option(
        "--already-compensated", is_flag=True,
        help="Declare the data compensated: no matrix is applied, and the results say so.",
    ),
)  # fmt: skip
reading_options = chained(
    layout_options,
    follow_links_option,
    compensation_options,
    marker_names_option,
    click.option(
        "--quality", type=click.Choice(["off", "mask", "strict"]), default="off",
        show_default=True,
        help="mask: leave out disturbed stretches, doublets and debris; strict: a case with a "
        "tube that fails a check cannot be used. 'flowml check --quality' shows the checks.",
    ),
    jobs_option,
    quiet_option,
    verbose_option,
)  # fmt: skip


def label_options(*, required: bool) -> Callable[[F], F]:
    """Return the options that name a label table."""
    return chained(
        click.option(
            "--labels", "label_table", required=required,
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            metavar="CSV", help="Table of cases and their entities.",
        ),
        click.option(
            "--id", "id_column", default="case_id", show_default=True, metavar="COLUMN",
            help="Case id, file name, or file name without its ending.",
        ),
        click.option(
            "--label", "label_column", default="entity", show_default=True, metavar="COLUMN",
            help="Entity, in any letter case or by an alias.",
        ),
        click.option(
            "--where", multiple=True, metavar="COLUMN=VALUE",
            help="Use only rows that fulfil this; may be repeated.",
        ),
    )  # fmt: skip


def cases_from(path: Path | str, options: dict[str, Any]) -> CaseSearch:
    """Find the cases, and say what was passed over."""
    from flowml.cases import search_cases
    from flowml.cli.talk import note_passed_over

    search = search_cases(
        path,
        case_per=options["case_per"],
        pattern=options["pattern"],
        follow_links=options["follow_links"],
    )
    if not options["quiet"]:
        note_passed_over(search.findings, verbose=options["verbose"])
    return search


def refuse_overwriting(out: Path, *inputs: Path | str) -> None:
    """Refuse an output that would take the place of an input or of a measurement."""
    from flowml.fcs.keys import FILE_ENDINGS

    paths = (item for item in inputs if isinstance(item, Path))  # no address is written to
    replaces = any(out.resolve() == path.resolve() for path in paths)
    if replaces or out.suffix.lower() in FILE_ENDINGS:
        raise click.BadParameter(
            f"{str(out)!r} is an input, or has the ending of a measurement. "
            "Choose another name.",
            param_hint="'--out'",
        )


def refuse_unwritable(out: Path) -> None:
    """Refuse an output whose folder cannot be written to, before the work is done for it."""
    from flowml.safety import writable_folder

    writable_folder(next(parent for parent in out.absolute().parents if parent.exists()))


def reading_from(options: dict[str, Any], *, hash_files: bool = True) -> Reading:
    """Collect how files are read."""
    from flowml.reading import Reading

    return Reading(
        compensation=policy_from(options),
        jobs=options["jobs"],
        hash_files=hash_files,
        marker_names=marker_names_from(options["marker_names"]),
        quality=options["quality"],
    )


def policy_from(options: dict[str, Any]) -> str:
    """Return how values are compensated."""
    from flowml.preprocess.compensate import ALREADY

    policy: str = options["compensation"]
    if not options["already_compensated"]:
        return policy
    if policy not in {"auto", "none", ALREADY}:
        raise click.UsageError(
            "the data are said to be compensated already, and yet to be compensated by "
            f"{policy!r}. Choose one."
        )
    return ALREADY


def marker_names_from(path: Path | None) -> MarkerNames | None:
    """Read the laboratory's own names of markers, if there are any."""
    from flowml.knowledge.marker_names import read_marker_names

    return None if path is None else read_marker_names(path)


def side_tables(options: dict[str, Any]) -> list[Path]:
    """Return the tables given beside the cases, which no output may replace."""
    own = options["marker_names"]
    return [file for _, file in column_files(options)] + ([] if own is None else [own])


def require_labels(options: dict[str, Any]) -> None:
    """Refuse to go on without a table of labels, which FCS files cannot hold."""
    if not options["label_table"]:
        raise click.UsageError("Missing option '--labels'.")


def labels_from(
    options: dict[str, Any], cases: list[Case], tree: LabelTree | None = None
) -> Labels:
    """Read the label table; without a tree, labels are flowml's own entities."""
    from flowml.cases import read_labels
    from flowml.knowledge import load_label_tree

    return read_labels(
        options["label_table"],
        cases,
        tree or load_label_tree(),
        id_column=options["id_column"],
        label_column=options["label_column"],
        where=options["where"],
    )


def column_files(options: dict[str, Any]) -> list[tuple[str, Path]]:
    """Return the methods and files of ``--with-columns``; no method where none is given."""
    return [_method_and_file(text) for text in options["with_columns"]]


def _method_and_file(text: str) -> tuple[str, Path]:
    """Take METHOD=FILE apart; a file whose name has the sign itself is that file."""
    method, sign, name = text.partition("=")
    if not sign or Path(text).is_file():
        return "", Path(text)
    if not method.strip() or not name:
        raise click.BadParameter(
            f"{text!r} lacks a method or a file. Write it like FISH=fish.csv, or fish.csv.",
            param_hint="'--with-columns'",
        )
    return method.strip(), Path(name)


def given_from(
    options: dict[str, Any], cases: Sequence[Case], *, is_whole: bool = False
) -> list[Case]:
    """Add what the label table and the table of what is given say of the cases.

    Of the label table all columns if it is wanted whole, not only what may be given.
    """
    from flowml.cases import with_given

    given = list(cases)
    if options["label_table"]:
        table, ids = options["label_table"], options["id_column"]
        given = with_given(given, table, ids, is_whole=is_whole)
    if options["given"]:
        given = with_given(given, options["given"])
    return given


def columns_from(
    options: dict[str, Any], cases: list[Case], used: Collection[str] | None = None
) -> list[OtherResults]:
    """Read the results of other methods, and say which rows and cases did not meet.

    `used` are the ids of the cases that shall have a row; all if it is not given.
    """
    from flowml.features.columns import check_methods, read_columns

    columns = [read_columns(file, cases, method) for method, file in column_files(options)]
    check_methods(columns)
    wanted = [c.case_id for c in cases if used is None or c.case_id in used]
    for results in () if options["quiet"] else columns:
        _note_columns(results, wanted)
    return columns


def _note_columns(results: OtherResults, wanted: list[str]) -> None:
    from flowml.cli.talk import note
    from flowml.safety import printable

    if not results.values:
        note(
            f"{results.method}: none of {results.strangers} rows names a case here; ids are "
            "case ids, file names, or file names without their ending"
        )
    elif results.strangers:
        note(f"{results.method}: {results.strangers} rows name no case here, and are left out")
    if without := [case_id for case_id in wanted if case_id not in results.values]:
        shown = printable(", ".join(without[:MOST_SHOWN]), 400)
        more = ", …" if len(without) > MOST_SHOWN else ""
        note(f"{results.method}: {len(without)} cases have no row: {shown}{more}")
