"""Pictures of explanations: what is drawn is what contributes, whatever names files hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from small import cohort, model, one_tube, plain_sample

import flowml
from flowml.errors import OutputError
from flowml.explaining import draw_explanation
from flowml.features.opened import open_tube
from flowml.features.recipes.scales import Scales
from flowml.knowledge.panels import View
from flowml.models import Prediction
from flowml.models.contributions import Contributions
from flowml.models.explanation import Explanation
from flowml.reports import plots
from flowml.reports.explanation import explanation_csv, explanation_text, signed, what
from flowml.reports.explanation_plots import (
    ShownTube,
    choose_views,
    draw_view,
)
from flowml.reports.plots.reasons import AGAINST, FOR

HOSTILE = r"$\frac{1}{0$ <b>" + "\x1b[31m\n\u202e" + "x" * 500


def explained(contributions, bins=None, case_id="A1"):
    """Return an explanation of CLL against MCL by contributions to CLL."""
    names, values = tuple(contributions), np.array([[*contributions.values()]])
    chances = {"CLL": 0.75, "MCL": 0.25}
    return Explanation(
        Prediction(case_id, "answered", "auto", "why", entity="CLL", probabilities=chances),
        "CLL", "MCL", ("CLL", "MCL"), names, np.full(len(names), 0.5, np.float32),
        Contributions(np.vstack([values, 0 * values]), np.zeros(2)), bins or {},
    )  # fmt: skip


def colour(patch):
    from matplotlib.colors import to_hex

    return to_hex(patch.get_facecolor()).upper()


def test_bars_are_the_contributions_in_two_colours():
    ax = Figure().add_subplot()
    found = explained({"CD5|mean": 2.0, "CD20|mean": -1.0, "CD3|mean": 0.5, "CD4|mean": 0.25})
    assert plots.contributions(found, top=2, ax=ax) is ax
    assert [bar.get_width() for bar in ax.patches] == [2.0, -1.0, 0.75]
    assert [colour(bar) for bar in ax.patches] == [FOR, AGAINST, FOR]
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["CD5", "CD20", "2 others"]
    assert "CLL against MCL" in ax.get_title()
    assert "speaks for MCL" in ax.get_xlabel()


def test_nothing_to_tell_is_drawn_too(tmp_path):
    ax = Figure().add_subplot()
    plots.save(plots.contributions(explained({"CD5|mean": 0.0}), ax=ax), tmp_path / "a.png")
    assert len(ax.patches) == 0


def test_hostile_names_are_shown_harmless(tmp_path):
    found = explained({f"{HOSTILE}|mean": 1.0, "a|b|c|mean": 0.5}, case_id=HOSTILE)
    ax = Figure().add_subplot()
    plots.save(plots.contributions(found, ax=ax), tmp_path / "a.png")
    shown = [ax.get_title(), *(text.get_text() for text in ax.get_yticklabels())]
    shown += [explanation_text(found, 5), explanation_csv(found)]
    for text in shown:
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert max(map(len, shown[:3])) < 180


def test_views_are_those_of_the_markers_that_contribute():
    found = explained({"CD20|mean": -3.0, "CD5|mean": 1.0, "CD4|mean": 2.0, "CD8|mean": 0.01})
    tubes = [("", ("CD4", "CD8", "SSC-A")), ("", ("CD20", "CD5", "CD23"))]
    chosen = choose_views(found, tubes, 5)
    assert [(tube, view.name) for tube, view in chosen] == [(1, "CD20 x CD5"), (0, "CD4 x CD8")]
    assert choose_views(found, tubes, 1) == chosen[:1]
    assert choose_views(found, [("", ("CD7",))], 5) == []


def test_a_marker_without_a_view_is_shown_against_side_scatter():
    found = explained({"odd|mean": 1.0})
    ((tube, view),) = choose_views(found, [("", ("odd", "SSC-A"))], 5)
    assert (tube, view.x, view.y) == (0, "odd", "SSC-A")


def test_where_tubes_are_kept_apart_the_tube_that_contributes_is_shown():
    found = explained({"T1|CD20|mean": 0.1, "T2|CD20|mean": 2.0})
    tubes = [(name, ("CD20", "CD5")) for name in ("T1", "T2")]
    assert choose_views(found, tubes, 1)[0][0] == 1


def tube(values, markers):
    case = one_tube(plain_sample(values, markers))
    return ShownTube(open_tube(case.tubes[0]), "", Scales("linear"), "auto")


@pytest.mark.parametrize(
    ("name", "bins", "corners"),
    [
        ("CD20:CD5|pairs0707", {"pairs": 16}, (6 / 16, 6 / 16, 10 / 16, 10 / 16)),
        ("CD20|ecdf20", {"ecdf": 32}, (19 / 32, None, 26 / 32, None)),
        ("CD5|ecdf20", {"ecdf": 32}, (None, 19 / 32, None, 26 / 32)),
    ],
)
def test_the_region_that_contributes_is_marked_where_it_lies(name, bins, corners):
    random = np.random.default_rng(0)
    shown = tube(random.uniform(0, 1024, size=(500, 2)), ("CD20", "CD5"))
    ax = Figure().add_subplot()
    view = View("CD20 x CD5", "CD20", "CD5", "")
    draw_view(ax, shown, view, explained({name: -1.5}, bins))
    (box,) = (patch.get_bbox() for patch in ax.patches)
    ends = (ax.get_xlim()[0], ax.get_ylim()[0])
    if corners[0] is None:
        assert box.x0 == ends[0]
    if corners[1] is None:
        assert box.y0 == ends[1]
    for place, corner in zip((box.x0, box.y0, box.x1, box.y1), corners, strict=True):
        assert corner is None or place == pytest.approx(corner)
    assert ax.texts[0].get_text() == "-1.50"
    assert "CD20" in ax.get_title()


def test_no_more_is_marked_than_what_counts():
    shown = tube(np.ones((50, 2)), ("CD20", "CD5"))
    ax = Figure().add_subplot()
    many = {
        f"CD20:CD5|pairs{row:02d}00": size for row, size in ((0, 9), (4, 8), (8, 7), (11, 6))
    }
    draw_view(ax, shown, View("", "CD20", "CD5", ""), explained(many, {"pairs": 16}))
    assert len(ax.patches) == 3
    ax = Figure().add_subplot()
    small = {"CD20:CD5|pairs0000": 0.01, "CD3|mean": 5.0}
    draw_view(ax, shown, View("", "CD20", "CD5", ""), explained(small, {"pairs": 16}))
    assert len(ax.patches) == 0


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_pictures_of_a_case_in_every_format(tmp_path, ending, start):
    case = cohort()[0]
    drawn = draw_explanation(case, flowml.explain(case, model()), model(), views=2)
    assert list(drawn) == ["contributions", "views"]
    for name, figure in drawn.items():
        path = plots.save(figure, tmp_path / f"{name}.{ending}")
        assert path.read_bytes().startswith(start)
    with pytest.raises(OutputError, match="format"):
        plots.save(drawn["views"], tmp_path / "a.gif")


def test_signs_and_values():
    assert [signed(value) for value in (1.234, -0.004, 0.0, -2.0)] == [
        "+1.23",
        "0.00",
        "0.00",
        "-2.00",
    ]
    (reason,) = explained({"CD5|median": 1.0}).regions
    assert what(reason) == "0.5 of the scale"
    told = {999.4: "999 events", 1423.0: "1423 events", 0.25: "0.25 events"}
    assert {n: what(replace(reason, value=n, unit="events")) for n in told} == told
    (reason,) = explained({"CD5|ecdf16": 1.0}, {"ecdf": 32}).regions
    assert what(reason) == "not known"
