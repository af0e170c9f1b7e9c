"""Draw simulated cases in the views in which a laboratory looks at them.

Run: python scripts/make_gallery.py [--out docs/pictures/gallery] [--only CLL,MCL]
A picture shows the first case of the cohort of `SEED` that fits: of a clone the share between
20 and 60 %, else the specimen or the variant that is asked for. Its colours are those of the
truth: single neoplastic cells orange, all others grey. The same program draws the same bytes.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import flowml
from flowml.knowledge.panels import View, load_panel, load_views
from flowml.preprocess import (
    Transform,
    display_scale,
    is_shown_in_decades,
    logicle_width,
)
from flowml.preprocess.transform import Logicle
from flowml.simulator import Truth, held, truth_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

SEED, CASES, EVENTS = 2_026, 200, 30_000
SHARE = (0.20, 0.60)  # of the neoplastic cells in the case that is shown
COLUMNS, SIZE = 4, (2.75, 2.55)  # of a picture; inches of a view
DPI, COLOURS = 96, 96  # dots an inch; colours of the file
CLOSEST = 0.13  # share of an axis between two small labels that do not touch
LOW = 0.05  # quantile of the negative values that a scale shows
HEADING = 0.62  # inches
CLONE = "clone"
CHAINS = {"kappa": ", kappa", "lambda": ", lambda", "none": ", without light chain"}

B_AND_T = (
    "CD45 x SSC", "FSC x SSC", "CD19 x CD5", "CD20 x CD23",
    "CD19 x CD79b", "CD19 x CD10", "kappa x lambda", "CD25 x CD11c",
    "CD19 x CD103", "CD56 x CD3", "CD4 x CD8", "CD3 x HLA-DR",
)  # fmt: skip
ACUTE = (
    "CD45 x SSC", "CD34 x CD117", "CD13 x CD33", "HLA-DR x CD11b",
    "CD13 x CD16", "CD64 x CD14", "CD123 x HLA-DR", "CD10 x CD20",
    "CD19 x CD34", "cyCD3 x CD3", "CD7 x CD5", "MPO x cyCD79a",
)  # fmt: skip
PLASMA = (
    "CD45 x SSC", "FSC x SSC", "CD38 x CD138", "CD38 x CD45",
    "CD19 x CD56", "cykappa x cylambda", "CD117 x CD81", "CD27 x CD28",
)  # fmt: skip
VIEWS = {"cll-9f": B_AND_T, "acute": ACUTE, "plasma-cell": PLASMA}

# What a view's gate shows: populations of populations.toml, and the clone where it belongs
# there. Gates are the truth, not drawn; they hold single cells only.
T_CELLS = (
    "CD4 T cells", "CD8 T cells", "CD57 T cells", "activated CD8 T cells", "CD4-CD8- T cells",
    "gamma-delta T cells",
)  # fmt: skip
B_CELLS = ("B cells", "hematogones")
GATES: Mapping[str, tuple[str, ...]] = {
    "T cells": T_CELLS,
    "B cells": B_CELLS,
    "lymphocytes": (*T_CELLS, *B_CELLS, "NK cells", "CD56 bright NK cells"),
    "granulocytes": ("neutrophils", "immature granulocytes", "promyelocytes"),
    "plasma cells": ("plasma cells", "CD19-negative plasma cells"),
    "blasts": ("myeloid blasts", "hematogones"),
}
BLOOD = {"specimen": "blood", "variant": "healthy"}
MARROW = {"specimen": "marrow", "variant": "healthy"}
REGENERATING = {"variant": "regenerating marrow"}
ACTIVATED = {"variant": "EBV or CD8 activation"}


@dataclass(frozen=True)
class Wanted:
    """What a picture shows.

    Parameters
    ----------
    file : str
        Name of the picture, without its ending.
    entity, panel : str
        Of the cohort.
    gates : tuple of str
        Which of `GATES` the clone belongs to.
    where : mapping of str to str
        Details that the case must have.
    """

    file: str
    entity: str
    panel: str
    gates: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)


def blood_panel(gate: str, *entities: str) -> Iterator[Wanted]:
    """Want mature neoplasms of one lineage."""
    for name in entities:
        yield Wanted(name.lower(), name, "cll-9f", ("lymphocytes", gate))


PICTURES = (
    *blood_panel("B cells", "CLL", "MCL", "FL", "DLBCL", "MZL", "LPL", "HCL"),
    *blood_panel("T cells", "T-PLL", "T-LGLL", "Sezary"),
    Wanted("aml", "AML", "acute", ("blasts",)),
    Wanted("apl", "APL", "acute", ("blasts", "granulocytes")),
    Wanted("b-all", "B-ALL", "acute", ("blasts", "B cells")),
    Wanted("t-all", "T-ALL", "acute", ("blasts", "T cells")),
    Wanted("mm", "MM", "plasma-cell", ("plasma cells",)),
    Wanted("normal-blood", "normal", "cll-9f", where=BLOOD),
    Wanted("normal-marrow", "normal", "acute", where=MARROW),
    Wanted("regenerating-marrow", "reactive", "acute", where=REGENERATING),
    Wanted("cd8-activation", "reactive", "cll-9f", where=ACTIVATED),
)


def first_case(wanted: Wanted) -> flowml.Case:
    """Return the first case that fits."""
    cohort = flowml.simulate(
        wanted.panel, entities=wanted.entity, cases=CASES, events=EVENTS, seed=SEED
    )
    for case in cohort:
        details, share = case.details, float(case.details["neoplastic_share"])
        fits = all(details[key] == value for key, value in wanted.where.items())
        if fits and (bool(wanted.where) or SHARE[0] <= share <= SHARE[1]):
            return case
    raise SystemExit(f"no case of {CASES} fits {wanted}")


def shown(case: flowml.Case, panel: str) -> Iterator[tuple[View, flowml.Sample, Truth]]:
    """Give each view with the first tube that has its markers, compensated."""
    samples = [flowml.compensate(tube.origin) for tube in held(case).tubes]
    tubes = [(s, truth_of(t.origin)) for s, t in zip(samples, case.tubes, strict=True)]
    views = {view.name: view for view in load_views()}
    for view in (views[name] for name in VIEWS[panel]):
        sample, truth = next(t for t in tubes if {view.x, view.y} <= set(t[0].markers))
        yield view, sample, truth


def gate_of(view: View, truth: Truth, gates: tuple[str, ...]) -> np.ndarray:
    """Return the events that a view shows."""
    if not view.gate:
        return np.ones(len(truth.population), dtype=bool)
    inside = np.isin(truth.population, GATES[view.gate])
    return (inside | (truth.neoplastic & (view.gate in gates))) & truth.intact


def draw(wanted: Wanted) -> Figure:
    """Draw one case."""
    case = first_case(wanted)
    rows = -(-len(VIEWS[wanted.panel]) // COLUMNS)
    size = (COLUMNS * SIZE[0], rows * SIZE[1] + HEADING)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title(case, wanted.panel), fontsize=11, parse_math=False)
    axes = figure.subplots(rows, COLUMNS).ravel()
    for ax, (view, sample, truth) in zip(axes, shown(case, wanted.panel), strict=True):
        draw_view(ax, view, sample, (gate_of(view, truth, wanted.gates), truth))
    return figure


def draw_view(
    ax: Axes, view: View, sample: flowml.Sample, events: tuple[np.ndarray, Truth]
) -> None:
    """Draw the events inside a view's gate, those of single neoplastic cells in colour."""
    inside, truth = events
    clone = truth.neoplastic & truth.intact
    marked = {CLONE: clone} if clone.any() else None
    scales = {name: scale_of(sample, name) for name in (view.x, view.y)}
    flowml.plot.view(sample, view.x, view.y, within=inside, marked=marked, scales=scales, ax=ax)
    ax.set_title(f"{view.gate or 'all events'}, {inside.sum():,}", fontsize=8.5)
    for side in (ax.xaxis, ax.yaxis):
        side.set_tick_params(labelsize=7)
        side.label.set_size(8.5)
        side.labelpad = 1
        side.set_ticks(side.get_majorticklocs(), spaced(side))
    if (legend := ax.get_legend()) is None:
        return
    for text in legend.get_texts():
        text.set_size(7)
    legend.set_visible(bool((clone & inside).any()))


