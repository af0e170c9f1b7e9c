"""Draw the pictures of `docs/plots.md`: one of each kind that ``flowml plot`` makes.

Run: python scripts/make_plots.py [--out docs/pictures/plots] [--only page,gating]
All samples are simulated (`synthetic`). Populations of the page are the simulator's truth,
gates are those of `examples/t_cells.toml`. The same program draws the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from make_gallery import save

import flowml
from flowml import plot
from flowml.events import ArraySource
from flowml.gating.populations import Populations
from flowml.plotting import draw_case
from flowml.records import Role
from flowml.reports.plots.saving import head, panels
from flowml.simulator import held, truth_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL, EVENTS, SEED = "cll-9f", 30_000, 2_026
B_TUBE, T_TUBE = 0, 2  # tubes of the panel
COLOURS = 256  # of a file: populations keep theirs
REFERENCES = 20  # normal samples
GATES = Path(__file__).resolve().parent.parent / "examples" / "t_cells.toml"
PARENTS = {
    "T cells": "lymphocytes", "CD4 T cells": "T cells", "CD8 T cells": "T cells",
    "NK cells": "lymphocytes", "B cells": "lymphocytes",
}  # fmt: skip
# What the simulator calls them; lymphocytes are those of all their children.
MEMBERS = {
    "T cells": ("CD4-CD8- T cells", "gamma-delta T cells"),
    "CD4 T cells": ("CD4 T cells",),
    "CD8 T cells": ("CD8 T cells", "CD57 T cells", "activated CD8 T cells"),
    "NK cells": ("NK cells", "CD56 bright NK cells"),
    "B cells": ("B cells", "CLL cells"),
    "monocytes": ("monocytes",),
    "granulocytes": ("neutrophils", "eosinophils", "immature granulocytes"),
}
BUBBLE, CLOG = (0.40, 0.42), (0.70, 0.72)  # of the run
DIMMER, SLOWER = 0.55, 4.0


@cache
def case() -> flowml.Case:
    """Return the case of CLL that is drawn."""
    cohort = flowml.simulate(PANEL, entities="CLL", cases=2, events=EVENTS, seed=SEED)
    return held(cohort[1])


def tube(number: int) -> flowml.Sample:
    """Return one of its tubes."""
    sample: flowml.Sample = case().tubes[number].origin
    return sample


@cache
def populations() -> Populations:
    """Return the simulator's truth of the T-cell tube, as populations."""
    drawn = flowml.simulate(PANEL, entities="CLL", cases=2, events=EVENTS, seed=SEED)[1]
    truth = truth_of(drawn.tubes[T_TUBE].origin)
    masks = {
        name: np.isin(truth.population, members) & truth.intact
        for name, members in MEMBERS.items()
    }
    for child, parent in reversed(PARENTS.items()):
        masks[parent] = masks.get(parent, np.zeros_like(masks[child])) | masks[child]
    return Populations({name: masks[name] for name in ("lymphocytes", *MEMBERS)}, PARENTS)


def views() -> Figure:
    """Draw the styles of one view, and populations on it."""
    figure, axes = panels(None, 4, columns=2)
    figure.set_size_inches(8.4, 7.4)
    sample, found = tube(T_TUBE), populations()
    lymphocytes = found.masks["lymphocytes"]
    gates = flowml.read_gates(GATES)
    plot.view(sample, "CD45", "SSC-A", ax=axes[0], gates=gates, counts=True)
    plot.view(sample, "CD3", "CD19", ax=axes[1], style="contour", within=lymphocytes)
    kinds = {name: found.masks[name] for name in ("lymphocytes", "monocytes", "granulocytes")}
    plot.view(sample, "CD45", "SSC-A", ax=axes[2], marked=kinds, counts=True)
    plot.view(
        sample, "CD4", "CD8", ax=axes[3], marked=found, within=lymphocytes, style="contour"
    )
    for ax in axes:
        ax.set_title(ax.get_title().partition("\n")[2], fontsize=9)
    head(figure, f"{sample.name}, in two styles")
    return figure


def disturbed() -> flowml.Sample:
    """Return a tube with a bubble that dims signals, and a clog that slows it down."""
    sample = tube(B_TUBE)
    values = sample.events().astype(np.float64)
    light = [i for i, c in enumerate(sample.channels) if c.role is Role.FLUORESCENCE]
    clock = next(i for i, c in enumerate(sample.channels) if c.role is Role.TIME)
    bubble, clog = (slice(*(int(e * EVENTS) for e in span)) for span in (BUBBLE, CLOG))
    values[bubble, light] *= DIMMER
    waits = np.diff(values[:, clock], prepend=values[0, clock])
    waits[clog] *= SLOWER
    values[:, clock] = np.cumsum(waits)
    return replace(sample, source=ArraySource(values.astype(np.float32)))


def histograms() -> Figure:
    """Draw the markers of a tube over those of normal samples."""
    normal = flowml.simulate(
        PANEL, entities="normal", cases=REFERENCES, events=EVENTS // 3, seed=SEED
    )
    reference = plot.reference(each.tubes[B_TUBE].origin for each in normal)
    return plot.histograms(tube(B_TUBE), reference=reference)


def beside_the_model(kind: str) -> Any:
    """Draw a case of the bundled demonstration model."""
    one = flowml.simulate(entities="CLL", cases=1, events=EVENTS // 3, seed=SEED)[0]
    return draw_case(one, flowml.load_model("demo"), kind)


PICTURES: Mapping[str, Callable[[], Any]] = {
    "view": views,
    "page": lambda: plot.page(tube(T_TUBE), populations=populations()),
    "gating": lambda: plot.gating(tube(T_TUBE), flowml.read_gates(GATES)),
    "compensation": lambda: plot.compensation(tube(B_TUBE)),
    "histograms": histograms,
    "quality": lambda: plot.quality(disturbed()),
    "training": lambda: beside_the_model("training"),
    "contributions": lambda: beside_the_model("contributions").figure,
}


def main() -> None:
    """Draw all pictures, or those asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/plots"))
    parser.add_argument("--only", default="", help="names of pictures, separated by commas")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        if not options.only or name in options.only.lower().split(","):
            path = options.out / f"{name}.png"
            save(draw(), path, COLOURS)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
