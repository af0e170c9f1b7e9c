"""Pictures: ticks, axes, labels, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import flowml
from flowml.errors import GateError, OutputError, PanelError, StateError
from flowml.events import ArraySource
from flowml.gating import Dimension, Ellipsoid, Gate, Polygon, Range, Rectangle, Strategy
from flowml.gating.outline import outline
from flowml.preprocess.transform import Arcsinh, Linear, Logicle
from flowml.records import Channel, Role, Sample, Scale, Spillover
from flowml.reports import density, plots
from flowml.reports.ticks import count_label, decade_ticks, linear_ticks, power_label

DATA = Path(__file__).parents[3] / "shared" / "data"
FIRST = b"\x89PNG\r\n\x1a\n"


def make_sample(n_events=2000, seed=0, **names):
    random = np.random.default_rng(seed)
    values = np.column_stack(
        [random.normal(80_000, 30_000, n_events), random.lognormal(6, 3, n_events) - 300]
    )
    channels = (
        Channel("SSC-A", marker="SSC-A", role=Role.SIDE_SCATTER, pulse="A"),
        Channel(**({"name": "V500-A", "marker": "CD45", "role": Role.FLUORESCENCE} | names)),
    )
    return Sample("tube.fcs", channels, ArraySource(values.astype(np.float32)))


def test_decades_stand_where_the_scale_puts_them():
    scale = Logicle(262144.0)
    ticks = decade_ticks(scale, -0.1, 1.0)
    assert ticks.labels == ("$-10^{2}$", "0", *(f"$10^{{{k}}}$" for k in range(2, 6)))
    assert np.allclose(scale.inverse(ticks.positions), [-100, 0, 100, 1e3, 1e4, 1e5], atol=1e-6)
    minor = scale.inverse(ticks.minor)
    assert np.isclose(minor, 20_000).any()
    assert np.isclose(minor, -20).any()
    assert not np.isclose(minor, 10_000).any()
    assert minor.max() <= 262144 * (1 + 1e-9)


@pytest.mark.parametrize(
    "scale", [Logicle(262144.0), Logicle(1e4, 1.0), Logicle(4e6, 0.3, 5.5), Arcsinh(1e6, 5.0)]
)
@pytest.mark.parametrize("low", [-0.6, -0.02, 0.3])
def test_labels_never_touch_and_lie_on_the_axis(scale, low):
    ticks = decade_ticks(scale, low, 1.0)
    assert len(ticks.positions) == len(ticks.labels) >= 2
    assert np.diff(ticks.positions).min() >= 0.07 * (1 - low)
    assert min(ticks.positions + ticks.minor) >= low
    assert max(ticks.positions + ticks.minor) <= 1


def test_an_axis_without_extent_has_no_ticks():
    assert decade_ticks(Linear(1.0), 0.0, 0.0).positions == ()
    for low, high in ((1.0, 1.0), (np.nan, 1.0), (0.0, np.inf)):
        assert linear_ticks(low, high).positions == ()


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 262144, ["0", "50K", "100K", "150K", "200K", "250K"]),
        (0, 4.2e6, ["0", "1M", "2M", "3M", "4M"]),
        (0, 1023, ["0", "200", "400", "600", "800", "1K"]),
        (-0.02, 1.02, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (-5000, 5000, ["-4K", "-2K", "0", "2K", "4K"]),
    ],
)
def test_linear_ticks_are_round(low, high, labels):
    ticks = linear_ticks(low, high)
    assert list(ticks.labels) == labels
    assert all(low <= place <= high for place in ticks.positions + ticks.minor)


def test_labels_of_values():
    assert [count_label(v) for v in (-50_000, 1.5e6, 2e9, 7)] == ["-50K", "1.5M", "2G", "7"]
    assert [power_label(v) for v in (0, 1, -10)] == ["0", "$10^{0}$", "$-10^{1}$"]


def test_the_axes_given_are_drawn_on_and_returned():
    ax = Figure().add_subplot()
    assert plots.view(make_sample(), "CD45", "SSC-A", ax=ax) is ax
    assert ax.get_xlabel() == "CD45 (V500-A)"
    assert ax.get_ylabel() == "SSC-A"
    assert ax.get_title() == "tube.fcs\n2,000 events"
    assert "50K" in [text.get_text() for text in ax.get_yticklabels()]
    assert "$10^{4}$" in [text.get_text() for text in ax.get_xticklabels()]


def test_a_new_figure_is_nobody_elses():
    import matplotlib._pylab_helpers as helpers

    before = len(helpers.Gcf.get_all_fig_managers())
    first, second = (flowml.plot.view(make_sample(), "CD45", "SSC") for _ in range(2))
    assert first.figure is not second.figure
    assert len(helpers.Gcf.get_all_fig_managers()) == before


HOSTILE = r"$\frac{1}{0$ <b>" + "\x1b[31m\n\u202e" + "x" * 500


def test_names_from_files_are_neither_mathtext_nor_control_characters(tmp_path):
    sample = replace(make_sample(name=HOSTILE, marker=HOSTILE[:-1]), name=HOSTILE)
    dimensions = (Dimension(HOSTILE), Dimension("SSC"))
    gates = Strategy((Gate(HOSTILE, Polygon(TRIANGLE), dimensions),))
    ax = plots.view(sample, HOSTILE, "SSC", gates=gates)
    for text in (ax.get_xlabel(), ax.get_title(), ax.texts[0].get_text()):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert len(text) < 130
    assert plots.save(ax, tmp_path / "a.png").read_bytes().startswith(FIRST)


def test_a_label_tells_the_fluorochrome_where_the_file_does():
    channel = Channel("FL8-A", "CD19-APC-A750", "CD19", Role.FLUORESCENCE, "A")
    assert plots.channel_label(channel) == "CD19 (APC-A750)"
    assert plots.channel_label(replace(channel, label="CD19")) == "CD19 (FL8-A)"
    assert plots.channel_label(replace(channel, marker="", label="")) == "FL8-A"


def test_only_events_within_are_drawn():
    sample = make_sample()
    inside = np.arange(sample.n_events) < 500
    ax = plots.view(sample, "CD45", "SSC-A", within=inside)
    assert ax.get_title().endswith("500 of 2,000 events")
    alone = replace(sample, source=ArraySource(sample.events()[inside]))
    expected = plots.view(alone, "CD45", "SSC-A").collections[0].get_array()
    assert np.ma.allequal(ax.collections[0].get_array(), expected)


def test_marked_events_stand_over_grey_ones_and_are_named(tmp_path):
    sample = make_sample()
    clone, few = np.arange(2000) < 250, np.arange(2000) % 1000 == 0
    ax = plots.view(sample, "CD45", "SSC-A", marked={"$clone$": clone, "few": few})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "$clone$ 12.5%", "few 0.1%",
    ]  # fmt: skip
    everything, marked, rare = ax.collections[:3]
    assert everything.get_array().count() > marked.get_array().count() > 2
    assert rare.get_array().count() == 2
    assert np.ptp(everything.cmap(0.5)[:3]) == 0, "grey"
    assert np.ptp(marked.cmap(0.5)[:3]) > 0.5
    assert plots.save(ax, tmp_path / "a.png").read_bytes().startswith(FIRST)


def test_marks_and_gates_of_many_events_are_thinned_together(monkeypatch):
    seen = []
    monkeypatch.setattr(density, "smooth", lambda counts: seen.append(counts.sum()) or counts)
    sample = make_sample(30_000)
    inside, marked = np.arange(30_000) < 15_000, np.arange(30_000) < 3_000
    plots.view(sample, "CD45", "SSC-A", within=inside, marked={"a": marked}, max_events=10_000)
    assert seen == [5_000, 1_000]


@pytest.mark.parametrize(
    "mask", [np.ones(3, dtype=bool), np.ones(2000), np.ones((2000, 1), dtype=bool)]
)
def test_a_mask_of_another_sample_is_refused(mask):
    with pytest.raises(GateError, match=r"expected bool of shape \(2000,\)"):
        plots.view(make_sample(), "CD45", "SSC-A", within=mask)
    with pytest.raises(GateError, match="'clone'"):
        plots.view(make_sample(), "CD45", "SSC-A", marked={"clone": mask})


def test_legends_stand_where_they_hide_least():
    limits = [(0.0, 1.0), (0.0, 2.0)]
    corners = np.array([[0.9, 1.9], [0.9, 1.9], [0.9, 0.1], [0.9, 0.1], [0.1, 1.9]])
    assert density.emptiest_corner(corners[:0], limits) == "upper right"
    assert density.emptiest_corner(corners[:2], limits) == "lower right"
    assert density.emptiest_corner(corners[:4], limits) == "upper left"
    assert density.emptiest_corner(corners, limits) == "lower left"
    assert density.emptiest_corner(corners * 1e9, limits) == "lower right"


def test_an_axis_takes_another_scale_with_its_gates():
    sample = make_sample()
    wide = Logicle(262144.0, 1.5)
    ax = plots.view(sample, "CD45", "SSC-A", scales={"V500-A": wide})
    places = dict(
        zip(ax.get_xticks(), (t.get_text() for t in ax.get_xticklabels()), strict=True)
    )
    assert places[float(wide(1e4))] == "$10^{4}$"
    gates = Strategy((Gate("A", Rectangle([1e3, 1e4], [1e5, 9e4]), LINEAR[::-1]),))
    drawn = plots.view(sample, "CD45", "SSC-A", gates=gates, scales={"CD45": wide}).lines[0]
    assert np.isclose(drawn.get_xdata().max(), wide(1e5))
    shown = flowml.display(sample)
    with pytest.raises(StateError, match="already on its display scales"):
        plots.view(shown, "CD45", "SSC-A", scales={"CD45": wide})
    with pytest.raises(PanelError, match="CD99"):
        plots.view(sample, "CD45", "SSC-A", scales={"CD99": wide})


TRIANGLE = [(0.3, 0.1), (0.8, 0.1), (0.5, 0.6)]
DIMENSIONS = (Dimension("CD45"), Dimension("SSC-A"))


def test_gates_of_these_axes_are_drawn_with_the_share_of_their_parent():
    sample = make_sample()
    gates = Strategy(
        (
            Gate("A", Polygon(TRIANGLE), DIMENSIONS),
            Gate("B", Rectangle([1e4, -np.inf], [9e4, 5e4]), LINEAR, "A"),
            Gate("C", Ellipsoid([0.3, 0.4], np.eye(2) / 100), DIMENSIONS[::-1], "B"),
            Gate("one dimension", Range(0.1, 0.2), DIMENSIONS[:1]),
            Gate("other values", Polygon(TRIANGLE), OTHER),
            Gate("empty", Rectangle([0.9, 0.9], [0.91, 0.91]), DIMENSIONS),
            Gate("child", Polygon(TRIANGLE), DIMENSIONS, "empty"),
        ),
        {"M": Spillover(("V500-A",), np.eye(1))},
    )
    masks = flowml.gate(sample, gates)
    ax = plots.view(sample, "CD45", "SSC-A", gates=gates)
    texts = [text.get_text() for text in ax.texts]
    share = 100 * masks["B"].sum() / masks["A"].sum()
    assert texts[0] == f"A\n{100 * masks['A'].mean():.3g}%"
    assert texts[1] == f"B\n{share:.3g}%"
    assert [text.split("\n")[0] for text in texts] == ["A", "B", "C", "empty", "child"]
    assert texts[-1] == "child\nn/a"
    assert len(ax.lines) == 5
    swapped = plots.view(sample, "SSC-A", "CD45", gates=gates)
    points = ax.lines[0].get_xydata()
    assert np.allclose(points, swapped.lines[0].get_xydata()[:, ::-1])
    assert np.allclose(points[::24], [*TRIANGLE, TRIANGLE[0]], atol=1e-9)


LINEAR = (Dimension("SSC-A", "linear"), Dimension("CD45", "linear"))
OTHER = (Dimension("CD45", compensation="M"), Dimension("SSC-A"))


def test_outlines():
    window = np.array([[0.0, 1.0], [0.0, 1.0]])
    open_ended = outline(Rectangle([0.5, -np.inf], [np.inf, 0.5]), window)
    assert np.allclose(open_ended[0], open_ended[-1])
    assert open_ended[:, 0].max() > 1
    assert open_ended[:, 1].min() < 0
    shape = Ellipsoid([1, 2], [[4, 1], [1, 2]], 2.0)
    offsets = outline(shape, window) - shape.center
    distance = ((offsets @ np.linalg.inv(shape.covariance)) * offsets).sum(axis=1)
    assert np.allclose(distance, 2.0)
    assert len(outline(Ellipsoid([0, 0], [[1, 2], [2, 1]]), window)) == 0
    assert len(outline(Range(0, 1), window)) == 0


@pytest.mark.parametrize("n_events", [0, 1, 3])
def test_few_events_are_drawn_without_a_warning(n_events, tmp_path):
    gates = Strategy((Gate("A", Polygon(TRIANGLE), DIMENSIONS),))
    ax = plots.view(make_sample(n_events), "CD45", "SSC-A", gates=gates)
    assert plots.save(ax, tmp_path / "a.png").read_bytes().startswith(FIRST)
    assert ax.get_xlabel() == "CD45 (V500-A)"
    assert ax.get_title().endswith("1 event" if n_events == 1 else f"{n_events} events")
    shown = ax.collections[0].get_array()
    assert shown.count() <= n_events
    assert (shown.count() > 0) == (n_events > 0)


def test_events_without_values_are_left_out(tmp_path):
    sample = make_sample(3)
    values = np.array([[np.nan, 1], [np.inf, 1e9], [-np.inf, -1e9]], dtype=np.float32)
    ax = plots.view(replace(sample, source=ArraySource(values)), "CD45", "SSC-A")
    assert ax.collections[0].get_array().count() == 2
    plots.save(ax, tmp_path / "a.png")


def test_every_event_is_on_the_picture_and_of_many_some(monkeypatch):
    seen = []
    monkeypatch.setattr(density, "smooth", lambda counts: seen.append(counts.sum()) or counts)
    sample = make_sample(30_000)
    plots.view(sample, "CD45", "SSC-A")
    ax = plots.view(sample, "CD45", "SSC-A", max_events=10_000)
    assert seen == [30_000, 10_000]
    assert ax.get_title() == "tube.fcs\n10,000 of 30,000 events"


def test_smoothing_spreads_and_keeps_events():
    counts = np.zeros((9, 11))
    counts[4, 5] = 1
    smoothed = density.smooth(counts)
    assert smoothed.shape == counts.shape
    assert np.isclose(smoothed.sum(), 1)
    assert np.isclose(smoothed[4, 5], (6 / 16) ** 2)
    assert np.isclose(smoothed[2, 3], (1 / 16) ** 2)


def test_a_sample_is_drawn_as_far_down_the_pipe_as_it_is():
    spillover = Spillover(("V500-A",), np.array([[1.0]]))
    sample = replace(make_sample(), spillover=spillover)
    compensated = plots.view(flowml.compensate(sample), "CD45", "SSC-A")
    assert "$10^{4}$" in [text.get_text() for text in compensated.get_xticklabels()]
    shown = flowml.display(sample)
    assert shown.scale is Scale.DISPLAY
    ax = plots.view(shown, "CD45", "SSC-A")
    assert "0.5" in [text.get_text() for text in ax.get_xticklabels()]
    with pytest.raises(StateError):
        plots.view(flowml.compensate(sample), "CD45", "SSC-A", compensation="file")
    gates = Strategy((Gate("A", Polygon(TRIANGLE), DIMENSIONS),))
    with pytest.raises(StateError):
        plots.view(shown, "CD45", "SSC-A", gates=gates)


def test_a_logarithmic_scatter_amplifier_has_decades():
    sample = make_sample(
        name="SS Log", marker="SSC-H", role=Role.SIDE_SCATTER, top=1e4, logarithmic=True
    )
    ax = plots.view(sample, "SSC-A", "SS Log")
    assert "$10^{3}$" in [text.get_text() for text in ax.get_yticklabels()]


def test_what_is_not_there_is_named():
    with pytest.raises(PanelError, match="CD99"):
        plots.view(make_sample(), "CD99", "SSC-A")
    gates = Strategy((Gate("A", Range(0, 1), (Dimension("CD99"),)),))
    with pytest.raises(GateError, match="CD99"):
        plots.view(make_sample(), "CD45", "SSC-A", gates=gates)


def test_files_are_whole_the_same_each_time_or_absent(tmp_path):
    for suffix, start in ((".png", FIRST), (".svg", b"<?xml"), (".PDF", b"%PDF")):
        ax = plots.view(make_sample(), "CD45", "SSC-A")
        first = plots.save(ax, tmp_path / f"a{suffix}", dpi=60).read_bytes()
        again = plots.save(ax.figure, tmp_path / "new" / f"b{suffix}", dpi=60).read_bytes()
        assert first.startswith(start)
        assert first == again
    with pytest.raises(OutputError, match=r"a\.docx; expected a name that ends in \.png"):
        plots.save(ax, tmp_path / "a.docx")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        plots.save(ax, tmp_path / "file" / "a.png")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.PDF", "a.png", "a.svg", "file", "new"]


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not beside the project")
def test_real_files_are_drawn(tmp_path):
    sample = flowml.read_fcs(DATA / "instruments" / "FACS_Diva__facs_diva_test.fcs")
    ax = flowml.plot.view(sample, "CD45", "SSC-A")
    assert ax.get_xlabel() == "CD45 (PerCP-A)"
    ax.figure.savefig(tmp_path / "a.png")
