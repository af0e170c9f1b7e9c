"""Rate, disturbances and drift on runs of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.quality.ends import share_at_bottom, share_at_top
from flowml.quality.flow import arrival, pieces_of, steadiness
from flowml.quality.units import is_in_decades

TOPS = (262_144.0,) * 4


def run(n=10_000, seed=1):
    """Four channels of two populations, in no order."""
    rng = np.random.default_rng(seed)
    bright = rng.random((4, n)) < 0.4
    decades = np.where(bright, 4.3, 2.5) + 0.2 * rng.standard_normal((4, n))
    return (10**decades).astype(np.float32)


def times(n=10_000, seed=2):
    return np.cumsum(np.random.default_rng(seed).exponential(size=n)).astype(np.float32)


def test_a_steady_run_is_left_alone():
    found = [steadiness(run(seed=seed), TOPS) for seed in range(20)]
    assert [item.disturbed for item in found] == [()] * 20
    assert max(item.drift.max() for item in found) < 0.3


@pytest.mark.parametrize("first", [0, 4000, 9600])
def test_a_bubble_is_found_where_it_is(first):
    values = run()
    values[:, first : first + 400] *= 0.25
    ((start, end),) = steadiness(values, TOPS).disturbed
    assert abs(start - first) <= 100
    assert abs(end - (first + 400)) <= 100


def test_slow_drift_is_no_disturbance():
    values = run()
    values[2] *= np.linspace(1, 4, values.shape[1], dtype=np.float32)
    found = steadiness(values, TOPS)
    assert found.disturbed == ()
    assert int(np.argmax(found.drift)) == 2
    assert found.drift[2] > 0.4
    span = np.ptp(np.arcsinh(np.array([1.0, 4.0]) * 10**4.3 / 150))  # of the bright cells
    assert found.drift[2] < span


def test_a_channel_that_is_a_copy_or_dead_does_no_harm():
    values = run()
    values[1], values[3] = values[0], 0
    assert steadiness(values, TOPS).disturbed == ()
    assert steadiness(np.zeros((2, 5000), np.float32), TOPS[:2]) is None
    values[0, 5] = np.nan
    assert steadiness(values, TOPS).disturbed == ()


def test_too_few_events_say_nothing():
    assert steadiness(run(500), TOPS) is None
    assert steadiness(run()[:0], ()) is None
    assert arrival(times(500)) is None
    assert len(pieces_of(0)) == 1
    assert pieces_of(10_000)[-1] == 10_000


def test_an_even_rate():
    found = arrival(times())
    assert (found.backwards, found.restarts, found.stops, found.uneven) == (0, 0, 0, ())
    assert 0.6 < found.low < 1 < found.high < 1.7


def test_bursts_and_stops_are_told_apart():
    waits = np.full(10_000, 1.0)
    waits[3000:4000] = 0.1
    found = arrival(np.cumsum(waits).astype(np.float32))
    assert found.uneven == ((3000, 4000),)
    assert found.stops == 0
    waits[:] = 1
    waits[6000] = 3000
    found = arrival(np.cumsum(waits).astype(np.float32))
    assert (found.stops, found.uneven) == (1, ())


def test_time_that_runs_backwards():
    time = times()
    time[500] = time[400]
    assert arrival(time).backwards == 1
    again = np.concatenate([times(5000), times(5000)])
    found = arrival(again)
    assert (found.backwards, found.restarts) == (0, 1)


def test_a_coarse_clock_gives_no_rate():
    assert arrival(np.repeat(np.arange(50, dtype=np.float32), 200)) is None
    assert arrival(np.zeros(5000, np.float32)) is None
    time = times()
    time[3] = np.nan
    assert arrival(time) is None


def test_shares_at_the_ends():
    values = np.concatenate([np.zeros(10), np.arange(1, 81), np.full(10, 1023.0)])
    assert share_at_top(values.astype(np.float32), 1024.0) == 0.1
    assert share_at_top(np.append(values, 980).astype(np.float32), 1024.0) < 0.1
    assert share_at_bottom(values.astype(np.float32)) == 0.1
    assert share_at_top(np.empty(0, np.float32), 1.0) == share_at_bottom(np.empty(0)) == 0


def test_display_scales_are_told_from_linear_ones():
    linear = run()
    assert not is_in_decades(linear, TOPS)
    assert is_in_decades(np.log10(linear) * 1000, TOPS)
    assert is_in_decades(linear, (4.5,) * 4)
    noise = np.random.default_rng(4).standard_normal((3, 2000)).astype(np.float32)
    assert not is_in_decades(noise, TOPS[:3]), "an unstained tube is noise about zero"
    assert not is_in_decades(np.empty((0, 5), np.float32), ())


def test_real_display_files_are_recognised(shared_data):
    import flowml
    from flowml.quality.values import open_values

    assert open_values(flowml.read_fcs(shared_data / "euroflow-lst" / "lst-02.fcs")).in_decades
    fc500 = flowml.read_fcs(shared_data / "aml-fc500" / "0004.FCS")
    assert not open_values(fc500).in_decades
