"""From files to pictures: what ``flowml plot`` does, one picture a file or a case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flowml.cases import fetched
from flowml.errors import FlowmlError, GateError
from flowml.explaining import explain
from flowml.fcs import read_fcs
from flowml.gating import GateDocument, Strategy
from flowml.gating.gaters import Gates, find_populations
from flowml.pipeline import model_for_files
from flowml.reading import DEFAULT_READING, Reading, extract_table
from flowml.reports import plots
from flowml.reports.density import DENSITY
from flowml.reports.plots.axes import USUAL, scales_by
from flowml.reports.plots.outlines import on_own_matrix
from flowml.reports.plots.shown import named, population_mask
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from flowml.cases import Found
    from flowml.gating.gates import Mask
    from flowml.gating.populations import Populations
    from flowml.knowledge.marker_names import MarkerNames
    from flowml.models import TrainedModel
    from flowml.records import Case, Sample
    from flowml.reports.plots import Reference

    Picture = Axes | Figure | SubFigure


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn of each file.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    x, y : str
        Channels or markers of a view.
    gates : Strategy, GateDocument, EventClassifier, Automatic or None
        What finds populations; of a workspace the sample with the name of the file.
    within : str
        Population of `gates` that is shown alone; empty for all events.
    marked : tuple of str
        Populations of `gates` that are drawn in colour; those that are sure and without
        children if none are named, but on a view only where gates have no outlines.
    markers : tuple of str
        Of histograms, or of the matrix of compensation; all if none are named.
    reference : Reference or None
        What histograms are held against.
    style : str
        ``density`` or ``contour``.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.
    sample : str
        A sample of a workspace whose gates are taken for all files.
    transform : str
        Scale of fluorescence on views; ``linear`` shows all values as they are stored.
    """

    kind: str = "page"
    x: str = ""
    y: str = ""
    gates: Gates | GateDocument | None = None
    within: str = ""
    marked: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    reference: Reference | None = None
    style: str = DENSITY
    compensation: str = "auto"
    sample: str = ""
    transform: str = USUAL


@dataclass(frozen=True)
class Drawn:
    """What became of a file or a case.

    Parameters
    ----------
    name : str
        As it was found.
    path : Path or None
        The picture; None where there is none.
    error : str
        Why there is none.
    """

    name: str
    path: Path | None = None
    error: str = ""


def draw_sample(sample: Sample, wanted: Wanted) -> Picture:
    """Draw one sample.

    Parameters
    ----------
    sample : Sample
        As it was read.
    wanted : Wanted
        What is drawn.

    Returns
    -------
    matplotlib Axes, Figure or SubFigure
        What `flowml.plot.save` writes.

    Raises
    ------
    FlowmlError
        If the kind is unknown, or the sample or its gates cannot be drawn.
    """
    if wanted.kind not in KINDS:
        raise FlowmlError(
            f"unknown kind of picture {printable(wanted.kind, 60)!r}; choose from "
            f"{', '.join([*KINDS, *KINDS_OF_CASES])}."
        )
    draw: Callable[[Sample, Wanted], Picture] = KINDS[wanted.kind]
    return draw(sample, wanted)


def draw_case(
    case: Case, model: TrainedModel, kind: str, reading: Reading = DEFAULT_READING
) -> Picture:
    """Draw one case beside a model.

    Parameters
    ----------
    case : Case
        Its files are read.
    model : TrainedModel
        With a recipe for FCS files.
    kind : str
        A key of `KINDS_OF_CASES`.
    reading : Reading
        How files are read.

    Returns
    -------
    matplotlib Axes, Figure or SubFigure
        What `flowml.plot.save` writes.

    Raises
    ------
    FlowmlError
        If the case cannot be used; the message says why.
    """
    draw: Callable[[Case, TrainedModel, Reading], Picture] = KINDS_OF_CASES[kind]
    return draw(case, model, reading)


