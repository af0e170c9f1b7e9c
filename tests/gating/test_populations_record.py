"""Populations: counts by hand, the score of a parent, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.errors import GateError
from flowml.gating.populations import Populations


def mask(*places, n=10):
    found = np.zeros(n, dtype=bool)
    found[list(places)] = True
    return found


def test_counts_by_hand():
    found = Populations(
        {"cells": mask(*range(8)), "B": mask(1, 2), "none": mask()},
        {"B": "cells", "none": "B"},
        {"cells": 0.9, "B": 0.95},
    )
    rows = [
        (c.name, c.parent, c.n_events, c.n_parent, c.n_all, c.score) for c in found.counts()
    ]
    assert rows == [
        ("cells", "", 8, 10, 10, 0.9),
        ("B", "cells", 2, 8, 10, 0.9),
        ("none", "B", 0, 2, 10, 0.9),
    ]  # fmt: skip
    assert [c.of_parent for c in found.counts()] == [0.8, 0.25, 0.0]
    assert [c.of_all for c in found.counts()] == [0.8, 0.2, 0.0]


def test_a_share_of_nothing_is_missing():
    found = Populations({"a": mask(n=0), "b": mask(n=0)}, {"b": "a"})
    assert all(np.isnan([c.of_parent, c.of_all]).all() for c in found.counts())
    assert Populations({}).counts() == []
    assert Populations({}).n_events == 0


def test_no_population_is_surer_than_its_parent():
    found = Populations({"a": mask(1), "b": mask(1)}, {"b": "a"}, {"a": 0.3})
    assert found.score("b") == 0.3
    assert not found.is_sure("b")
    assert Populations({"a": mask(1)}).is_sure("a")


@pytest.mark.parametrize(
    ("masks", "parents"),
    [
        ({"a": mask(), "b": mask(n=9)}, {}),
        ({"a": mask()}, {"a": "b"}),
        ({"a": mask(), "b": mask()}, {"a": "b"}),
    ],
)
def test_what_does_not_fit_is_refused(masks, parents):
    with pytest.raises(GateError, match="population"):
        Populations(masks, parents)


def test_a_tree_may_be_deep():
    names = [f"g{n}" for n in range(3000)]
    parents = dict(zip(names[1:], names, strict=False))
    found = Populations(dict.fromkeys(names, mask(1)), parents, {"g7": 0.25})
    assert (found.score("g6"), found.score("g2999")) == (1, 0.25)
    assert found.counts()[-1].n_events == 1


def test_a_population_has_a_name():
    with pytest.raises(GateError, match="no name"):
        Populations({"": mask(1)})
