"""A case against the training cases of a model: where it lies, how far, by which markers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.errors import ModelError
from flowml.features.names import parse_name, shown_markers
from flowml.models.novelty import Unlike
from flowml.reports.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from flowml.reports.plots.saving import head, new_figure
from flowml.reports.ticks import PLAIN
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from flowml.models import TrainedModel
    from flowml.models.novelty import Novelty

    Floats = NDArray[np.float64]

SIZE = (12.4, 4.6)  # inches
NEAREST = 8  # entities with a bar, and a name on the map
MOST_MARKERS = 12
RADIUS = 2.0  # of a circle, in standard deviations: 86 of 100 cases of two normal axes
FAR = 3.0  # standard scores from which on a feature is in colour
MOST_TICKS = 8
FURTHEST = 10.0  # standard score at the end of the axis
# Where a name may stand: times its own width aside, and points up.
AROUND = (
    *((0, 11), (0, -11), (1, 0), (-1, 0)),
    *((side, up * 12.0 * n) for up in (1, -1) for n in range(1, 8) for side in (1, -1, 0)),
)
LINEAGES = {"B": ORANGE, "T": BLUE, "NK": GREEN, "myeloid": PURPLE}  # others are grey
TURN = np.linspace(0, 2 * np.pi, 97)


class _Place(NamedTuple):
    """Where a case and the entities lie on the map, and how far apart they are."""

    case: Floats
    entities: Floats  # shape (n_entities, 2)
    radii: Floats
    distances: Floats  # to each entity: about 1 for one of its own cases
    order: list[int]  # nearest first


def training(
    model: TrainedModel,
    values: NDArray[np.float32],
    *,
    name: str = "",
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw a case among the training cases of a model.

    Parameters
    ----------
    model : TrainedModel
        Has a record of its training cases.
    values : ndarray, shape (n_features,), float32
        The case's features in the order of the model; NaN is missing.
    name : str
        Of the case.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one if it is not given.

    Returns
    -------
    matplotlib Figure or SubFigure
        The one given, or the new one. Left: the plane in which the entities differ most; a
        circle holds about 86 of 100 cases of an entity. Middle: novelty, and the distances
        to the nearest entities that it is made of. Right: features of the
        markers that lie furthest from the mean of all training cases, in standard deviations.

    Raises
    ------
    ModelError
        If the model has no record of its training cases, or other features.
    """
    novelty = model.caution.novelty
    if novelty is None:
        raise ModelError(
            "the model has no record of where its training cases lie (it had too few of them "
            "to hold some out), so a case cannot be held against them. Train it on more cases."
        )
    row = _checked(model, values)
    if figure is None:
        figure = new_figure(SIZE, layout=None)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.15, 1.0, 1.0))
    figure.subplots_adjust(left=0.015, right=0.985, bottom=0.11, top=0.81, wspace=0.3)
    place = _place(novelty, row)
    _draw_map(left, model, place)
    rows = row[np.newaxis]
    score = float(novelty.scores(rows, model.predict_proba(rows))[0])
    _draw_distances(middle, model, novelty, place, score)
    _draw_markers(right, model, novelty, row)
    nearest = model.entities[place.order[0]]
    head(
        figure,
        f"{printable(name, 60) or 'this case'}: novelty {score:.2f} (usual is 1), nearest "
        f"training cases: {nearest}",
    )
    return figure


def _checked(model: TrainedModel, values: NDArray[np.float32]) -> NDArray[np.float32]:
    row = np.asarray(values, dtype=np.float32)
    if row.shape != (len(model.feature_names),):
        raise ModelError(
            f"the case has features of shape {row.shape}; the model expects "
            f"({len(model.feature_names)},)."
        )
    return row


