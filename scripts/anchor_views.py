"""Draw a EuroFlow LST donor and a simulated one in the same views, one below the other.

Run: python scripts/anchor_views.py [--data FOLDER] [--out docs/pictures/anchor-views.png]
The donor is the first healthy one of the set, the simulated case the first blood of a healthy
person in the cohort of `anchor_lst.py`. Both are on the donor's display scale of 0 to 10,000;
colours are those of the populations, by the cytometrists' labels and by the simulator's truth.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from anchor_lst import CENTRES, CHANNELS, EVENTS, MERGED, OURS, SEED, on_display
from make_gallery import save
from matplotlib.figure import Figure

import flowml
from flowml.reports.density import draw_density
from flowml.simulator import truth_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VIEWS = (  # x, y, and the population of the gate
    ("CD45", "SSC", ""), ("FSC", "SSC", ""), ("CD19+TCRgd", "CD3", "lymphocytes"),
    ("CD4+CD20", "CD8+lambda", "lymphocytes"), ("CD56+kappa", "CD3", "lymphocytes"),
    ("CD56+kappa", "CD8+lambda", "B cells"), ("CD19+TCRgd", "CD5", "lymphocytes"),
    ("CD38", "CD45", ""),
)  # fmt: skip
MARKED = {
    "T cells": ("CD4 T cells", "CD8 T cells", "gamma-delta T cells"),
    "NK cells": ("NK cells", "CD56 bright NK cells"),
    "B cells": ("B cells kappa", "B cells lambda"),
    "monocytes": ("monocytes",),
}
GATES = {
    "lymphocytes": (*MARKED["T cells"], *MARKED["NK cells"], *MARKED["B cells"]),
    "B cells": MARKED["B cells"],
}
ENDS = {"SSC": (0.0, 10_000.0), "FSC": (0.0, 6_000.0)}
OTHER_ENDS = (0.0, 8_500.0)
TICKS = (0, 2_000, 4_000, 6_000, 8_000), (0, 2_000, 4_000)
COLUMNS, SIZE, HEADING = 4, (2.6, 2.45), 0.3  # inches of a view, and of the legend

Donor = tuple[np.ndarray, np.ndarray]  # events on the donors' scale, and their populations


def donor(folder: Path) -> Donor:
    """Read the first healthy donor."""
    with (folder / "samples.csv").open(encoding="utf-8") as stream:
        row = next(row for row in csv.DictReader(stream) if row["diagnosis"] == "HD")
    path = folder / row["file"]
    with gzip.open(path.with_suffix(".labels.csv.gz"), "rt", encoding="utf-8") as stream:
        names = np.array([OURS.get(line.strip(), "") for line in stream][1:])
    return flowml.read_fcs(path).events(), names


def simulated() -> Donor:
    """Draw the first blood of a healthy person."""
    cohort = flowml.simulate(
        "lst", entities="normal", cases=50, events=EVENTS, seed=SEED,
        instruments=CENTRES * ("canto",),
    )  # fmt: skip
    case = next(case for case in cohort if case.details["specimen"] == "blood")
    sample = case.tubes[0].origin
    truth = truth_of(sample)
    chains = np.where(truth.population == "B cells", np.char.add(" ", truth.light_chain), "")
    names = np.char.add(truth.population, chains)
    for name, other in MERGED.items():
        names[names == name] = other
    names[~truth.intact] = ""
    return on_display(sample), names


def draw(donors: dict[str, Donor]) -> Figure:
    """Draw every view of every donor, one below the other."""
    bands = -(-len(VIEWS) // COLUMNS)
    size = (COLUMNS * SIZE[0], bands * len(donors) * SIZE[1] + HEADING)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(bands * len(donors), COLUMNS)
    for number, view in enumerate(VIEWS):
        band, column = divmod(number, COLUMNS)
        for row, (title, found) in enumerate(donors.items(), start=band * len(donors)):
            draw_view(axes[row, column], view, title, found)
    handles, names = axes[0, 0].get_legend_handles_labels()
    names = [name.rpartition(" ")[0] for name in names]
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    return figure


def draw_view(ax: Axes, view: tuple[str, str, str], title: str, found: Donor) -> None:
    """Draw one view; the legend is the figure's."""
    (x, y, gate), (values, names) = view, found
    inside = np.isin(names, GATES[gate]) if gate else np.ones(len(names), dtype=bool)
    marked = {name: np.isin(names[inside], parts) for name, parts in MARKED.items()}
    ends = [ENDS.get(name, OTHER_ENDS) for name in (x, y)]
    draw_density(ax, values[inside][:, [CHANNELS.index(x), CHANNELS.index(y)]], ends, marked)
    ax.get_legend().remove()
    ax.set_title(f"{title}: {gate or 'all events'}, {inside.sum():,}", fontsize=8.5)
    ax.set(xlim=ends[0], ylim=ends[1], xticks=TICKS[x == "FSC"], yticks=TICKS[0])
    ax.set_xlabel(x, fontsize=8.5, labelpad=1)
    ax.set_ylabel(y, fontsize=8.5, labelpad=1)
    ax.tick_params(labelsize=7)


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/euroflow-lst"))
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/anchor-views.png"))
    options = parser.parse_args()
    donors = {"donor": donor(options.data), "simulated": simulated()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save(draw(donors), options.out)


if __name__ == "__main__":
    main()
