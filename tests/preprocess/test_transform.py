"""Display scales against flowutils, plain formulas, and themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flowutils import transforms
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FlowmlError, StateError
from flowml.events import ArraySource
from flowml.preprocess import TRANSFORMS, display, display_scale, make_transform
from flowml.preprocess.transform import Arcsinh, Linear, Logicle
from flowml.records import Channel, Role, Sample, Scale

VALUES = np.concatenate([-np.logspace(6, -3, 400), [0.0], np.logspace(-3, 8, 800)])
PARAMETERS = [
    (262144, 0.5, 4.5, 0), (262144, 1.0, 4.5, 0), (262144, 2.0, 4.5, 0.5), (1024, 0.1, 4, 0),
    (10000, 0.25, 4, 1), (4194304, 0.5, 5.5, -0.25), (1e6, 2.25, 4.5, 0), (3.0, 0.5, 4.5, 0),
]  # fmt: skip
SCALES = [Linear(1024), Arcsinh(262144), Arcsinh(4.0, 5), *(Logicle(*p) for p in PARAMETERS)]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_logicle_is_that_of_flowutils(parameters):
    top, width, decades, negative = parameters
    values = VALUES[np.abs(VALUES) < 100 * top]
    expected = transforms.logicle(
        values[:, None].copy(), [0], t=top, m=decades, w=width, a=negative
    )[:, 0]
    np.testing.assert_allclose(Logicle(*parameters)(values), expected, atol=1e-9)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_the_inverse_of_logicle_is_that_of_flowutils(parameters):
    top, width, decades, negative = parameters
    shown = np.linspace(-0.2, 1.1, 500)
    expected = transforms.logicle_inverse(
        shown[:, None].copy(), [0], t=top, m=decades, w=width, a=negative
    )[:, 0]
    np.testing.assert_allclose(
        Logicle(*parameters).inverse(shown), expected, rtol=1e-6, atol=1e-9 * top
    )


def test_arcsinh_is_its_formula_and_one_at_the_top():
    scale = Arcsinh(262144, 150)
    np.testing.assert_allclose(
        scale(VALUES), np.arcsinh(VALUES / 150) / math.asinh(262144 / 150), rtol=1e-14
    )


def test_arcsinh_is_that_of_gating_ml():
    top, decades = 262144, 4.5
    cofactor = top / math.sinh(decades * math.log(10))
    expected = transforms.asinh(VALUES[:, None].copy(), [0], t=top, m=decades, a=0)[:, 0]
    np.testing.assert_allclose(Arcsinh(top, cofactor)(VALUES), expected, rtol=1e-9)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_the_top_is_shown_at_one(scale):
    assert scale(scale.top) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_scales_rise(scale):
    values = np.sort(np.concatenate([VALUES, np.linspace(-10, 10, 1001)]))
    steps = np.diff(scale(values))
    assert (steps >= -1e-12).all()
    assert (steps[np.diff(values) > 1e-2] > 0).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(value=st.floats(-1e6, 1e7), scale=st.sampled_from(SCALES))
def test_the_inverse_brings_values_back(value, scale):
    assert scale.inverse(scale(value)) == pytest.approx(value, rel=1e-6, abs=1e-7 * scale.top)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_scales_keep_shapes_and_the_edges_of_float64(scale):
    assert scale(np.empty((0, 3))).shape == (0, 3)
    assert np.shape(scale(5.0)) == ()
    edges = scale(np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324]))
    assert np.isnan(edges[0])
    assert edges[1] == np.inf
    assert edges[2] == -np.inf
    assert edges[3] > 1 > edges[5] > edges[4]


def test_a_value_is_shown_alike_alone_and_among_others():
    scale = Logicle(262144)
    alone = np.array([float(scale(value)) for value in VALUES[::50]])
    np.testing.assert_allclose(scale(VALUES)[::50], alone, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("width", "decades", "negative"),
    [(0, 4.5, 0), (-1, 4.5, 0), (2.5, 4.5, 0), (0.5, 0, 0), (0.5, 4.5, 4), (0.5, 4.5, -1),
     (math.nan, 4.5, 0), (0.5, math.inf, 0), (0.5, 4.5, math.nan)],
)  # fmt: skip
def test_logicle_refuses_parameters_that_are_no_scale(width, decades, negative):
    with pytest.raises(FlowmlError, match=r"logicle needs .*found"):
        Logicle(262144, width, decades, negative)


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
    with pytest.raises(FlowmlError, match=r"'biex'; choose from logicle, arcsinh, linear"):
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