def _place(novelty: Novelty, row: NDArray[np.float32]) -> _Place:
    """Find the plane in which the entities' means differ most, and put the case on it."""
    point = (novelty.axes * novelty.standard.of_rows(row)).sum(axis=1)
    known = np.asarray(np.isfinite(novelty.means).all(axis=1))
    middle = novelty.means[known].mean(axis=0)
    _, _, turned = np.linalg.svd(novelty.means[known] - middle, full_matrices=False)
    plane = np.zeros((2, len(point)))
    plane[: min(2, len(turned))] = turned[:2]
    plane *= np.where(
        plane.sum(axis=1, keepdims=True) < 0, -1.0, 1.0
    )  # one sign for all machines
    entities = np.full((len(known), 2), np.nan)
    entities[known] = (novelty.means[known] - middle) @ plane.T
    with np.errstate(over="ignore", invalid="ignore"):
        distances = novelty.squared(row[np.newaxis])[0] / novelty.usual
    radii = RADIUS * np.sqrt(novelty.usual / max(len(point), 1))
    order = [int(i) for i in np.argsort(np.where(known, distances, np.inf), kind="stable")]
    return _Place(
        plane @ (point - middle), entities, radii, distances, order[: int(known.sum())]
    )


def _lineage_colour(model: TrainedModel, entity: str) -> str:
    return LINEAGES.get(model.tree.entities[entity].lineage, GREY)


def _draw_map(ax: Axes, model: TrainedModel, place: _Place) -> None:
    near = place.order[:NEAREST]
    for i in reversed(place.order):
        colour = _lineage_colour(model, model.entities[i])
        x, y = place.entities[i]
        is_near = i in near
        circle = place.radii[i] * np.array([np.cos(TURN), np.sin(TURN)])
        ax.fill(x + circle[0], y + circle[1], facecolor=colour, edgecolor=colour,
                alpha=0.22 if is_near else 0.10, linewidth=1.0)  # fmt: skip
        ax.plot(x, y, "o", color=colour, markersize=4 if is_near else 2.5)
    ax.plot(*place.case, "*", color=VERMILION, markeredgecolor="black", markersize=15, zorder=5)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.autoscale_view()
    _name_entities(ax, model, place)
    ax.set_title("★ this case among the entities", fontsize=9, **PLAIN)
    ax.set_xlabel("circles hold about 86 of 100 training cases of an entity", fontsize=7.5)