def plot_files(
    files: Sequence[Found],
    wanted: Wanted,
    paths: Sequence[Path],
    *,
    dpi: int = 150,
    marker_names: MarkerNames | None = None,
) -> Iterator[Drawn]:
    """Draw files, one picture each.

    Parameters
    ----------
    files : sequence of Found
        Files, and how they are called in the output.
    wanted : Wanted
        What is drawn.
    paths : sequence of Path
        Of the pictures, as `flowml.reports.plots.saving.picture_paths` gives them.
    dpi : int
        Dots per inch.
    marker_names : MarkerNames, optional
        A laboratory's own names.

    Yields
    ------
    Drawn
        In the order of the files; a file that cannot be drawn says why, and stops no other.

    Raises
    ------
    OutputError
        If a picture cannot be written.
    """
    for file, path in zip(files, paths, strict=True):
        try:
            with fetched(file.origin) as near:
                sample = read_fcs(near, name=file.name, marker_names=marker_names)
                picture = draw_sample(sample, wanted)
        except FlowmlError as error:
            yield Drawn(file.name, error=str(error))
        else:
            yield Drawn(file.name, plots.save(picture, path, dpi=dpi))


def plot_cases(
    cases: Sequence[Case],
    model: TrainedModel,
    kind: str,
    paths: Sequence[Path],
    *,
    dpi: int = 150,
    reading: Reading = DEFAULT_READING,
) -> Iterator[Drawn]:
    """Draw cases beside a model, one picture each.

    Parameters
    ----------
    cases : sequence of Case
        Which.
    model : TrainedModel
        With a recipe for FCS files.
    kind : str
        A key of `KINDS_OF_CASES`.
    paths : sequence of Path
        Of the pictures, as `flowml.reports.plots.saving.picture_paths` gives them.
    dpi : int
        Dots per inch.
    reading : Reading
        How files are read.

    Yields
    ------
    Drawn
        In the order of the cases; one that cannot be used says why, and stops no other.

    Raises
    ------
    OutputError
        If a picture cannot be written.
    """
    for case, path in zip(cases, paths, strict=True):
        try:
            picture = draw_case(case, model, kind, reading)
        except FlowmlError as error:
            yield Drawn(case.case_id, error=str(error))
        else:
            yield Drawn(case.case_id, plots.save(picture, path, dpi=dpi))


def reference_of(
    files: Sequence[Found], wanted: Wanted, marker_names: MarkerNames | None = None
) -> tuple[Reference, list[Drawn]]:
    """Measure reference samples for histograms.

    Parameters
    ----------
    files : sequence of Found
        Such as normal samples of the same tube and instrument.
    wanted : Wanted
        Its gates and population, and how values are compensated.
    marker_names : MarkerNames, optional
        A laboratory's own names.

    Returns
    -------
    reference : Reference
        Of all files that can be used.
    failed : list of Drawn
        The others, with the reason.
    """
    parts, failed = [], []
    for file in files:
        try:
            with fetched(file.origin) as near:
                sample = read_fcs(near, name=file.name, marker_names=marker_names)
                mask, _ = _alone(sample, wanted)
                parts.append(
                    plots.reference([sample], within=[mask], compensation=wanted.compensation)
                )
        except FlowmlError as error:
            failed.append(Drawn(file.name, error=str(error)))
    return plots.Reference.joined(parts), failed


def _gates(sample: Sample, wanted: Wanted) -> Gates | None:
    """Return the gates of a sample; of a workspace those of its own."""
    if isinstance(wanted.gates, GateDocument):
        return wanted.gates.strategy(wanted.sample or sample.name)
    return wanted.gates


def _gated(sample: Sample, wanted: Wanted) -> tuple[Populations | None, Gates | None]:
    """Return the populations of a sample and its gates, which a workspace is read once for."""
    gates = _gates(sample, wanted)
    found = None if gates is None else find_populations(sample, gates, wanted.compensation)
    return found, gates


