"""What each feature contributes to a model's margins for one case.

Contributions are Shapley values: a feature's share of the way from what the model says of no
case in particular to what it says of this one, averaged over all orders in which features may
become known. While a feature is not known, a tree goes both ways, each as often as training
cases went there (path-dependent TreeSHAP: Lundberg et al., Nat Mach Intell 2:56, 2020).

A leaf's value reaches a row with the product, over the distinct features of its path, of o (1
if the row takes the path's turns) where the feature is known and z (share of training cases
that do) where it is not. Shapley's weight of a set of s out of m - 1 other features is the
integral of t^s (1 - t)^(m - 1 - s) over t from 0 to 1, so that a feature's share of a leaf is

    value (o - z) integral of prod over the other features of (o t + z (1 - t)),

a polynomial in t, which Gauss's and Legendre's rule integrates exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.models.trees import LEAF, TreeEnsemble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_NUMBERS = 1 << 22  # held at a time: 32 MB, however deep the trees are
NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each feature adds to the margin of each class.

    Those of two models whose margins are added, or weighted, add up in the same way.

    Parameters
    ----------
    values : ndarray, shape (n_classes, n_features), float64
        In units of the margin (log odds).
    bias : ndarray, shape (n_classes,), float64
        The margin where nothing is known of a case.
    """

    values: Floats
    bias: Floats

    @property
    def margins(self) -> Floats:
        """The margin of each class, shape (n_classes,): the bias and all contributions."""
        return np.asarray(self.bias + self.values.sum(axis=1))

    def __add__(self, other: Contributions) -> Contributions:
        """Add up the contributions of two models to one margin."""
        return Contributions(self.values + other.values, self.bias + other.bias)

    def times(self, weight: float) -> Contributions:
        """Return the contributions to a margin that is weighted.

        Parameters
        ----------
        weight : float
            Of this model beside another one.

        Returns
        -------
        Contributions
            All of them, and the bias, times the weight.
        """
        return Contributions(self.values * weight, self.bias * weight)


def tree_contributions(ensemble: TreeEnsemble, row: NDArray[np.float32]) -> Contributions:
    """Share out the margins of trees among the features of one case.

    Parameters
    ----------
    ensemble : TreeEnsemble
        With the covers by which training cases went each way.
    row : ndarray, shape (n_features,), float32
        One case; NaN is missing.

    Returns
    -------
    Contributions
        With the bias they add up to `TreeEnsemble.margins`.
    """
    row = np.asarray(row, np.float32)
    values = np.zeros(ensemble.n_classes * len(row))
    bias = ensemble.base.copy()
    asked = np.where(ensemble.left == LEAF, 0, ensemble.feature)  # of a leaf it is not checked
    taken = ensemble.goes_left(np.arange(len(asked)), row[asked])
    for paths in _paths(ensemble):
        leaf, label = paths.value, paths.label.astype(np.intp)
        known, unknown = _merged(paths, taken)
        parts = leaf[:, None] * (known - unknown) * _weights(known, unknown)
        place = label[:, None] * len(row) + paths.feature
        values += np.bincount(place.ravel(), parts.ravel(), len(values))
        bias += np.bincount(label, leaf * unknown.prod(axis=1), len(bias))
    return Contributions(values.reshape(len(bias), len(row)), bias)


@dataclass(frozen=True, eq=False)
class _Paths:
    """The ways from some leaves up to their roots; a turn beyond the root is neutral.

    Parameters
    ----------
    value : ndarray, shape (n_leaves,), float64
        Of the leaf.
    label : ndarray, shape (n_leaves,), int32
        Class that it adds to.
    split : ndarray, shape (n_leaves, depth), int32
        Node at which the path turns; `NOWHERE` beyond the root.
    is_left : ndarray, shape (n_leaves, depth), bool
        To which side.
    share : ndarray, shape (n_leaves, depth), float64
        Of the training cases at the node, that turn there as the path does.
    feature : ndarray, shape (n_leaves, depth), int32
        That is asked there; 0 beyond the root.
    """

    value: Floats
    label: NDArray[np.int32]
    split: NDArray[np.int32]
    is_left: NDArray[np.bool_]
    share: Floats
    feature: NDArray[np.int32]


