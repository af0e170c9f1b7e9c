"""``flowml plot``: diagnostic pictures of files, and of cases beside a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.gate import PANELS
from flowml.cli.options import (
    compensation_options,
    follow_links_option,
    layout_options,
    marker_names_from,
    marker_names_option,
    paths_argument,
    policy_from,
    quiet_option,
    verbose_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowml.cases import FileSearch
    from flowml.plotting import Drawn, Wanted

# Kept here so that help need not import what draws.
TRANSFORMS = ("logicle", "arcsinh", "log", "linear", "hyperlog", "biexponential")
OF_FILES = ("page", "view", "gating", "compensation", "histograms", "quality")
OF_VIEWS = OF_FILES[:2]
OF_CASES = ("training", "contributions")


@click.command(epilog=DISCLAIMER)
@paths_argument
@click.option(
    "--kind", type=click.Choice([*OF_FILES, *OF_CASES]), default=None,
    help="page: the laboratory's views of a tube (the default); view: --x against --y; gating: "
    "--gates, parent by parent; compensation: every pair before and after; histograms: markers "
    "over those of --reference; quality: rate and signals over time; training: a case among "
    "the training cases of --model; contributions: of its markers to the answer.",
)  # fmt: skip
@click.option("--x", default="", metavar="MARKER", help="Channel or marker along the bottom.")
@click.option("--y", default="", metavar="MARKER", help="Channel or marker along the side.")
@click.option(
    "--gates", metavar="FILE|auto",
    help="A TOML file, Gating-ML 2.0, a workspace of FlowJo 10, or what flowml.EventClassifier "
    "has learned; auto: gates that are found without a person. What is not sure is told, and "
    "has no colour.",
)  # fmt: skip
@click.option("--panel", type=click.Choice(PANELS), default=PANELS[0], show_default=True,
              help="Of automatic gates: which cells are of interest; auto tells by the "
              "markers.")  # fmt: skip
@click.option("--sample", default="", metavar="NAME",
              help="Sample of a workspace whose gates all files get; else each gets those of "
              "the sample with its name.")  # fmt: skip
@click.option(
    "--within", default="", metavar="POPULATION",
    help="Show only this population of --gates; the other events of a view are pale.",
)  # fmt: skip
@click.option(
    "--mark", "marked", multiple=True, metavar="POPULATION",
    help="Draw this population of --gates in its colour, sure or not, and all others grey; may "
    "be repeated.",
)  # fmt: skip
@click.option(
    "--marker", "markers", multiple=True, metavar="MARKER",
    help="Histograms or compensation of these markers only; may be repeated.",
)  # fmt: skip
@click.option(
    "--reference", "reference_place", type=click.Path(path_type=Path, exists=True),
    metavar="FOLDER", help="Files, such as normal ones, that histograms are held against.",
)  # fmt: skip
@click.option(
    "--model", metavar="FILE",
    help="A model that 'flowml train' wrote, or 'demo' for the bundled one (synthetic).",
)  # fmt: skip
@click.option("--case", "case_id", default="", metavar="CASE_ID",
              help="Only this case, of those in the one folder given.")  # fmt: skip
@click.option("--style", type=click.Choice(["density", "contour"]), default="density",
              show_default=True, help="How events are drawn in views.")  # fmt: skip
@click.option("--transform", type=click.Choice(TRANSFORMS), default=TRANSFORMS[0],
              show_default=True, help="Scale of fluorescence in views; linear: all values as "
              "they are stored, as for files that are on a display scale already.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("plots"), show_default=True,
    metavar="PATH", help="Folder of the pictures; or the picture, where there is only one.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["png", "svg", "pdf"]), default="png",
              show_default=True, help="Format of the pictures in a folder.")  # fmt: skip
@click.option("--dpi", type=click.IntRange(30, 600), default=150, show_default=True,
              help="Dots per inch.")  # fmt: skip
@layout_options
@follow_links_option
@compensation_options
@marker_names_option
@quiet_option
@verbose_option
def command(paths: tuple[Path | str, ...], kind: str | None, **options: Any) -> int:
    """Draw pictures of FCS files, or of cases beside a model; their paths are printed.

    PATH is a file, a folder or an address of one. A file or case that cannot be drawn is told
    with the reason, and the exit status is then 1.
    """
    if kind is None:
        kind = "view" if options["x"] or options["y"] else "page"
    _refuse_misuse(paths, kind, options)
    return _plot_cases(paths[0], kind, options) if kind in OF_CASES else _plot_files(
        paths, kind, options
    )  # fmt: skip


def _refuse_misuse(paths: tuple[Path | str, ...], kind: str, options: dict[str, Any]) -> None:
    """Refuse options that do not go together, before anything is read."""
    if kind == "view" and not (options["x"] and options["y"]):
        raise click.UsageError("a view needs both --x and --y.")
    if kind == "gating" and options["gates"] in {None, "auto"}:
        raise click.UsageError(
            "--kind gating needs --gates that a person drew; --kind page shows others."
        )
    if (options["within"] or options["marked"]) and options["gates"] is None:
        raise click.UsageError("--within and --mark name populations of --gates; give it.")
    if options["transform"] != TRANSFORMS[0] and kind not in OF_VIEWS:
        raise click.UsageError("--transform is for --kind page or view.")
    if options["reference_place"] is not None and kind != "histograms":
        raise click.UsageError("--reference is for --kind histograms.")
    if kind in OF_CASES and not options["model"]:
        raise click.UsageError(f"--kind {kind} needs --model.")
    if kind in OF_CASES and len(paths) != 1:
        raise click.UsageError(f"--kind {kind} takes one folder of cases, not {len(paths)}.")


def _plot_files(paths: tuple[Path | str, ...], kind: str, options: dict[str, Any]) -> int:
    from flowml.plotting import plot_files
    from flowml.reports.plots.saving import picture_paths

    search = _search(paths, options)
    places = picture_paths(
        [f.name for f in search.files], options["out"], kind, options["form"]
    )
    names = marker_names_from(options["marker_names"])
    wanted = _wanted(kind, options)
    drawn = plot_files(search.files, wanted, places, dpi=options["dpi"], marker_names=names)
    return max(_tell(drawn, len(places), options), int(search.is_incomplete))


def _search(paths: tuple[Path | str, ...], options: dict[str, Any]) -> FileSearch:
    from flowml.cli.talk import note_passed_over
    from flowml.reports.inspection import search_places

    search = search_places(paths, follow_links=options["follow_links"])
    if not options["quiet"]:
        note_passed_over(search.findings, verbose=options["verbose"])
    return search


def _wanted(kind: str, options: dict[str, Any]) -> Wanted:
    """Collect what is drawn; reference samples are read for it."""
    from dataclasses import replace

    from flowml.cli.talk import note_cases
    from flowml.gating.gaters import gates_from
    from flowml.plotting import Wanted, reference_of

    gates = options["gates"]
    wanted = Wanted(
        kind, options["x"], options["y"], gates and gates_from(gates, options["panel"]),
        options["within"], options["marked"], options["markers"], style=options["style"],
        compensation=policy_from(options), sample=options["sample"],
        transform=options["transform"],
    )  # fmt: skip
    place = options["reference_place"]
    if place is None:
        return wanted
    names = marker_names_from(options["marker_names"])
    found, failed = reference_of(_search((place,), options).files, wanted, names)
    note_cases("references cannot be used", {item.name: item.error for item in failed})
    return replace(wanted, reference=found)


def _plot_cases(path: Path | str, kind: str, options: dict[str, Any]) -> int:
    from flowml.cli.options import cases_from
    from flowml.explaining import chosen_case
    from flowml.models import load_model
    from flowml.plotting import plot_cases
    from flowml.reading import Reading
    from flowml.reports.plots.saving import picture_paths

    model = load_model(options["model"])
    cases = list(cases_from(path, options).cases)
    if options["case_id"]:
        cases = [chosen_case(cases, options["case_id"])]
    places = picture_paths([c.case_id for c in cases], options["out"], kind, options["form"])
    names = marker_names_from(options["marker_names"])
    reading = Reading(policy_from(options), hash_files=False, marker_names=names)
    drawn = plot_cases(cases, model, kind, places, dpi=options["dpi"], reading=reading)
    return _tell(drawn, len(places), options)


def _tell(drawn: Iterable[Drawn], total: int, options: dict[str, Any]) -> int:
    """Print the path of every picture, and why others are missing."""
    from flowml.cli.talk import note, note_cases, progress
    from flowml.safety import printable

    failed = {}
    with progress("drawn", total, quiet=options["quiet"]) as done:
        for count, item in enumerate(drawn, start=1):
            if item.path is None:
                failed[item.name] = item.error
            else:
                click.echo(printable(item.path, 4096))
            done(count)
    note_cases("cannot be drawn", failed)
    note(DISCLAIMER, quiet=options["quiet"])
    return 1 if failed else 0