def _within(found: Populations | None, wanted: Wanted) -> tuple[Mask | None, str]:
    """Return the events of the population that is shown alone, and what they are called."""
    if not wanted.within:
        return None, ""
    return population_mask(found, wanted.within), named(found, wanted.within)


def _alone(sample: Sample, wanted: Wanted) -> tuple[Mask | None, str]:
    """Return the same of a picture that needs no other population."""
    return _within(_gated(sample, wanted)[0] if wanted.within else None, wanted)


def _draw_view(sample: Sample, wanted: Wanted) -> Picture:
    if not (wanted.x and wanted.y):
        raise FlowmlError("a view needs two channels or markers. Name them with --x and --y.")
    found, gates = _gated(sample, wanted)
    drawn = gates if isinstance(gates, Strategy) else None
    within, called = _within(found, wanted)
    marked: Mapping[str, Mask] | Populations | None = None
    if wanted.marked:
        marked = {named(found, name): population_mask(found, name) for name in wanted.marked}
    elif drawn is None and within is None:
        marked = found
    return plots.view(
        sample, wanted.x, wanted.y, gates=drawn, within=within, marked=marked,
        scales=scales_by(sample, wanted.transform), compensation=wanted.compensation,
        style=wanted.style, counts=True, others=bool(wanted.within), of=called,
    )  # fmt: skip


def _draw_page(sample: Sample, wanted: Wanted) -> Picture:
    found, gates = _gated(sample, wanted)
    if isinstance(gates, Strategy):
        sample, _ = on_own_matrix(sample, gates, wanted.compensation)
    return plots.page(
        sample, populations=found, marked=wanted.marked,
        scales=scales_by(sample, wanted.transform), compensation=wanted.compensation,
        style=wanted.style,
    )  # fmt: skip


def _draw_gating(sample: Sample, wanted: Wanted) -> Picture:
    gates = _gates(sample, wanted)
    if gates is None:
        raise FlowmlError("a picture of gating needs gates. Give a document with --gates.")
    if not isinstance(gates, Strategy):
        raise GateError(
            "gates that are found or learned have no outlines to draw. --kind page shows their "
            "populations in colour."
        )
    return plots.gating(sample, gates, compensation=wanted.compensation)


def _draw_compensation(sample: Sample, wanted: Wanted) -> Picture:
    return plots.compensation(sample, channels=wanted.markers, policy=wanted.compensation)


def _draw_histograms(sample: Sample, wanted: Wanted) -> Picture:
    within, called = _alone(sample, wanted)
    return plots.histograms(
        sample, reference=wanted.reference, markers=wanted.markers, within=within,
        compensation=wanted.compensation, of=called,
    )  # fmt: skip


def _draw_quality(sample: Sample, wanted: Wanted) -> Picture:
    return plots.quality(sample, compensation=wanted.compensation)


def _draw_training(case: Case, model: TrainedModel, reading: Reading) -> Picture:
    trained, recipe = model_for_files(model)
    table = extract_table([case], recipe, reading)
    (prediction,) = trained.predictions(table)
    if not prediction.was_usable:
        raise FlowmlError(f"{printable(case.case_id)}: {printable(prediction.reason, 600)}")
    row = table.columns(trained.feature_names)[0]
    return plots.training(trained, row, name=case.case_id)


def _draw_contributions(case: Case, model: TrainedModel, reading: Reading) -> Picture:
    return plots.contributions(explain(case, model, reading=reading))


KINDS: Mapping[str, Callable[[Sample, Wanted], Any]] = MappingProxyType(
    {
        "page": _draw_page,
        "view": _draw_view,
        "gating": _draw_gating,
        "compensation": _draw_compensation,
        "histograms": _draw_histograms,
        "quality": _draw_quality,
    }
)
KINDS_OF_CASES: Mapping[str, Callable[[Case, TrainedModel, Reading], Any]] = MappingProxyType(
    {"training": _draw_training, "contributions": _draw_contributions}
)