def _name_entities(ax: Axes, model: TrainedModel, place: _Place) -> None:
    """Write names where they do not touch each other or the case, the nearest first."""
    from matplotlib.patheffects import withStroke

    ax.apply_aspect()
    points = ax.transData.transform(place.entities) * 72 / ax.figure.dpi
    star = ax.transData.transform(place.case) * 72 / ax.figure.dpi
    taken = [(star[0], star[1], 20.0, 18.0)]
    for i in place.order:
        wide = 4.4 * len(model.entities[i]) + 2
        for x, y in AROUND:
            shift = x * (8 + wide / 2), y
            box = (*(points[i] + shift), wide, 9.0)
            if not any(_touch(box, other) for other in taken):
                break
        else:
            continue
        taken.append(box)
        ax.annotate(
            model.entities[i], place.entities[i], xytext=shift, textcoords="offset points",
            ha="center", va="center", fontsize=7.5, zorder=6,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": GREY, "shrinkB": 2},
            path_effects=[withStroke(linewidth=2, foreground="white")], **PLAIN,
        )  # fmt: skip


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tell whether two boxes touch: middle, width and height."""
    return all(2 * abs(one[i] - other[i]) < one[i + 2] + other[i + 2] for i in (0, 1))


def _draw_distances(
    ax: Axes, model: TrainedModel, novelty: Novelty, place: _Place, score: float
) -> None:
    """Draw novelty, which the limits are for, above the distances to the nearest entities."""
    near = place.order[:NEAREST]
    sizes = np.clip(place.distances[near], 1e-3, 1e6)
    rows = np.arange(1, len(near) + 1)
    hues = [_lineage_colour(model, model.entities[i]) for i in near]
    above = float(np.clip(score, 1e-3, 1e6))
    ax.plot([above], [0], "*", color=VERMILION, markersize=13, markeredgecolor="black")
    ax.hlines(rows, 1e-6, sizes, color=hues, linewidth=3.0, alpha=0.45)
    ax.scatter(sizes, rows, c=hues, s=46, zorder=3)
    ax.set_xscale("log")
    ax.set_yticks([0, *rows])
    names = ["novelty", *(model.entities[i] for i in near)]
    ax.set_yticklabels(names, fontsize=8.5, **PLAIN)
    ax.set_ylim(len(near) + 0.5, -0.5)
    limits = Unlike(1.0, novelty.unusual, novelty.furthest)
    marks = [
        (1.0, "usual", GREY),
        (limits.unusual, "unusual", SKY),
        (limits.furthest, "unlike", VERMILION),
    ]
    known = [mark for mark in marks if np.isfinite(mark[0])]
    low = min(0.3, float(sizes.min()) / 1.5, above / 1.5)
    high = max(float(sizes.max()), above, *(limit for limit, _, _ in known)) * 1.6
    ax.set_xlim(low, high)
    from matplotlib.lines import Line2D

    for limit, _, colour in known:
        ax.axvline(limit, color=colour, linewidth=1.4, linestyle="--")
    handles = [
        Line2D([], [], color=colour, linestyle="--", label=f"{said} {limit:.2g}")
        for limit, said, colour in known
    ]
    ax.legend(handles=handles, fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 0.99),
              ncols=3, frameon=False, borderaxespad=0.1)  # fmt: skip
    _tick(ax, low, high)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_title("novelty, and distances to the nearest entities", fontsize=9, pad=20)
    ax.set_xlabel("in units of the usual distance of their own cases", fontsize=7.5)


def _tick(ax: Axes, low: float, high: float) -> None:
    """Set ticks at 1, 2 and 5 times powers of ten."""
    from matplotlib.ticker import NullLocator

    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    shown = [value for value in every if low <= value <= high]
    shown = (
        shown
        if len(shown) <= MOST_TICKS
        else [10.0**p for p in powers if low <= 10.0**p <= high]
    )
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(shown, [f"{value:g}" for value in shown])


def _draw_markers(
    ax: Axes, model: TrainedModel, novelty: Novelty, row: NDArray[np.float32]
) -> None:
    scores = novelty.standard.of_rows(row)
    groups: dict[str, list[float]] = {}
    for name, score, value in zip(model.feature_names, scores, row, strict=True):
        if not np.isnan(value):
            said = parse_name(name)
            tube = f" ({said.tube})" if said.tube else ""
            key = shown_markers(said.markers) + tube
            groups.setdefault(key, []).append(float(score))
    ranked = sorted(groups, key=lambda key: (-max(map(abs, groups[key])), key))[:MOST_MARKERS]
    for reach, shade in ((2, "#EFEFEF"), (1, "#DEDEDE")):
        ax.axvspan(-reach, reach, color=shade, linewidth=0)
    for place, key in enumerate(ranked):
        shown = np.clip(groups[key], -FURTHEST, FURTHEST)
        far = np.abs(shown) >= FAR
        ax.plot(shown[~far], np.full((~far).sum(), place), "|", color=GREY, markersize=9)
        ax.plot(shown[far], np.full(far.sum(), place), "|", color=VERMILION, markersize=11,
                markeredgewidth=2)  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(range(len(ranked)))
    ax.set_yticklabels([printable(key, 24) for key in ranked], fontsize=8, **PLAIN)
    ax.set_ylim(max(len(ranked), 1) - 0.5, -0.5)
    ax.set_xlim(-FURTHEST * 1.05, FURTHEST * 1.05)
    ax.set_xticks(range(-10, 11, 5))
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_title("markers furthest from the training mean", fontsize=9)
    ax.set_xlabel("features, in standard deviations of all training cases", fontsize=7.5)
