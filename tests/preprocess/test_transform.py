"""Display scales against flowutils, plain formulas, and themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flowkit._models.transforms._wsp_transforms import WSPBiexTransform, generate_biex_lut
from flowutils import transforms
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FlowmlError, StateError
from flowml.events import ArraySource
from flowml.preprocess import TRANSFORMS, display, display_scale, make_transform
from flowml.preprocess.transform import (
    Arcsinh,
    Biexponential,
    Hyperlog,
    Linear,
    Log,
    Logicle,
    logicle_width,
)
from flowml.records import Channel, Role, Sample, Scale

VALUES = np.concatenate([-np.logspace(6, -3, 400), [0.0], np.logspace(-3, 8, 800)])
PARAMETERS = [
    (262144, 0.5, 4.5, 0), (262144, 1.0, 4.5, 0), (262144, 2.0, 4.5, 0.5), (1024, 0.1, 4, 0),
    (10000, 0.25, 4, 1), (4194304, 0.5, 5.5, -0.25), (1e6, 2.25, 4.5, 0), (3.0, 0.5, 4.5, 0),
]  # fmt: skip
FLOWJO = [
    (262144.000029, -10, 4.41854, 0), (262144.000029, -100, 4.41854, 1), (1e4, -1, 4, 0),
    (4194304, -1000, 5.4, 0.5), (1024, -31.6, 4, 2), (262144, -1, 4.5, 1e-4),
]  # fmt: skip
SCALES = [
    Linear(1024),
    Arcsinh(262144),
    Arcsinh(4.0, 5),
    Arcsinh.from_decades(262144, 4.5, 1),
    *(Logicle(*p) for p in PARAMETERS),
    *(Hyperlog(*p) for p in PARAMETERS),
    *(Biexponential(*p) for p in FLOWJO),
]
WITH_LOG = [*SCALES, Log(262144), Log(1e4, 2)]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_logicle_is_that_of_flowutils(parameters):
    top, width, decades, negative = parameters
    values = VALUES[np.abs(VALUES) < 100 * top]
    expected = transforms.logicle(
        values[:, None].copy(), [0], t=top, m=decades, w=width, a=negative
    )[:, 0]
    np.testing.assert_allclose(Logicle(*parameters)(values), expected, atol=1e-9)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_hyperlog_is_that_of_flowutils(parameters):
    top, width, decades, negative = parameters
    values = VALUES[np.abs(VALUES) < 100 * top]
    expected = transforms.hyperlog(values.copy(), None, top, decades, width, negative)
    np.testing.assert_allclose(Hyperlog(*parameters)(values), expected, atol=1e-12)


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("name", ["logicle", "hyperlog"])
def test_inverses_are_those_of_flowutils(name, parameters):
    top, width, decades, negative = parameters
    shown = np.linspace(-0.2, 1.1, 500)
    outside = getattr(transforms, f"{name}_inverse")
    expected = outside(shown.copy(), None, top, decades, width, negative)
    np.testing.assert_allclose(
        TRANSFORMS[name](*parameters).inverse(shown), expected, rtol=1e-11, atol=1e-13 * top
    )


@pytest.mark.parametrize(("top", "decades"), [(262144, 4.5), (1e4, 2), (3, 6.25)])
def test_log_is_that_of_flowutils(top, decades):
    values = VALUES[VALUES > 0]
    expected = transforms.log(values.copy(), None, top, decades)
    np.testing.assert_allclose(Log(top, decades)(values), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(Log(top, decades).inverse(expected), values, rtol=1e-12)


def test_log_shows_what_has_no_logarithm_below_all():
    scale = Log(262144)
    shown = scale([-np.inf, -5.0, -0.0, 0.0, 5e-324, 1.0])
    np.testing.assert_array_equal(shown[:4], -np.inf)
    assert shown[3] < shown[4] < shown[5]
    assert np.clip(shown, 0, 1)[0] == 0
    assert scale.inverse(-np.inf) == 0


@pytest.mark.parametrize("parameters", FLOWJO)
def test_biexponential_is_that_of_flowjo(parameters):
    top, width, decades, negative = parameters
    scale = Biexponential(*parameters)
    table, channels = generate_biex_lut(
        neg=negative, width_basis=width, pos=decades, max_value=top
    )
    np.testing.assert_allclose(scale(table) * scale.top_channel, channels, atol=1e-9)
    np.testing.assert_allclose(
        scale.inverse(channels / scale.top_channel), table, rtol=1e-10, atol=1e-12 * top
    )
    foreign = WSPBiexTransform(negative, width, decades, top)
    ours = np.clip(scale(VALUES) * scale.top_channel, 0, 4096)
    np.testing.assert_allclose(ours, foreign.apply(VALUES), rtol=0, atol=1e-3)
    assert 4057 < scale.top_channel < 4097.001


def test_arcsinh_is_its_formula_and_one_at_the_top():
    scale = Arcsinh(262144, 150)
    np.testing.assert_allclose(
        scale(VALUES), np.arcsinh(VALUES / 150) / math.asinh(262144 / 150), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("top", "decades", "negative"), [(262144, 4.5, 0), (262144, 4.5, 1.5), (10, 0.5, 0.5)]
)
def test_arcsinh_is_that_of_gating_ml(top, decades, negative):
    expected = transforms.asinh(VALUES.copy(), None, top, decades, negative)
    scale = Arcsinh.from_decades(top, decades, negative)
    np.testing.assert_allclose(scale(VALUES), expected, rtol=0, atol=1e-13)
    shown = np.linspace(-0.2, 1.1, 500)
    expected = transforms.asinh_inverse(shown.copy(), None, top, decades, negative)
    np.testing.assert_allclose(scale.inverse(shown), expected, rtol=1e-11, atol=1e-13 * top)


@pytest.mark.parametrize("scale", WITH_LOG, ids=repr)
def test_the_top_is_shown_at_one(scale):
    assert scale(scale.top) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_scales_rise(scale):
    values = np.unique(np.concatenate([VALUES, np.linspace(-10, 10, 1001)]))
    steps = np.diff(scale(values))
    assert (steps >= -1e-12).all()
    assert (steps[np.diff(values) > 1e-2] > 0).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(value=st.floats(-1e6, 1e7), scale=st.sampled_from(SCALES))
def test_the_inverse_brings_values_back(value, scale):
    assert scale.inverse(scale(value)) == pytest.approx(value, rel=1e-6, abs=1e-7 * scale.top)


@pytest.mark.parametrize("scale", WITH_LOG, ids=repr)
def test_scales_keep_shapes_and_the_edges_of_float64(scale):
    assert scale(np.empty((0, 3))).shape == scale.inverse(np.empty((0, 3))).shape == (0, 3)
    back = scale.inverse([np.nan, np.inf, 1e6, 1.0])
    assert np.isnan(back[0])
    assert back[1] == np.inf
    assert back[2] > back[3]
    signalling = np.array([0x7F800001], dtype=np.uint32).view(np.float32)
    assert np.isnan(scale(signalling)).all()
    assert np.shape(scale(5.0)) == ()
    edges = scale(np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324]))
    assert np.isnan(edges[0])
    assert edges[1] == np.inf
    assert edges[2] == -np.inf
    assert edges[3] > 1 > edges[5] > edges[4]


@pytest.mark.parametrize("scale", WITH_LOG[::3], ids=repr)
def test_a_value_is_shown_alike_alone_and_among_others(scale):
    alone = np.array([float(scale(value)) for value in VALUES[::50]])
    np.testing.assert_array_equal(scale(VALUES)[::50], alone)


@pytest.mark.parametrize(
    ("width", "decades", "negative"),
    [(0, 4.5, 0), (-1, 4.5, 0), (2.5, 4.5, 0), (0.5, 0, 0), (0.5, 4.5, 4), (0.5, 4.5, -1),
     (math.nan, 4.5, 0), (0.5, math.inf, 0), (0.5, 4.5, math.nan), (0.5, 51, 0)],
)  # fmt: skip
@pytest.mark.parametrize("scale", [Logicle, Hyperlog])
def test_scales_refuse_parameters_that_are_none(scale, width, decades, negative):
    with pytest.raises(FlowmlError, match=rf"{scale.__name__.lower()} needs .*found"):
        scale(262144, width, decades, negative)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ((262144, 10), "needs a width basis of -1 or below; found 10"),
        ((262144, -0.5), "found -0.5"),
        ((262144, math.nan), "found nan"),
        ((262144, -math.inf), "found -inf"),
        ((262144, -1e9), "needs more positive decades than half .* found 4.41854 and"),
        ((262144, -10, 0), "needs a positive, finite decades; found 0"),
        ((262144, -10, 51), "at most 50 decades"),
        ((262144, -10, 4, -1), "needs a finite negative of 0 or more; found -1"),
    ],
)
def test_biexponential_refuses_parameters_that_are_no_scale(parameters, message):
    with pytest.raises(FlowmlError, match=message):
        Biexponential(*parameters)


def test_the_parameters_of_gating_ml_are_looked_at():
    with pytest.raises(FlowmlError, match=r"0 <= A <= M; found A=5, M=4.5"):
        Arcsinh.from_decades(1000, 4.5, 5)
    with pytest.raises(FlowmlError, match="arcsinh needs a positive, finite M; found 0"):
        Arcsinh.from_decades(1000, 0)
    with pytest.raises(FlowmlError, match="arcsinh needs a finite A of 0 or more; found -1"):
        Arcsinh(1000, 5, -1)
    with pytest.raises(FlowmlError, match="log needs a positive, finite M; found -4"):
        Log(1000, -4)


@pytest.mark.parametrize("scale", [Logicle, Hyperlog])
def test_scales_of_the_widest_parameters_can_be_solved(scale):
    for widest in (scale(1e30, 25, 50, 0), scale(1e-30, 1e-9, 50, 49), scale(1, 1e-9, 1e-3)):
        shown = np.linspace(-0.5, 1.5, 101)
        np.testing.assert_allclose(widest(widest.inverse(shown)), shown, atol=1e-9)
    wide = Biexponential(1e30, -10, 50, 50)
    np.testing.assert_allclose(wide(wide.inverse(shown)), shown, atol=1e-9)


@pytest.mark.parametrize("reference", [-16.0, -82.9, -200.0, -1500.0])
def test_the_width_shows_the_reference_on_the_scale(reference):
    scale = Logicle(262144, logicle_width(reference, 262144))
    assert reference * 10 ** (4.5 - 2 * scale.width) == pytest.approx(-262144)
    assert -0.03 < scale(reference) < 0.6 * scale(0)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    reference=st.floats(),
    top=st.floats(1e-3, 1e9),
    decades=st.floats(0.1, 10),
)
def test_the_width_is_always_one_that_logicle_takes(reference, top, decades):
    width = logicle_width(reference, top, decades)
    assert Logicle(top, width, decades).width == width


@pytest.mark.parametrize(
    ("reference", "decades", "width"),
    [(0, 4.5, 0.5), (5, 4.5, 0.5), (math.nan, 4.5, 0.5), (math.nan, 0.8, 0.4),
     (-1e-3, 4.5, 0.1), (-1e9, 4.5, 2.25), (-math.inf, 4.5, 2.25), (-1e-3, 0.1, 0.05)],
)  # fmt: skip
def test_the_width_has_bounds(reference, decades, width):
    assert logicle_width(reference, 262144, decades) == width


def test_the_width_needs_a_top():
    with pytest.raises(FlowmlError, match="logicle needs a positive, finite T; found 0"):
        logicle_width(-10, 0)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("top", [0, -1, math.nan, math.inf])
def test_every_scale_refuses_a_top_that_is_none(name, top):
    with pytest.raises(FlowmlError, match=r"top of a scale is .*, expected a positive number"):
        make_transform(name, top)
    with pytest.raises(FlowmlError, match=f"{name} needs a positive, finite T; found {top}"):
        TRANSFORMS[name](top)


@pytest.mark.parametrize("cofactor", [0, -150, math.nan])
def test_arcsinh_refuses_a_cofactor_that_is_none(cofactor):
    with pytest.raises(FlowmlError, match="arcsinh needs a positive, finite cofactor"):
        Arcsinh(1000, cofactor)


def test_an_unknown_scale_names_the_known_ones():
    with pytest.raises(
        FlowmlError, match=r"'biex'; choose from logicle, arcsinh, log, linear, hyper"
    ):
        make_transform("biex", 1)


@pytest.fixture
def sample():
    channels = (
        Channel("Time", role=Role.TIME, top=100),
        Channel("SSC-A", role=Role.SIDE_SCATTER, top=1024),
        Channel("PE-A", role=Role.FLUORESCENCE, top=262144),
    )
    values = np.array([[50, 512, 262144], [100, 1024, -5]], dtype=np.float32)
    return Sample("s", channels, ArraySource(values))


def test_only_fluorescence_is_shown_on_the_curved_scale(sample):
    kinds = [type(display_scale(channel)) for channel in sample.channels]
    assert kinds == [Linear, Linear, Logicle]
    shown = display(sample)
    assert shown.scale is Scale.DISPLAY
    assert shown.events().dtype == np.float64
    np.testing.assert_allclose(shown.events()[0], [0.5, 0.5, 1])


def test_showing_twice_is_an_error(sample):
    with pytest.raises(StateError, match="s is already on its display scale"):
        display(display(sample))