def spaced(side: Axis) -> list[str]:
    """Return the labels of an axis, without those below zero that would touch zero's."""
    places = side.get_majorticklocs()
    labels = [text.get_text() for text in side.get_ticklabels()]
    low, high = side.get_view_interval()
    near = np.diff(places, append=np.inf) < CLOSEST * (high - low)
    return [
        "" if crowded and label.startswith("$-") else label
        for label, crowded in zip(labels, near, strict=True)
    ]


def scale_of(sample: flowml.Sample, name: str) -> Transform:
    """Return a channel's scale: logicle as wide as its negative values ask for."""
    column = sample.column(name)
    channel, values = sample.channels[column], sample.events()[:, column]
    if not is_shown_in_decades(channel):
        return display_scale(channel)
    negative = values[values < 0]
    lowest = float(np.quantile(negative, LOW)) if negative.size else 0.0
    return Logicle(channel.top, logicle_width(lowest, channel.top))


def title(case: flowml.Case, panel: str) -> str:
    """Say what is true of a case, in two lines."""
    details, share = case.details, float(case.details["neoplastic_share"])
    clone = f", clone {100 * share:.0f} % of intact cells" if share else ""
    chain = CHAINS.get(details["light_chain"], "")
    cytometer = case.tubes[0].origin.keywords["$CYT"]
    return (
        f"{details['entity']} ({details['variant']}), {details['specimen']}{clone}{chain}\n"
        f"simulated; {load_panel(panel).title}; {cytometer}; case {case.case_id}"
    )


def save(figure: Figure, path: Path, colours: int = COLOURS) -> None:
    """Write a picture with few colours, the same bytes each time."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    picture = Image.open(stream).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)


def main() -> None:
    """Draw all pictures, or those asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/gallery"))
    parser.add_argument("--only", default="", help="names of files, separated by commas")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for wanted in PICTURES:
        if not options.only or wanted.file in options.only.lower().split(","):
            path = options.out / f"{wanted.file}.png"
            save(draw(wanted), path)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
