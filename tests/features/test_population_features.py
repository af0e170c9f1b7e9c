"""Populations as numbers: against counts and quantiles by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from flowml.errors import GateError
from flowml.events import ArraySource
from flowml.features.populations import population_features
from flowml.gating.populations import Populations
from flowml.preprocess import display
from flowml.records import Channel, Role, Sample

CD3 = Channel("FL1-A", "CD3", "CD3", Role.FLUORESCENCE, "A")
SSC = Channel("SSC-A", "", "SSC-A", Role.SIDE_SCATTER, "A")


def sample_of(n_events=100, seed=0):
    values = np.random.default_rng(seed).lognormal(6, 1, (n_events, 2)).astype(np.float32)
    return Sample("s", (CD3, SSC), ArraySource(values))


def populations(n_events=100, scores=None):
    cells = np.arange(n_events) < 80
    t_cells = cells & (np.arange(n_events) % 2 == 0)
    none = np.zeros(n_events, bool)
    masks = {"cells": cells, "T": t_cells, "rare": none, "of rare": none}
    parents = {"T": "cells", "of rare": "rare"}
    return Populations(masks, parents, scores or {})


def test_counts_and_shares_are_those_by_hand():
    found = population_features(sample_of(), populations())
    assert found["T|events"] == 40
    assert found["T|of_parent"] == 0.5
    assert found["T|of_all"] == 0.4
    assert found["rare|events"] == 0
    assert np.isnan(found["of rare|of_parent"])
    assert np.isnan(found["rare:CD3|median"])


def test_medians_are_those_of_the_display_scale():
    sample = sample_of()
    found = population_features(sample, populations())
    shown = display(sample).linear[populations().masks["T"]]
    for column, marker in enumerate(("CD3", "SSC-A")):
        assert found[f"T:{marker}|median"] == pytest.approx(
            np.median(shown[:, column]), abs=2e-6
        )


def test_the_spread_is_the_standard_deviation_of_normal_values():
    values = stats.norm.ppf(np.linspace(0.001, 0.999, 999)) * 1000 + 50_000
    sample = Sample("s", (SSC,), ArraySource(values[:, None].astype(np.float32)))
    found = population_features(sample, Populations({"all": np.ones(999, bool)}))
    assert found["all:SSC-A|spread"] * SSC.top == pytest.approx(1000, rel=0.01)


def test_populations_that_are_not_sure_are_missing_with_all_within_them():
    found = population_features(sample_of(), populations(scores={"cells": 0.3}), tube="t1")
    known = {name for name, value in found.items() if not np.isnan(value)}
    sizes = {f"t1|rare|{what}" for what in ("events", "of_parent", "of_all")}
    assert known == sizes | {"t1|of rare|events", "t1|of rare|of_all"}


def test_the_order_of_events_does_not_matter():
    sample, found = sample_of(), populations()
    order = np.random.default_rng(1).permutation(100)
    turned = Populations({n: m[order] for n, m in found.masks.items()}, found.parents)
    moved = Sample("s", sample.channels, ArraySource(sample.linear[order]))
    first, second = population_features(sample, found), population_features(moved, turned)
    assert np.array_equal(list(first.values()), list(second.values()), equal_nan=True)


def test_masks_of_another_sample_are_refused():
    with pytest.raises(GateError, match="Find them in this sample"):
        population_features(sample_of(50), populations())
