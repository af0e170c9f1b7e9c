"""Figures: new ones, the panels of one, and files of them."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.errors import OutputError
from flowml.reports.ticks import PLAIN
from flowml.safety import printable, written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
OTHER_FORMATS = {".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".eps", ".ps", ".webp"}
SIZE = (5.2, 4.8)  # inches
LONGEST_STEM = 80  # characters of a file name that go into that of its picture
UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
PANEL = (2.75, 2.55)  # of one panel of several; inches
# Room for labels is known, and not sought: that takes longer than to draw.
LEFT, RIGHT, BELOW, ABOVE, HEADING = 0.56, 0.10, 0.42, 0.24, 0.36  # inches


def save(picture: Axes | Figure | SubFigure, path: Path | str, *, dpi: int = 150) -> Path:
    """Write a picture to a file, whole or not at all.

    Parameters
    ----------
    picture : matplotlib Axes, Figure or SubFigure
        What to write; of a part the whole figure.
    path : path-like
        Ends in ``.png``, ``.svg`` or ``.pdf``.
    dpi : int
        Dots per inch.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        If the ending is none of these, or the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    file = Path(path)
    kind = FORMATS.get(file.suffix.casefold())
    if kind is None:
        raise OutputError(
            f"cannot tell the format of {printable(file.name)}; expected a name that ends in "
            f"{', '.join(FORMATS)}."
        )
    figure: Any = picture
    while not isinstance(figure, Figure):  # axes may lie in a part of a figure
        figure = figure.figure
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    # No date, no random identifiers: the same picture is the same file.
    with (
        mpl.rc_context({"svg.hashsalt": "flowml"}),
        warnings.catch_warnings(),
        written_aside(file) as aside,
    ):
        # A letter that the font lacks is a box in the picture, and no event for a log.
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        figure.savefig(aside, format=kind, dpi=dpi, metadata=dated.get(kind))
    return file


def picture_paths(names: Sequence[str], out: Path, kind: str, form: str) -> list[Path]:
    """Name the pictures of files or cases.

    Parameters
    ----------
    names : sequence of str
        Of files or cases; anything.
    out : Path
        A folder, or the picture itself if it ends like one and there is one name.
    kind : str
        Of picture.
    form : str
        ``png``, ``svg`` or ``pdf``.

    Returns
    -------
    list of Path
        All different, in whichever letter case: letters, digits and ``. _ + -``.

    Raises
    ------
    OutputError
        If `out` is one picture, and there are several names; or if it is one of a format
        that is not drawn.

    Examples
    --------
    >>> [path.name for path in picture_paths(["a/b.fcs", "a_b.fcs"], Path("."), "page", "png")]
    ['a_b.fcs.page.png', 'a_b.fcs-2.page.png']
    """
    if out.suffix.casefold() in FORMATS:
        if len(names) == 1:
            return [out]
        raise OutputError(
            f"{printable(out.name)} is one picture, and there are {len(names)} to be drawn. "
            "Name a folder."
        )
    if out.suffix.casefold() in OTHER_FORMATS:
        raise OutputError(
            f"cannot draw {printable(out.name)}; expected a folder, or a name that ends in "
            f"{', '.join(FORMATS)}."
        )
    taken: set[str] = set()
    stems = [_free(UNSAFE.sub("_", n)[-LONGEST_STEM:].lstrip("."), taken) for n in names]
    return [out / f"{stem}.{kind}.{form}" for stem in stems]


def _free(stem: str, taken: set[str]) -> str:
    """Return a name that is not taken, in whichever letter case, and take it."""
    wanted = stem or "picture"
    numbered = (f"{wanted}-{number}" for number in itertools.count(2))
    free = next(
        name for name in itertools.chain([wanted], numbered) if name.casefold() not in taken
    )
    taken.add(free.casefold())
    return free


def new_axes() -> Axes:
    """Return axes on a figure of their own, which no global list knows of."""
    return new_figure(SIZE).add_subplot()


def new_figure(size: tuple[float, float], layout: str | None = "constrained") -> Figure:
    """Return a figure that no global list knows of.

    Parameters
    ----------
    size : (float, float)
        Inches.
    layout : str or None
        Whether matplotlib finds room for labels.

    Returns
    -------
    matplotlib Figure
        Without axes.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout=layout)  # type: ignore[arg-type]


def panels(
    figure: Figure | SubFigure | None, count: int, columns: int = 4, foot: float = 0.0
) -> tuple[Figure | SubFigure, list[Axes]]:
    """Lay out equal panels, row by row.

    Parameters
    ----------
    figure : matplotlib Figure or SubFigure, optional
        Where; a new one if it is not given.
    count : int
        How many.
    columns : int
        Most of them beside one another.
    foot : float
        Inches below them, for a legend.

    Returns
    -------
    figure : matplotlib Figure or SubFigure
        The one given, or the new one.
    axes : list of matplotlib Axes
        `count` of them.
    """
    rows, columns = shape_of(count, columns)
    if figure is None:
        size = (columns * PANEL[0], rows * PANEL[1] + HEADING + foot)
        figure = new_figure(size, layout=None)
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    across, up = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    wide, high = across / columns, (up - HEADING - foot) / rows
    figure.subplots_adjust(
        left=LEFT / across,
        right=1 - RIGHT / across,
        bottom=(foot + BELOW) / up,
        top=1 - (HEADING + ABOVE) / up,
        wspace=(LEFT + RIGHT) / max(wide - LEFT - RIGHT, 0.1),
        hspace=(ABOVE + BELOW) / max(high - ABOVE - BELOW, 0.1),
    )
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count]


def shape_of(count: int, columns: int = 4) -> tuple[int, int]:
    """Return how many rows and columns equal panels take.

    Parameters
    ----------
    count : int
        Panels.
    columns : int
        Most of them beside one another.

    Returns
    -------
    rows, columns : int
        No row is much emptier than the others.

    Examples
    --------
    >>> shape_of(9), shape_of(12), shape_of(0)
    ((3, 3), (3, 4), (1, 1))
    """
    rows = max(1, -(-count // columns))
    return rows, max(1, -(-count // rows))


def head(figure: Figure | SubFigure, *lines: str) -> None:
    """Write above a figure.

    Parameters
    ----------
    figure : matplotlib Figure or SubFigure
        Above what.
    *lines : str
        Harmless text; never taken for mathtext.
    """
    top = 1 - 0.06 * figure.dpi / figure.bbox.height
    figure.suptitle("\n".join(lines), fontsize=10, y=top, va="top", **PLAIN)


def foot_legend(
    figure: Figure | SubFigure, handles: Sequence[Any], columns: int, above: float = 0.0
) -> None:
    """Explain the colours below a figure.

    Parameters
    ----------
    figure : matplotlib Figure or SubFigure
        Below what.
    handles : sequence of matplotlib artists
        With labels, which are never taken for mathtext.
    columns : int
        Entries beside one another.
    above : float
        Inches that are left free below.
    """
    base = above * figure.dpi / figure.bbox.height
    legend = figure.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, base), ncols=columns,
        fontsize=7.5, frameon=False, handletextpad=0.4, borderaxespad=0.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set(**PLAIN)
