"""``flowml deidentify``: copies without what identifies a patient."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import quiet_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.fcs.deidentify import Deidentified

Done = dict[str, "Deidentified"]  # by the shown name of the copy
Texts = dict[tuple[str, str], dict[str, None]]  # names of copies by keyword and text


@click.command(epilog=DISCLAIMER)
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--keep-dates", is_flag=True, help="Keep dates and times of the measurement.")
@click.option(
    "--rename", type=click.Choice(["none", "number"]), default="none", show_default=True,
    help="number: 0001.fcs and so on, in random order; files of a folder stay together.",
)  # fmt: skip
@click.option(
    "--map", "map_file", type=click.Path(path_type=Path, dir_okay=False), metavar="CSV",
    help="Where to note which number is which file; never in OUT. Required with numbers.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace copies that are there already.")
@click.option("--list", "show", is_flag=True, help="List all free text that stays, to look at.")
@quiet_option
def command(source: Path, out: Path, **options: Any) -> int:
    """Copy FCS files without what identifies a patient.

    IN is a file or a folder, OUT a folder apart from it; where IN is a file, OUT may be the
    name of the copy (.fcs or .lmd). Keywords outside a technical
    allow-list are blanked in place, in all data sets; events are copied as they are. Names of
    files and folders are kept unless --rename says otherwise. A file that cannot be proven to
    read as before gets no copy; the exit status is then 1.
    """
    from flowml.cases import search_files
    from flowml.cli.talk import note, note_passed_over
    from flowml.fcs.deidentify import write_map

    search = search_files(source)
    files = [file.origin for file in search.files if isinstance(file.origin, Path)]
    _check_places(source, out, options)
    copies = _copies(source, out, files, options["rename"])
    if options["map_file"]:
        root = source if source.is_dir() else source.parent
        write_map(options["map_file"], _relative(copies, root, out))
        note(f"the map from numbers to names: {options['map_file']}", quiet=options["quiet"])
    # in the order of the copies: their times and the log must not tell that of the names
    files.sort(key=copies.__getitem__)
    done: Done = {}
    n_there = sum(_copy(out, file, copies[file], options, done) for file in files)
    _tell(done, options, renamed=bool(options["map_file"]))
    refused = len(files) - len(done) - n_there
    note(f"{len(done)} files copied, {refused} refused", quiet=options["quiet"])
    if n_there:
        what = f"{n_there} left alone: copies are there; --overwrite replaces them"
        note(what, quiet=options["quiet"])
    if not options["quiet"]:  # where names were replaced, the log must not tell them
        note_passed_over(search.findings, named=not options["map_file"])
    return 0 if len(done) == len(files) and not search.is_incomplete else 1


def _check_places(source: Path, out: Path, options: Mapping[str, Any]) -> None:
    """Refuse places in which originals and copies, or copies and their map, would mix."""
    inside, outside = source.resolve(), out.resolve()
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise click.BadParameter(
            "it holds IN, or lies in it. Choose a folder apart from the originals.",
            param_hint="'OUT'",
        )
    if (options["rename"] == "number") != (options["map_file"] is not None):
        raise click.BadParameter("give --rename number and --map together.", param_hint="--map")
    if options["map_file"] is None:
        return
    if outside in (place := options["map_file"].resolve()).parents or place == outside:
        raise click.BadParameter(
            "the map would travel with the copies. Choose a place outside OUT.",
            param_hint="'--map'",
        )
    if place.exists() or (out.is_dir() and any(out.iterdir())) or options["overwrite"]:
        raise click.BadParameter(
            "numbers are given anew each time: the map must not be there yet, OUT be empty, "
            "and --overwrite not be given.",
            param_hint="'--rename'",
        )


def _copies(source: Path, out: Path, files: list[Path], rename: str) -> dict[Path, Path]:
    """Say where the copy of each file goes."""
    from flowml.fcs.deidentify import numbered
    from flowml.fcs.keys import FILE_ENDINGS

    root = source if source.is_dir() else source.parent
    names = {file: PurePath(file.relative_to(root)) for file in files}
    if rename == "number":
        numbers = numbered(names.values())
        return {file: out / numbers[name] for file, name in names.items()}
    if source.is_file() and out.suffix.lower() in FILE_ENDINGS and not out.is_dir():
        return {source: out}
    return {file: out / name for file, name in names.items()}


def _relative(copies: Mapping[Path, Path], root: Path, out: Path) -> dict[PurePath, PurePath]:
    return {file.relative_to(root): copy.relative_to(out) for file, copy in copies.items()}


def _copy(out: Path, file: Path, copy: Path, options: Mapping[str, Any], done: Done) -> bool:
    """Copy a file, and print its row; say whether it was left alone, as its copy is there."""
    from flowml.errors import FlowmlError
    from flowml.fcs.deidentify import CopyExistsError, deidentify_fcs
    from flowml.safety import printable

    name = copy.name if copy == out else copy.relative_to(out).as_posix()
    shown = printable(name)
    try:
        record = deidentify_fcs(
            file, copy, keep_dates=options["keep_dates"], overwrite=options["overwrite"]
        )
    except CopyExistsError:
        click.echo(f"{shown}: left alone: it is there already")
        return True
    except FlowmlError as error:  # does not stop the others
        click.echo(f"{shown}: refused: {printable(error, 600)}")
        return False
    done[name] = record
    sets = f"{record.n_datasets} data sets, " if record.n_datasets > 1 else ""
    unfit = f"; not fit to stay: {', '.join(record.unfit[:10])}" if record.unfit else ""
    click.echo(
        f"{shown}: {sets}{len(record.kept)} keywords kept, {record.n_blanked} blanked, "
        f"{record.n_bytes_cleared} other bytes cleared{unfit}"
    )
    return False


def _tell(done: Done, options: Mapping[str, Any], *, renamed: bool) -> None:
    """List the free text that stays, or say how much of it someone should look at."""
    from flowml.cli.talk import note

    quiet = options["quiet"]
    known: Texts = {}
    unknown: Texts = {}
    for name, record in done.items():
        for item in record.texts:
            texts = known if item.is_known else unknown
            key = re.sub(r"\d+", "n", item.keyword), item.text
            texts.setdefault(key, {})[name] = None
    if options["show"]:
        _list("?", unknown)
        _list(" ", known)
    elif unknown:
        note(
            f"{len(unknown)} names or labels that stay are not in our tables: see --list",
            quiet=quiet,
        )
    if done and not renamed:
        note("names of files and folders were kept; they may name patients", quiet=quiet)


def _list(mark: str, texts: Texts) -> None:
    """Print each text with the number of files that hold it, and the first of them."""
    from flowml.safety import printable

    for (keyword, text), names in sorted(texts.items(), key=lambda item: item[0]):
        more = ", ..." if len(names) > 1 else ""
        files = f"{len(names)} file{'s' if len(names) > 1 else ''}"
        where = f"in {files}: {printable(next(iter(names)), 80)}{more}"
        click.echo(f"{mark} {keyword:<12} {printable(text)}  ({where})")
