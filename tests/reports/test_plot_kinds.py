"""What each picture says: events, shares, numbers and warnings are those of the data."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import small_pictures as small
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import flowml
from flowml.errors import GateError, ModelError, PanelError, StateError
from flowml.events import ArraySource
from flowml.gating import Dimension, Gate, Range, Rectangle, Strategy
from flowml.gating.populations import Populations
from flowml.records import Role, Sample, Spillover
from flowml.reports import plots
from flowml.reports.palette import POPULATIONS, VERMILION
from flowml.reports.plots.overlays import BINS, QUANTILES, distribution
from flowml.reports.plots.pages import page_views, views_of


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(holder):
    return [text.get_text() for text in holder.legends[0].get_texts()]


def test_populations_have_their_colours_and_their_shares():
    ax = plots.view(
        small.small_sample(), "CD3", "CD19", marked=small.small_populations(), counts=True
    )
    names = small.clusters()
    shown = ("CD4 T cells", "CD8 T cells", "B cells", "granulocytes")
    counts = [(names == name).sum() for name in ("CD4", "CD8", "B", "granulocytes")]
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == [
        f"{name} {count / 40:.3g}%, {count:,}"
        for name, count in zip(shown, counts, strict=True)
    ]
    squares = [item for item in ax.collections if item.get_label() in said]
    hues = [to_hex(item.get_facecolor()[0]).upper() for item in squares]
    assert hues == [POPULATIONS[name] for name in shown]


def test_populations_outside_of_a_view_are_not_in_its_legend():
    found = small.small_populations()
    ax = plots.view(small.small_sample(), "CD3", "CD19", marked=found,
                    within=found.masks["T cells"])  # fmt: skip
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [text.rpartition(" ")[0] for text in said] == ["CD4 T cells", "CD8 T cells"]


def test_events_outside_of_the_parent_are_pale():
    sample, inside = small.small_sample(), small.clusters() == "B"
    alone = plots.view(sample, "CD3", "CD19", within=inside)
    both = plots.view(sample, "CD3", "CD19", within=inside, others=True)
    pale, shown = both.collections
    told = [float(cells.get_array().sum()) for cells in (shown, alone.collections[0])]
    assert told[0] == pytest.approx(told[1], rel=0.1), "they alone have the colours of density"
    assert both.get_xlim() == plots.view(sample, "CD3", "CD19").get_xlim()
    assert min(pale.cmap(1.0)[:3]) > 0.7
    assert pale.get_array().count() > shown.get_array().count()


def test_a_page_shows_each_view_within_its_gate():
    found = small.small_populations()
    figure = plots.page(small.small_sample(), populations=found)
    titles = [ax.get_title() for ax in figure.axes if ax.axison]
    views = page_views(small.small_sample().markers)
    assert [title.partition(",")[0] for title in titles] == [
        view.gate if view.gate in found.masks else "all events" for view in views
    ]
    assert f"T cells, {found.masks['T cells'].sum():,}" in titles
    assert "all events, 4,000" in titles
    assert legend(figure)[0].startswith("CD4 T cells ")
    assert " of T cells, " in legend(figure)[0]
    assert not any("blasts" in text for text in legend(figure)), "not sure"


def test_a_page_without_populations_has_no_legend():
    figure = plots.page(small.small_sample())
    assert figure.legends == []
    assert all(ax.get_title() == "all events, 4,000" for ax in figure.axes if ax.axison)


def test_a_full_page_shows_every_marker_that_it_can():
    markers = [
        "FSC-A", "FSC-H", "SSC-A", "CD45", "CD19", "CD5", "CD10", "CD20", "CD23", "CD79b",
        "FMC7", "IgM", "CD3", "CD4", "CD8", "CD56", "CD99",
    ]  # fmt: skip
    every = list(views_of(markers))
    assert every[-1].name == "CD99 x SSC", "no view has it"
    chosen = page_views(markers)
    assert len(chosen) == 12 < len(every)
    seen = {marker for view in chosen for marker in (view.x, view.y)}
    assert set(markers) - seen <= {"CD99", "CD56", "CD8"}
    assert page_views(markers, 100) == every


def test_a_tube_without_any_view_is_drawn_two_by_two():
    sample = small.small_sample()
    bare = replace(
        sample, channels=tuple(replace(c, marker="", label="") for c in sample.channels)
    )
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in plots.page(bare).axes if ax.axison]
    assert labels == [("FSC-A", "SSC-A"), ("D0-A", "D1-A"), ("D2-A", "D3-A")]
    alone = replace(
        bare, channels=bare.channels[7:], source=ArraySource(sample.events()[:, 7:])
    )
    with pytest.raises(PanelError, match="fewer than two channels beside its time"):
        plots.page(alone)


def test_gating_has_a_panel_for_each_parent_and_a_list_of_all():
    sample, gates = small.small_sample(), small.small_gates()
    masks = flowml.gate(sample, gates)
    figure = plots.gating(sample, gates)
    first, second, third, tree = (ax for ax in figure.axes)
    assert [ax.get_title() for ax in (first, second, third)] == [
        "all events, 4,000",
        f"leukocytes, {masks['leukocytes'].sum():,}",
        f"lymphocytes, {masks['lymphocytes'].sum():,}",
    ]
    n_t, parent = masks["T cells"].sum(), masks["lymphocytes"].sum()
    assert f"T cells\n{100 * n_t / parent:.3g}%, {n_t:,}" in texts(third)
    assert texts(tree)[3::3] == ["leukocytes", "lymphocytes", "T cells", "B cells", "neither"]
    assert texts(tree)[5::3] == [f"{masks[name].sum():,}" for name in texts(tree)[3::3]]
    lines = [line for line in third.lines if line.get_color() == POPULATIONS["B cells"]]
    assert len(lines) == 1, "the gate has the colour of its population"


def test_the_list_of_populations_follows_the_tree_not_the_document():
    def scatter(name, low, parent=""):
        axes = (Dimension("FSC-A"), Dimension("SSC-A"))
        return Gate(name, Rectangle([low, low], [1, 1]), axes, parent)

    gates = Strategy((scatter("A", 0), scatter("B", 0), scatter("A1", 0, "A"),
                      scatter("B1", 0, "B"), scatter("A11", 0, "A1")))  # fmt: skip
    figure = plots.gating(small.small_sample(300), gates)
    assert texts(figure.axes[4])[3::3] == ["A", "A1", "A11", "B", "B1"]


def test_a_range_is_a_band_along_its_axis():
    gates = Strategy((Gate("dim", Range(0.2, 0.6), (Dimension("CD45"),)),))
    ax = plots.gating(small.small_sample(), gates).axes[0]
    (line,) = ax.lines
    assert line.get_xdata().min() == pytest.approx(0.2, abs=1e-9)
    assert line.get_xdata().max() == pytest.approx(0.6, abs=1e-9)
    assert tuple(line.get_ydata()[:2]) == ax.get_ylim()
    plain = plots.view(small.small_sample(), "CD45", "SSC-A", gates=gates)
    assert len(plain.lines) == 0, "a view draws gates of its two dimensions"


def test_compensation_writes_the_matrix_and_draws_before_and_after():
    figure = plots.compensation(small.small_sample())
    axes = np.array(figure.axes).reshape(5, 5)
    assert [texts(axes[i, i])[0] for i in range(5)] == list(small.FLUORESCENCE)
    assert [texts(axes[i + 1, i]) for i in range(4)] == [["15"], ["20"], ["10"], ["5"]]
    assert all(texts(axes[i, j]) == [] for i in range(5) for j in range(i + 1, 5))
    sample = small.small_sample()
    raw, done = sample.events(), flowml.compensate(sample).events()
    rises = [np.corrcoef(np.log(np.maximum(v[:, 2:4], 1)).T)[0, 1] for v in (raw, done)]
    assert rises[0] != pytest.approx(rises[1], abs=0.01)
    before, after = axes[1, 0].collections[0], axes[0, 1].collections[0]
    assert not np.ma.allequal(before.get_array(), after.get_array().T)
    assert axes[1, 0].get_xlim() == axes[0, 1].get_ylim()


def test_overcompensation_is_framed():
    sample = small.small_sample()
    matrix = sample.spillover.matrix.copy()
    matrix[1, 2] = 0.4  # twice what the dye of CD3 really gives
    wrong = replace(sample, spillover=Spillover(sample.spillover.channels, matrix))
    axes = np.array(plots.compensation(wrong).axes).reshape(5, 5)
    framed = {
        (i, j) for i in range(5) for j in range(i + 1, 5)
        if to_hex(axes[i, j].spines["left"].get_edgecolor()).upper() == VERMILION
    }  # fmt: skip
    assert (1, 2) in framed
    (said,) = texts(axes[1, 2])
    assert said.startswith("-")
    right = np.array(plots.compensation(sample).axes).reshape(5, 5)
    edges = {
        to_hex(right[i, j].spines["left"].get_edgecolor()) for i in range(5) for j in range(i)
    }
    assert VERMILION.lower() not in edges


def test_compensation_needs_two_channels_and_a_matrix():
    sample = small.small_sample(200)
    assert len(plots.compensation(sample, channels=("CD3", "CD4")).axes) == 4
    with pytest.raises(PanelError, match="does not name SSC-A; it has D0-A"):
        plots.compensation(sample, channels=("CD3", "SSC-A"))
    with pytest.raises(PanelError, match="1 channel makes no pair"):
        plots.compensation(sample, channels=("CD3",))
    for none in (flowml.compensate(sample), replace(sample, spillover=None)):
        with pytest.raises(StateError, match="no before and after"):
            plots.compensation(none)


def test_a_distribution_is_shares_of_events():
    values = np.array([0.5, 0.5, np.nan, 7.0, -7.0])
    found = distribution(values)
    assert found.shape == (BINS,)
    assert found.sum() == pytest.approx(1.0)
    assert found[60:70].sum() == pytest.approx(0.5, abs=0.02)
    assert distribution(np.array([np.nan])).sum() == 0


def test_bands_are_quantiles_of_the_reference_samples():
    samples = [small.small_sample(400, seed) for seed in range(2, 7)]
    found = plots.reference(samples)
    table = np.array([distribution(flowml.display(flowml.compensate(s)).events()[:, 3])
                      for s in samples])  # fmt: skip
    assert np.allclose(found.shares["CD3"], table, atol=1e-9)
    assert np.allclose(found.bands("CD3"), np.quantile(table, QUANTILES, axis=0), atol=1e-9)
    assert found.bands("CD99") is None
    assert plots.reference(samples[:2]).bands("CD3") is None, "two samples are no band"
    parts = plots.Reference.joined(plots.reference([s]) for s in samples)
    assert np.array_equal(parts.shares["CD3"], found.shares["CD3"])


def test_what_is_beyond_the_band_is_told():
    sample = small.small_sample()
    usual = plots.histogram(sample, "CD3", reference=plots.reference([sample] * 3))
    assert texts(usual) == ["0% beyond"]
    away = plots.histogram(sample, "CD3", reference=small.small_reference())
    (said,) = texts(away)
    assert 10 < int(said.partition("%")[0]) < 60
    assert away.texts[0].get_color() == VERMILION
    alone = plots.histogram(sample, "CD3")
    assert texts(alone) == []
    assert alone.get_xlabel() == "CD3 (D1-A)"


def test_histograms_count_only_the_events_within():
    sample = small.small_sample()
    inside = small.clusters() == "B"
    figure = plots.histograms(sample, markers=("CD19", "CD3"), within=inside)
    assert [ax.get_xlabel() for ax in figure.axes] == ["CD19 (D4-A)", "CD3 (D1-A)"]
    assert f"{inside.sum():,} of 4,000 events" in figure.get_suptitle()
    line = figure.axes[0].lines[0]
    middle = np.average(line.get_xdata(), weights=line.get_ydata())
    expected = flowml.display(flowml.compensate(sample)).events()[inside, 6]
    assert middle == pytest.approx(expected.mean(), abs=0.01)
    with pytest.raises(GateError, match="within"):
        plots.histograms(sample, within=inside[:10])


def spans(ax):
    return [patch.get_x() for patch in ax.patches if hasattr(patch, "get_x")]


def test_quality_shades_the_stretch_that_was_disturbed():
    sample = small.disturbed_sample()
    figure = plots.quality(sample)
    time = sample.events()[:, 7] / 100
    rate, *signals = figure.axes
    assert len(signals) == 7
    (start,) = spans(signals[0])
    assert start == pytest.approx(time[1500] - time[0], abs=0.5)
    assert "flow: warn; 5.0 % of events" in figure.get_suptitle()
    assert signals[-1].get_xlabel() == "seconds"
    steady = plots.quality(small.small_sample())
    assert spans(steady.axes[1]) == []
    heights = rate.patches[0].get_data().values
    assert np.median(heights) == pytest.approx(100, rel=0.1), "one event in 0.01 s"


def test_quality_without_times_goes_by_events():
    sample = small.small_sample()
    timeless = replace(
        sample, channels=tuple(c for c in sample.channels if c.role is not Role.TIME),
        source=ArraySource(sample.events()[:, :7]),
    )  # fmt: skip
    figure = plots.quality(timeless)
    assert figure.axes[-1].get_xlabel().startswith("events")
    assert "no times of arrival" in texts(figure.axes[0])
    few = plots.quality(small.small_sample(50))
    assert "too few events for pieces of the run" in texts(few.axes[0])


def test_a_clock_of_coarse_steps_gives_an_even_rate():
    sample = small.small_sample()
    values = sample.events()
    values[:, 7] = (
        np.floor(np.arange(4000) / 250) * 100
    )  # one second a step, 250 events a second
    figure = plots.quality(replace(sample, source=ArraySource(values)))
    heights = figure.axes[0].patches[0].get_data().values
    assert np.allclose(heights, 250, rtol=0.05)


def test_a_case_among_the_training_cases():
    model, row = small.small_model(), small.small_row()
    figure = plots.training(model, row, name="A1")
    places, distances, markers = figure.axes
    squared = model.caution.novelty.squared(row[np.newaxis])[0] / 20
    novelty = squared @ [0.8, 0.15, 0.05]
    assert figure.get_suptitle().startswith(f"A1: novelty {novelty:.2f} (usual is 1)")
    assert distances.lines[0].get_xdata() == pytest.approx([novelty])
    assert "CLL" in figure.get_suptitle()
    names = [text.get_text() for text in distances.get_yticklabels()]
    assert names == ["novelty", *(model.entities[i] for i in np.argsort(squared))]
    assert markers.get_yticklabels()[0].get_text() == "CD2", "the far feature"
    assert sorted(texts(places)) == ["AML", "CLL", "T-ALL"]


def test_a_case_at_the_mean_of_an_entity_lies_on_it():
    model = small.small_model()
    novelty = model.caution.novelty
    point = novelty.means[1] @ np.linalg.pinv(novelty.axes.astype(float)).T
    row = (point * novelty.standard.spread + novelty.standard.center).astype(np.float32)
    places = plots.training(model, row).axes[0]
    stars = [line for line in places.lines if line.get_marker() == "*"]
    dots = {
        tuple(np.round(line.get_xydata()[0], 2)) for line in places.lines if line not in stars
    }
    (star,) = stars
    assert tuple(np.round(star.get_xydata()[0], 2)) in dots


def test_a_model_without_a_record_of_its_training_cases_says_so():
    model = small.small_model()
    with pytest.raises(ModelError, match="no record of where its training cases lie"):
        plots.training(replace_novelty(model, None), small.small_row())
    with pytest.raises(ModelError, match=r"shape \(3,\); the model expects \(20,\)"):
        plots.training(model, np.zeros(3, np.float32))


def replace_novelty(model, novelty):
    return SimpleNamespace(**(vars(model) | {"caution": SimpleNamespace(novelty=novelty)}))


@pytest.mark.parametrize("name", ["page", "gating", "compensation", "histograms", "quality"])
def test_a_part_of_a_figure_is_drawn_in_and_returned(name, tmp_path):
    whole = Figure(figsize=(9, 6))
    part, other = whole.subfigures(1, 2)
    sample = small.small_sample(600)
    more = (small.small_gates(),) if name == "gating" else ()
    few = {"views": page_views(sample.markers)[:2]} if name == "page" else {}
    assert getattr(plots, name)(sample, *more, **few, figure=part) is part
    assert part.axes
    assert other.axes == []
    assert plots.save(part, tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "suffix"), [("contour", "svg"), ("gating", "pdf"), ("quality", "svg")]
)
def test_vector_files_are_made(name, suffix, tmp_path):
    path = plots.save(small.PICTURES[name](), tmp_path / f"a.{suffix}", dpi=40)
    assert path.read_bytes()[:5] in {b"<?xml", b"%PDF-"}


def test_no_event_is_no_error(tmp_path):
    sample = small.small_sample(1)
    sample = replace(sample, source=ArraySource(sample.events()[:0]))
    views = page_views(sample.markers)[:2]
    none = Populations({"T cells": np.zeros(0, dtype=bool)})
    drawn = [
        plots.page(sample, populations=none, views=views),
        plots.compensation(sample, channels=("CD3", "CD4")),
        plots.histograms(sample, markers=("CD3",), reference=plots.reference([sample] * 3)),
        plots.quality(sample),
        plots.gating(sample, small.small_gates()),
    ]
    for number, figure in enumerate(drawn):
        assert plots.save(figure, tmp_path / f"{number}.png", dpi=30).stat().st_size > 500


def test_samples_on_a_display_scale_are_drawn_as_they_are():
    shown = flowml.display(flowml.compensate(small.small_sample(500)))
    assert isinstance(shown, Sample)
    page = plots.page(shown, views=page_views(shown.markers)[:2])
    assert "0.8" in [text.get_text() for text in page.axes[0].get_xticklabels()]
    assert len(plots.histograms(shown).axes) >= 7
    assert len(plots.quality(shown).axes) == 8