def _paths(ensemble: TreeEnsemble) -> Iterator[_Paths]:
    """Give the paths of all leaves, as many at a time as memory is meant for."""
    parent, label = _ancestry(ensemble)
    leaves = np.flatnonzero((label != NOWHERE) & (ensemble.left == LEAF))
    turns = max(1, ensemble.depth)
    size = max(1, MOST_NUMBERS // (turns * _points(turns)))
    for start in range(0, len(leaves), size):
        chosen = leaves[start : start + size]
        node, split, is_left, share = chosen, [], [], []
        for _ in range(turns):
            above = parent[node]
            inside = above != NOWHERE
            left, right = ensemble.left[above], ensemble.right[above]
            side = inside & (left == node)
            split.append(above)
            is_left.append(side)
            share.append(np.where(inside, _share(ensemble, left, right, side), 1.0))
            node = np.where(inside, above, node)
        splits = np.stack(split, axis=1)
        yield _Paths(
            value=ensemble.threshold[chosen].astype(np.float64),
            label=label[chosen],
            split=splits,
            is_left=np.stack(is_left, axis=1),
            share=np.stack(share, axis=1),
            feature=np.where(splits == NOWHERE, 0, ensemble.feature[splits]),
        )


def _ancestry(ensemble: TreeEnsemble) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the parent and the class of every node that a root leads to."""
    parent = np.full(len(ensemble.left), NOWHERE, np.int32)
    label = np.full(len(ensemble.left), NOWHERE, np.int32)
    level = ensemble.roots
    label[level] = ensemble.tree_class
    for _ in range(ensemble.depth):
        above = level[ensemble.left[level] != LEAF]
        level = np.concatenate([ensemble.left[above], ensemble.right[above]])
        parent[level] = np.tile(above, 2)
        label[level] = np.tile(label[above], 2)
    return parent, label


def _share(
    ensemble: TreeEnsemble,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    is_left: NDArray[np.bool_],
) -> Floats:
    """Return the share of training cases on one side; a half where there were none."""
    covers = np.stack([ensemble.cover[left], ensemble.cover[right]]).astype(np.float64)
    total = covers.sum(axis=0)
    own = np.where(is_left, covers[0], covers[1])
    return np.where(total > 0, own / np.where(total > 0, total, 1.0), 0.5)


def _merged(paths: _Paths, taken: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return o and z of each feature, where a path asks for it first; 1 elsewhere."""
    follows = (paths.split == NOWHERE) | (taken[paths.split] == paths.is_left)
    known, unknown = follows.astype(np.float64), paths.share.copy()
    line = np.arange(len(known))
    for turn in range(1, known.shape[1]):
        same = paths.feature[:, :turn] == paths.feature[:, turn : turn + 1]
        same &= paths.split[:, :turn] != NOWHERE
        again = same.any(axis=1) & (paths.split[:, turn] != NOWHERE)
        rows, first = line[again], same.argmax(axis=1)[again]
        for each in (known, unknown):
            each[rows, first] *= each[rows, turn]
            each[rows, turn] = 1.0
    return known, unknown


def _weights(known: Floats, unknown: Floats) -> Floats:
    """Integrate, for each feature of a path, the product over the others."""
    places, weights = np.polynomial.legendre.leggauss(_points(known.shape[1]))
    t = (places + 1) / 2
    factors = known[..., None] * t + unknown[..., None] * (1 - t)
    before, after = np.ones_like(factors), np.ones_like(factors)
    np.cumprod(factors[:, :-1], axis=1, out=before[:, 1:])
    np.cumprod(factors[:, :0:-1], axis=1, out=after[:, -2::-1])
    return np.asarray((before * after) @ (weights / 2))


def _points(turns: int) -> int:
    """Return how many points integrate a polynomial of degree `turns - 1` exactly."""
    return turns // 2 + 1
