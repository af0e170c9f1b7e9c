"""Masks in a file: what was written is read, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flowml.errors import GateError
from flowml.gating import Populations, read_masks, write_masks


def found(n_events, names=("cells", 'T "cells" é')):
    random = np.random.default_rng(n_events)
    first = random.random(n_events) < 0.6
    masks = {names[0]: first, names[1]: first & (random.random(n_events) < 0.5)}
    return Populations(masks, {names[1]: names[0]})


@pytest.mark.parametrize("n_events", [1, 7, 8, 9, 1000])
def test_masks_come_back(tmp_path, n_events):
    populations = found(n_events)
    write_masks(populations, tmp_path / "a.masks")
    again = read_masks(tmp_path / "a.masks")
    assert list(again.masks) == list(populations.masks)
    for name, mask in populations.masks.items():
        assert np.array_equal(again.masks[name], mask)
        assert again.parent(name) == populations.parent(name)


def test_the_format_is_the_documented_one(tmp_path):
    masks = {"a": np.array([1, 0, 0, 1, 0, 0, 0, 0, 1], bool)}
    write_masks(Populations(masks), tmp_path / "a.masks")
    first, second, bits = (tmp_path / "a.masks").read_bytes().split(b"\n", 2)
    assert first == b"flowml masks 1"
    assert json.loads(second) == {"n_events": 9, "populations": [{"name": "a", "parent": ""}]}
    assert bits == bytes([0b1001, 0b1])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a file of masks"),
        (b"flowml masks 1\n{}\n", "not a file of masks"),
        (b"flowml masks 1\n" + b"[" * 100_000, "not a file of masks"),
        (b'flowml masks 1\n{"n_events": 9, "populations": [{"name": "a", "parent": ""}]}\nx',
         "needs 79"),
        (b'flowml masks 1\n{"n_events": 1e15, "populations": [{"name": "a", "parent": ""}]}\n',
         "makes no sense"),
        (b'flowml masks 1\n{"n_events": 9, "populations": [{"name": 1, "parent": ""}]}\nxx',
         "makes no sense"),
        (b'flowml masks 1\n{"n_events": 8, "populations": [{"name": "a", "parent": "b"}]}\nx',
         "before its parent"),
        (b'flowml masks 1\n{"n_events": 8, "populations": [%s, %s]}\n\x01\x03' % (
            b'{"name": "a", "parent": ""}', b'{"name": "b", "parent": "a"}',
        ), "'b' that are not of its parent 'a'"),
        (b'flowml masks 1\n{"n_events": 1%s, "populations": []}\n' % (b"0" * 30),
         "makes no sense"),
        (b'flowml masks 1\n{"n_events": 8, "populations": [{"name": "", "parent": ""}]}\nx',
         "no name"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_masks_is_refused(tmp_path, data, says):
    (tmp_path / "a.masks").write_bytes(data)
    with pytest.raises(GateError, match=says):
        read_masks(tmp_path / "a.masks")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(GateError, match="could not read"):
        read_masks(tmp_path / "a.masks")


@pytest.mark.parametrize("masks", [{}, {"a": np.zeros(0, bool), "b": np.zeros(0, bool)}])
def test_of_no_events_or_populations_nothing_comes_back(tmp_path, masks):
    write_masks(Populations(masks), tmp_path / "a.masks")
    again = read_masks(tmp_path / "a.masks")
    assert list(again.masks) == list(masks)
    assert again.n_events == 0


def test_names_that_are_too_long_are_not_written(tmp_path):
    write_masks(Populations({"é" * 500_000: np.ones(3, bool)}), tmp_path / "a.masks")
    assert read_masks(tmp_path / "a.masks").counts()[0].n_events == 3
    with pytest.raises(GateError, match="Shorten them"):
        write_masks(Populations({"é" * 3_000_000: np.ones(3, bool)}), tmp_path / "b.masks")
    assert not (tmp_path / "b.masks").exists()
