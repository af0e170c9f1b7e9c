"""Populations that nobody drew: which have a colour, and what is said of the others."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
import small_pictures as small
from matplotlib.colors import to_hex
from matplotlib.text import Text

import flowml
from flowml.errors import GateError
from flowml.gated import gate_cases
from flowml.gating import Dimension, Gate, Polygon, Range, Rectangle, Strategy
from flowml.gating.gaters import Automatic
from flowml.gating.populations import Populations
from flowml.plotting import Wanted, draw_sample
from flowml.records import Case, Spillover, Tube
from flowml.reports import plots
from flowml.reports.palette import POPULATIONS, colour
from flowml.reports.plots.outlines import on_own_matrix
from flowml.reports.plots.shown import shown_populations, unsure_text

PARENTS = {
    "T cells": "cells", "CD4 T cells": "T cells", "CD8 T cells": "T cells",
    "lymphocytes": "cells", "P2": "P1",
}  # fmt: skip


def bits(text):
    return np.array([char == "1" for char in text])


def found(scores=None, **masks):
    named = {name.replace("_", " "): bits(text) for name, text in masks.items()}
    return Populations(named, {k: v for k, v in PARENTS.items() if k in named}, scores or {})


def shown(populations, marked=()):
    return {item.label: item.mask.tolist() for item in shown_populations(populations, marked)}


def test_of_a_lineage_with_children_the_others_have_its_colour():
    tree = found(cells="1111110", T_cells="1111000", CD4_T_cells="1100000",
                 CD8_T_cells="0010000")  # fmt: skip
    assert shown(tree) == {
        "CD4 T cells": bits("1100000").tolist(),
        "CD8 T cells": bits("0010000").tolist(),
        "other T cells": bits("0001000").tolist(),
    }
    assert colour("other T cells") == POPULATIONS["T cells"]
    whole = found(cells="1110", T_cells="1110", CD4_T_cells="1100", CD8_T_cells="0010")
    assert set(shown(whole)) == {"CD4 T cells", "CD8 T cells"}, "there are no others"


def test_parents_that_are_no_lineage_stay_grey():
    tree = found(cells="1111", lymphocytes="1100", P1="1110", P2="1000")
    assert set(shown(tree)) == {"lymphocytes", "P2"}
    assert shown(found(cells="1100", singlets="1110", debris="0001")) == {}


def test_what_lies_among_lymphocytes_is_not_hidden_by_their_colour():
    tree = found(cells="111111", lymphocytes="111100", blasts="001110", B_cells="010000")
    assert shown(tree)["other lymphocytes"] == bits("100000").tolist()
    assert shown(tree)["blasts"] == bits("001110").tolist()
    assert colour("other lymphocytes") == POPULATIONS["lymphocytes"]
    assert "lymphocytes" in shown(found(cells="1111", lymphocytes="1100", blasts="0011"))


def test_what_is_not_sure_is_named_and_has_no_colour_unless_it_is_asked_for():
    scores = {"CD8 T cells": 0.49, "lymphocytes": 0.5}
    tree = found(scores, cells="1111", lymphocytes="1111", T_cells="1100", CD4_T_cells="1000",
                 CD8_T_cells="0100")  # fmt: skip
    assert set(shown(tree)) == {"other lymphocytes", "CD4 T cells", "other T cells"}
    assert shown(tree)["other T cells"] == bits("0100").tolist(), "a sure T cell it is"
    said = "not sure (score below 0.5), so not in colour: CD8 T cells (0.49)"
    assert unsure_text(tree) == said
    asked = shown(tree, ("CD8 T cells", "cells"))
    assert list(asked) == ["CD8 T cells (not sure)", "cells"]
    assert colour("CD8 T cells (not sure)") == POPULATIONS["CD8 T cells"]
    with pytest.raises(GateError, match="no population 'CD5'; the gates have"):
        shown(tree, ("CD5",))


def test_what_is_within_an_unsure_population_is_not_named():
    tree = found({"cells": 0.1}, cells="1111", T_cells="1100", CD4_T_cells="1000")
    assert shown(tree) == {}
    assert unsure_text(tree).endswith("in colour: cells and all within (0.10)")
    assert unsure_text(found(cells="11")) == ""


def test_the_foot_of_a_page_is_wholly_on_it():
    """Many long names, on a narrow page and on a wide one."""
    names = [f"a population of a rather long name, number {n}" for n in range(9)]
    masks = {name: small.clusters(400) == "B" for name in names}
    scores = {name: n / 9 for n, name in enumerate(names)}
    sample = small.small_sample(400)
    every = list(plots.pages.views_of(sample.markers))
    for views in (every[:1], every[:4]):
        figure = plots.page(sample, populations=Populations(masks, {}, scores), views=views)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        (said,) = (text for text in figure.texts if text.get_text().startswith("not sure"))
        for box in (legend.get_window_extent(), said.get_window_extent()):
            assert figure.bbox.x0 <= box.x0
            assert box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0
            assert box.y1 <= figure.axes[0].bbox.y0, "below the views"


@pytest.fixture(scope="module")
def tube():
    (case,) = flowml.simulate("lst", entities="HSTL", cases=1, events=6000, seed=5)
    return case.tubes[0].origin


def test_a_page_says_what_automatic_gates_count(tube):
    figure = draw_sample(tube, Wanted(gates=Automatic("mature")))
    (gated,) = gate_cases([Case("A", (Tube(tube.name, tube),))], Automatic("mature"))
    counts = {count.name: count for count in gated.counts}
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    told = [re.fullmatch(r"(other )?(.+) ([\d.]+)% of (.+), ([\d,]+)", text) for text in said]
    assert {"B cells kappa", "CD4 T cells", "granulocytes"} < {match[2] for match in told}
    for match in told:
        count = counts[match[2]]
        assert count.score >= 0.5
        assert match[4] == (count.parent or "all events")
        number = int(match[5].replace(",", ""))
        assert float(match[3]) == pytest.approx(100 * number / count.n_parent, rel=0.006)
        if match[1]:
            children = sum(c.n_events for c in gated.counts if c.parent == match[2])
            assert number >= count.n_events - children
        else:
            assert number == count.n_events
    unsure = [c for c in gated.counts if c.score < 0.5]
    assert unsure, "or this test needs another tube"
    foot = " ".join(text.get_text() for text in figure.texts)
    assert all(c.name in foot or counts[c.parent].score < 0.5 for c in unsure)


def test_a_view_has_the_colours_of_the_page(tube):
    wanted = Wanted("view", "CD3", "CD5", gates=Automatic())
    ax = draw_sample(tube, wanted)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    hues = {
        item.get_label().partition(" T cells")[0]: to_hex(item.get_facecolor()[0]).upper()
        for item in ax.collections
        if item.get_label() in labels
    }
    assert hues["CD4"] == POPULATIONS["CD4 T cells"]
    assert hues["other"] == POPULATIONS["T cells"]


def test_one_population_is_named_in_the_title(tube):
    own = flowml.auto_gate(tube)
    wanted = Wanted("view", "CD3", "CD5", gates=Automatic(), within="T cells")
    number = f"{own.masks['T cells'].sum():,}"
    assert draw_sample(tube, wanted).get_title().endswith(
        f"\nT cells: {number} of 6,000 events"
    )  # fmt: skip
    unsure = next(name for name in own.masks if not own.is_sure(name))
    shown_alone = Wanted("histograms", gates=Automatic(), within=unsure, markers=("CD3",))
    assert f"{unsure} (not sure): " in draw_sample(tube, shown_alone).get_suptitle()


def test_gates_without_outlines_are_no_picture_of_gating(tube):
    with pytest.raises(GateError, match=r"no outlines to draw\. --kind page shows"):
        draw_sample(tube, Wanted("gating", gates=Automatic()))


def test_the_rare_stand_over_the_frequent():
    sample, name = small.small_sample(), small.clusters()
    marked = {"few": np.arange(4000) == np.flatnonzero(name == "B")[0], "B cells": name == "B"}
    ax = plots.view(sample, "CD3", "CD19", marked=marked)
    everything, under, over = (c.get_array().count() for c in ax.collections[:3])
    assert everything > under > over == 1
    said = [text.get_text().partition(" ")[0] for text in ax.get_legend().get_texts()]
    assert said == ["few", "B"], "the legend keeps the order"


SQUARE = Rectangle([0.2, 0.2], [0.8, 0.8])


def strategy(compensation, **how):
    axes = (Dimension("CD3", compensation=compensation), Dimension("SSC-A"))
    matrix = Spillover(("D1-A", "D2-A"), np.array([[1.0, 0.4], [0.0, 1.0]]))
    return Strategy((Gate("A", SQUARE, axes, **how),), {"M": matrix})


def test_gates_that_bring_their_own_matrix_are_drawn_on_its_values():
    sample, gates = small.small_sample(), strategy("M")
    by, swapped = on_own_matrix(sample, gates, "auto")
    assert by.spillover is gates.matrices["M"]
    assert np.array_equal(flowml.gate(by, swapped)["A"], flowml.gate(sample, gates)["A"])
    number = f"{flowml.gate(sample, gates)['A'].sum():,}"
    for ax in (plots.view(sample, "CD3", "SSC-A", gates=gates, counts=True),
               plots.gating(sample, gates).axes[0]):  # fmt: skip
        assert len(ax.lines) == 1
        assert ax.texts[0].get_text().endswith(number)


def test_gates_on_other_values_than_those_shown_are_not_drawn():
    sample = small.small_sample()
    gates = Strategy((*strategy("M").gates, Gate("B", Range(0.2, 0.8), (Dimension("CD4"),))),
                     strategy("M").matrices)  # fmt: skip
    assert on_own_matrix(sample, gates, "auto") == (sample, gates), "two matrices are used"
    figure = plots.gating(sample, gates)
    assert [len(ax.lines) for ax in figure.axes] == [1, 0], "B has a panel, A only its line"
    assert "A" in [text.get_text() for text in figure.axes[1].texts]


def test_a_gate_taken_from_outside_is_dashed_and_says_so():
    sample, gates = small.small_sample(), strategy("FCS", outside=True)
    ax = plots.view(sample, "CD3", "SSC-A", gates=gates)
    assert ax.lines[0].get_linestyle() == "--"
    assert ax.texts[0].get_text().startswith("outside A\n")
    assert (
        plots.view(sample, "CD3", "SSC-A", gates=strategy("FCS")).lines[0].get_linestyle()
        == "-"
    )


def test_text_of_gates_stays_within_the_axes():
    """Corners of long names, as quadrants of a workspace have."""
    corners = [(-0.2, 0.12, 0.12, 1.0), (0.12, 1.0, 0.12, 1.0), (-0.2, 0.12, -0.2, 0.12)]
    gates = Strategy(tuple(
        Gate(f"Q{n}: channel_A- , channel_B+", Polygon([(a, c), (b, c), (b, d), (a, d)]),
             (Dimension("CD3"), Dimension("CD19")))
        for n, (a, b, c, d) in enumerate(corners)
    ))  # fmt: skip
    figure = plots.gating(small.small_sample(), gates)
    figure.draw_without_rendering()
    ax, tree = figure.axes[:2]
    boxes = [text.get_window_extent() for text in ax.texts]
    for box in boxes:
        assert ax.bbox.x0 - 3 <= box.x0
        assert box.x1 <= ax.bbox.x1 + 3
    assert boxes[0].x1 <= boxes[1].x0 + 3, "texts of neighbours do not touch"
    rows = tree.texts[3:]
    for name, share in zip(rows[::3], rows[1::3], strict=True):
        assert name.get_window_extent().x1 < share.get_window_extent().x0


def test_labels_of_small_axes_do_not_touch():
    """Decades around zero of a short scale, as files on a display scale have."""
    sample = small.small_sample()
    tops = {c.name: flowml.preprocess.display_scale(c) for c in sample.channels}
    short = {name: type(tops["D1-A"])(4.0) for name in ("D1-A", "D4-A")}
    figure = plots.page(sample, scales=short)
    figure.draw_without_rendering()
    for ax in figure.axes:
        labels = [text for text in ax.get_xticklabels() if text.get_text()]
        boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.x0)
        for left, right in pairwise(boxes):
            assert left.x1 <= right.x0
        assert len(labels) >= 3


def test_values_on_a_display_scale_are_told_and_shown_as_stored():
    sample = flowml.display(flowml.compensate(small.small_sample()))
    stored = type(sample)("stored.fcs", sample.channels, sample.source, {})
    wanted = Wanted()
    assert "seem to be on a display scale already" in draw_sample(stored, wanted).get_suptitle()
    figure = draw_sample(stored, Wanted(transform="linear"))
    assert "display scale" not in figure.get_suptitle()
    labels = {text.get_text() for ax in figure.axes for text in ax.get_xticklabels()}
    assert not any(label.startswith("$10") for label in labels)
    usual = plots.page(small.small_sample())
    assert usual.get_suptitle() == "small.fcs, 4,000 events"


def test_events_without_values_are_told():
    sample = small.small_sample(300)
    values = sample.events()
    values[:, 3] = np.nan
    blind = type(sample)("blind.fcs", sample.channels, type(sample.source)(values), {})
    for picture in (plots.view(blind, "CD3", "CD19"), plots.histograms(blind, markers=["CD3"])):
        figure = picture if hasattr(picture, "axes") and hasattr(picture, "savefig") else (
            picture.figure
        )  # fmt: skip
        texts = [text.get_text() for text in figure.findobj(Text)]
        assert "no event has a value here" in texts


def test_a_reference_without_a_light_channel_is_empty():
    sample = small.small_sample(50)
    clock = type(sample)("clock.fcs", sample.channels[7:], type(sample.source)(
        sample.events()[:, 7:]), {})  # fmt: skip
    assert plots.reference([clock]).shares == {}


@pytest.mark.parametrize("n_events", [0, 400])
def test_the_heading_of_quality_is_above_its_rows(n_events):
    sample = small.small_sample(400)
    kept = sample.events()[:n_events, ::-1]  # no two neighbours in time: long sentences
    backwards = type(sample)(
        "b" * 80, sample.channels[::-1], type(sample.source)(kept[::-1]), {}
    )
    figure = plots.quality(backwards)
    figure.draw_without_rendering()
    heading = figure._suptitle.get_window_extent()
    assert heading.y0 > figure.axes[0].bbox.y1
