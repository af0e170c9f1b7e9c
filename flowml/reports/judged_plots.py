"""Pictures of a judgement: reliability, coverage against error, confusion.

Colours are those of Okabe and Ito, which colour-blind people tell apart, and one hue from light
to dark; lines differ in their dashes too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.judging.answered import ENTITY
from flowml.judging.intervals import wilson_interval
from flowml.reports.judged import NO_ANSWER, shown
from flowml.reports.plots import save
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from flowml.judging import Judgement
    from flowml.judging.chances import Bin
    from flowml.judging.judge import LevelJudgement

STYLES = {
    "lineage": ("#0072B2", "-"),
    "category": ("#E69F00", "--"),
    "leukemia_vs_lymphoma": ("#009E73", "-."),
    "entity": ("#000000", ":"),
}
TOP, CLASS_WISE = "#0072B2", "#D55E00"
BESIDE = 0.012  # by which two signs of one bin stand apart
FEWEST = 5  # cases of a bin, below which its share says little
LOWEST_COVERAGE = 0.05  # below it the curve is that of a handful of cases
SMALLEST, LARGEST = 6.0, 26.0  # sides of a confusion, inches


def draw_judgement(judgement: Judgement, kind: str, folder: Path) -> list[Path]:
    """Draw all pictures of a judgement.

    Parameters
    ----------
    judgement : Judgement
        Any.
    kind : str
        What the data are; stands in every picture.
    folder : Path
        Where they go.

    Returns
    -------
    list of Path
        ``reliability.png``, ``coverage.png`` and ``confusion.png``.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    pictures = {
        "reliability": reliability_figure(judgement, kind),
        "coverage": coverage_figure(judgement, kind),
        "confusion": confusion_figure(judgement.levels[ENTITY], kind),
    }
    return [save(figure, folder / f"{name}.png", dpi=120) for name, figure in pictures.items()]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def reliability_figure(judgement: Judgement, kind: str) -> Figure:
    """Draw how often it is so where a probability is said, level by level.

    Parameters
    ----------
    judgement : Judgement
        Any.
    kind : str
        What the data are.

    Returns
    -------
    matplotlib Figure
        One panel a level.
    """
    figure = _figure(9.0, 8.6)
    figure.suptitle(f"Reliability: {judgement.n_cases} cases ({printable(kind, 40)})")
    panels = figure.subplots(2, 2).ravel()
    for ax, level in zip(panels, judgement.levels.values(), strict=True):
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        _draw_bins(ax, level.class_wise_reliability, CLASS_WISE, "s", -BESIDE)
        _draw_bins(ax, level.reliability, TOP, "o", BESIDE)
        top, each = level.calibration_error.value, level.class_wise_error.value
        title = f"{level.name}\ncalibration error {top:.3f}, class-wise {each:.3f}"
        ax.set_title(title, fontsize=10)
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        ax.set(xlabel="probability that was said", ylabel="how often it was so")
    names = {CLASS_WISE: "every class", TOP: "most probable class"}
    signs = [panels[0].plot([], [], "so"[n], color=c, label=t)[0]
             for n, (c, t) in enumerate(names.items())]  # fmt: skip
    figure.legend(handles=signs, loc="outside lower center", ncols=2, fontsize=9, frameon=False,
                  title=f"hollow: fewer than {FEWEST} cases; lines: 95 % (Wilson)",
                  title_fontsize=8)  # fmt: skip
    return figure


def _draw_bins(ax: Axes, bins: Sequence[Bin], colour: str, marker: str, aside: float) -> None:
    """Draw bins with Wilson's intervals; those of few cases are hollow."""
    for each in bins:
        low, high = wilson_interval(round(each.share * each.n), each.n)
        ax.errorbar(
            each.probability + aside,
            each.share,
            yerr=[[max(each.share - low, 0.0)], [max(high - each.share, 0.0)]],
            fmt=marker,
            markersize=6,
            color=colour,
            markerfacecolor=colour if each.n >= FEWEST else "white",
            elinewidth=1,
        )


def coverage_figure(judgement: Judgement, kind: str) -> Figure:
    """Draw the error among the answered cases, as more and more are answered.

    Parameters
    ----------
    judgement : Judgement
        Any.
    kind : str
        What the data are.

    Returns
    -------
    matplotlib Figure
        A line a level, and where the given answers lie.
    """
    figure = _figure(7.0, 5.2)
    ax = figure.add_subplot()
    highest = 0.02
    for level in judgement.levels.values():
        colour, dashes = STYLES[level.name]
        curve = level.coverage
        kept = curve.coverage >= LOWEST_COVERAGE
        ax.step(curve.coverage[kept], curve.error[kept], where="post", color=colour,
                linestyle=dashes, label=f"{level.name} (area {curve.area:.4f})")  # fmt: skip
        at = level.given.answered.value, level.given.error_among_answered.value
        ax.plot(*at, marker="o", color=colour, markerfacecolor="white", linestyle="none")
        highest = max([highest, *curve.error[kept], *np.nan_to_num([at[1]])])
    ax.set(xlim=(0, 1.02), ylim=(-0.02 * highest, 1.08 * highest))
    ax.set(xlabel="share of the cases that is answered", ylabel="wrong, of the answered")
    title = f"Coverage against error: {judgement.n_cases} cases ({printable(kind, 40)})"
    ax.set_title(f"{title}\nrings: the answers as they were given", fontsize=10)
    ax.legend(loc="upper left", fontsize=8, frameon=False)
    ax.grid(color="0.9")
    return figure


def confusion_figure(level: LevelJudgement, kind: str) -> Figure:
    """Draw which label got which answer.

    Parameters
    ----------
    level : LevelJudgement
        Of entities, mostly.
    kind : str
        What the data are.

    Returns
    -------
    matplotlib Figure
        Counts; the colour is the share of the row.
    """
    rows = np.flatnonzero(level.confusion.any(axis=1))
    columns = np.flatnonzero(
        level.confusion.any(axis=0) | np.append(level.confusion.any(axis=1), False)
    )
    counts = level.confusion[np.ix_(rows, columns)]
    shares = counts / counts.sum(axis=1, keepdims=True)
    every = [*(each.name for each in level.classes), NO_ANSWER]
    side = [float(np.clip(3.0 + 0.45 * n, SMALLEST, LARGEST)) for n in counts.shape[::-1]]
    figure = _figure(side[0] + 0.8, side[1])
    ax = figure.add_subplot()
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = shares[row, column] > 0.5
            ax.text(column, row, str(count), ha="center", va="center", fontsize=8,
                    color="white" if dark else "black")  # fmt: skip
    names = [printable(every[k], 24) for k in range(len(every))]
    ax.set_xticks(range(len(columns)), [names[k] for k in columns], rotation=60, ha="right")
    ax.set_yticks(range(len(rows)), [names[k] for k in rows])
    ax.set(xlabel="answer", ylabel="label")
    right = shown(level.given.accuracy)
    ax.set_title(
        f"Cases by label and answer ({printable(kind, 40)})\nright: {right}", fontsize=10
    )
    figure.colorbar(image, label="share of the label's cases")
    return figure
