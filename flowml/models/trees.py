"""Gradient-boosted trees, checked and evaluated with numpy alone.

xgboost's own loader is not safe against damaged files and takes long to import. The JSON
document that xgboost writes is therefore read here, every index in it is checked, and the
trees are walked for all rows at once. Semantics: a row goes left where its value is below
the split, right otherwise, and to the default side where it is missing; the margin of a class
is its base score plus the leaves of its trees (Chen & Guestrin, KDD 2016).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int32]
    Floats32 = NDArray[np.float32]

MOST_NODES = 20_000_000
DEEPEST = 64
MOST_PARTS = 2_000_000  # lists and objects of a document; some 15 a tree
LEAF = -1


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """All trees of an ensemble, their nodes one after another.

    Parameters
    ----------
    feature, left, right : ndarray, shape (n_nodes,), int32
        Feature of a split and its children; a leaf has `left` of -1.
    threshold : ndarray, shape (n_nodes,), float32
        Where a split cuts; the value of a leaf.
    default_left : ndarray, shape (n_nodes,), bool
        Side of missing values.
    cover : ndarray, shape (n_nodes,), float32
        Second derivatives of the training cases in a node, added up: how many they count for.
    roots, tree_class : ndarray, shape (n_trees,), int32
        First node of each tree, and the class that it adds to.
    base : ndarray, shape (n_classes,), float64
        Margin before any tree.
    depth : int
        Depth of the deepest tree.
    """

    feature: Ints
    left: Ints
    right: Ints
    threshold: Floats32
    default_left: NDArray[np.bool_]
    cover: Floats32
    roots: Ints
    tree_class: Ints
    base: NDArray[np.float64]
    depth: int

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.base)

    def margins(self, rows: Floats32) -> NDArray[np.float64]:
        """Add up the leaves that each row falls into.

        Parameters
        ----------
        rows : ndarray, shape (n_rows, n_features), float32
            NaN is missing.

        Returns
        -------
        ndarray, shape (n_rows, n_classes), float64
            Summed tree by tree, so that a row's bits do not depend on the other rows.
        """
        leaves = self._leaves(rows)
        margins = np.tile(self.base, (len(rows), 1))
        for tree, label in enumerate(self.tree_class):
            margins[:, label] += self.threshold[leaves[:, tree]]
        return margins

    def _leaves(self, rows: Floats32) -> NDArray[np.int32]:
        """Walk every row down every tree, one level at a time."""
        nodes = np.tile(self.roots, (len(rows), 1))
        line = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            is_split = self.left[nodes] != LEAF
            values = rows[line, np.where(is_split, self.feature[nodes], 0)]
            goes_left = self.goes_left(nodes, values)
            children = np.where(goes_left, self.left[nodes], self.right[nodes])
            nodes = np.where(is_split, children, nodes)
        return nodes

    def goes_left(self, nodes: NDArray[np.integer[Any]], values: Floats32) -> NDArray[np.bool_]:
        """Tell to which side values go.

        Parameters
        ----------
        nodes : ndarray, any shape, int
            Splits; what is said of a leaf means nothing.
        values : ndarray, of the same shape, float32
            Of the features that they split on; NaN is missing.

        Returns
        -------
        ndarray, of the same shape, bool
            True where the left child comes next.
        """
        below = values < self.threshold[nodes]
        return np.asarray(np.where(np.isnan(values), self.default_left[nodes], below))

    def largest_margin(self) -> float:
        """Return what no margin is above, whatever the row."""
        leaves = np.abs(self.threshold[self.left == LEAF]).sum(dtype=np.float64)
        return float(leaves + np.abs(self.base).max())

    def first(self, n_rounds: int) -> TreeEnsemble:
        """Return the trees of the first rounds.

        Parameters
        ----------
        n_rounds : int
            Each round has a tree for every class.

        Returns
        -------
        TreeEnsemble
            What training for so many rounds would have given.
        """
        kept = n_rounds * self.n_classes
        return replace(self, roots=self.roots[:kept], tree_class=self.tree_class[:kept])


def read_trees(
    document: bytes,
    n_features: int,
    n_classes: int,
    columns: NDArray[np.int32] | None = None,
) -> TreeEnsemble:
    """Read xgboost's JSON, and check everything that is used to index.

    Parameters
    ----------
    document : bytes
        As ``Booster.save_raw("json")`` gives it, objective ``multi:softprob``.
    n_features, n_classes : int
        What the model's manifest says.
    columns : ndarray, shape (n_columns,), int32, optional
        The features that the document counts, by their place among all; all of them without.

    Returns
    -------
    TreeEnsemble
        Every index in bounds, every tree a tree; it counts all features.

    Raises
    ------
    ModelError
        If the document is anything else.
    """
    if document.count(b"[") + document.count(b"{") > MOST_PARTS:
        raise ModelError("the model's trees are in too many parts.")
    try:
        learner = json.loads(document)["learner"]
        booster = learner["gradient_booster"]
        if booster["name"] != "gbtree" or learner["objective"]["name"] != "multi:softprob":
            raise ModelError("the model's trees are not a multi:softprob gbtree ensemble.")
        with np.errstate(over="ignore"):  # what does not fit float32 is refused below
            ensemble = _assembled(booster["model"], _base_scores(learner, n_classes))
    except (LookupError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise ModelError(f"the model's trees are damaged: {type(error).__name__}.") from error
    if columns is None:
        _check_bounds(ensemble, n_features)
        return ensemble
    if len(columns) == 0 or np.any((columns < 0) | (columns >= n_features)):
        raise ModelError(f"the model's trees use features outside its {n_features}.")
    _check_bounds(ensemble, len(columns))
    leaf = ensemble.left == LEAF
    return replace(ensemble, feature=columns[np.where(leaf, 0, ensemble.feature)])


def _base_scores(learner: dict[str, Any], n_classes: int) -> NDArray[np.float64]:
    """Read the margins before any tree: one for all classes, or one each."""
    scores = np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float32)
    return np.broadcast_to(scores.ravel(), (n_classes,)).astype(np.float64)


def _assembled(model: dict[str, Any], base: NDArray[np.float64]) -> TreeEnsemble:
    trees = model["trees"]
    sizes = [len(tree["left_children"]) for tree in trees]
    if not trees or min(sizes) == 0 or sum(sizes) > MOST_NODES:
        raise ModelError(
            f"the model has {len(sizes)} trees with {sum(sizes)} nodes, expected 1 or more "
            f"trees of 1 or more nodes, {MOST_NODES} nodes at most."
        )
    if any(any(tree.get("split_type", ())) for tree in trees):
        raise ModelError("the model's trees split on categories, which flowml does not write.")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    left = _children(trees, "left_children", starts, sizes)
    right = _children(trees, "right_children", starts, sizes)
    depth = max(
        _tree_depth(left, right, int(start), size)
        for start, size in zip(starts, sizes, strict=True)
    )
    return TreeEnsemble(
        feature=_whole(_joined(trees, "split_indices", sizes)),
        left=left,
        right=right,
        threshold=_joined(trees, "split_conditions", sizes).astype(np.float32),
        default_left=_joined(trees, "default_left", sizes).astype(bool),
        cover=_joined(trees, "sum_hessian", sizes).astype(np.float32),
        roots=starts.astype(np.int32),
        tree_class=_whole(np.array(model["tree_info"], dtype=np.float64)),
        base=base,
        depth=depth,
    )


def _joined(
    trees: Sequence[dict[str, Any]], key: str, sizes: Sequence[int]
) -> NDArray[np.float64]:
    """Join one array of all trees, after checking its length."""
    if [len(tree[key]) for tree in trees] != list(sizes):
        raise ModelError(f"the model's trees are damaged: {key} has a wrong length.")
    arrays = [np.array(tree[key], dtype=np.float64) for tree in trees]
    if any(array.ndim != 1 for array in arrays):
        raise ModelError(f"the model's trees are damaged: {key} is not a list of numbers.")
    return np.concatenate(arrays)


def _whole(values: NDArray[np.float64]) -> Ints:
    """Return whole numbers as such; whether they are in bounds is checked later."""
    if values.ndim != 1 or not np.all((np.abs(values) < 2**31) & (values == np.floor(values))):
        raise ModelError("the model's trees are damaged: an index is not a whole number.")
    return values.astype(np.int32)


def _children(
    trees: Sequence[dict[str, Any]], key: str, starts: NDArray[np.int64], sizes: Sequence[int]
) -> Ints:
    """Return children, numbered over all trees; leaves keep -1."""
    local = _joined(trees, key, sizes)
    limit = np.repeat(np.array(sizes), sizes)
    if not np.all((local >= LEAF) & (local < limit) & (local == np.floor(local))):
        raise ModelError(f"the model's trees are damaged: {key} points outside its tree.")
    return np.where(local < 0, LEAF, local + np.repeat(starts, sizes)).astype(np.int32)


def _tree_depth(left: Ints, right: Ints, root: int, size: int) -> int:
    """Walk a tree from its root: every node at most once, both children or none."""
    level, seen = np.array([root]), 0
    for depth in range(DEEPEST + 1):
        seen += len(level)
        split = level[left[level] != LEAF]
        leaf = level[left[level] == LEAF]
        if seen > size or np.any(right[leaf] != LEAF) or np.any(right[split] == LEAF):
            break
        if len(split) == 0:
            return depth
        level = np.concatenate([left[split], right[split]])
        if len(np.unique(level)) < len(level):
            break
    raise ModelError("the model's trees are damaged: a tree is not a tree, or is too deep.")


def _check_bounds(ensemble: TreeEnsemble, n_features: int) -> None:
    """Refuse what would index outside its array, or add up to no number."""
    splits = ensemble.left != LEAF
    features = ensemble.feature[splits]
    if np.any((features < 0) | (features >= n_features)):
        raise ModelError(f"the model's trees use features outside its {n_features}.")
    classes = ensemble.tree_class
    if len(classes) != len(ensemble.roots):
        raise ModelError("the model's trees are damaged: tree_info has a wrong length.")
    if np.any((classes < 0) | (classes >= ensemble.n_classes)):
        raise ModelError(f"the model's trees name classes outside its {ensemble.n_classes}.")
    if not (np.isfinite(ensemble.threshold).all() and np.isfinite(ensemble.base).all()):
        raise ModelError("the model's trees hold values that are not finite.")
    if not np.all((ensemble.cover >= 0) & np.isfinite(ensemble.cover)):
        raise ModelError("the model's trees hold covers that are below 0 or not finite.")
