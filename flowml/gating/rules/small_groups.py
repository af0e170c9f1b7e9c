"""Small groups of B cells with one light chain, or none: described, never called a clone.

A ratio of fewer than a hundred cells is too wide to be judged as criteria for clones ask. But
how unlikely it is that so many neighbours have the same chain, were they drawn from all B
cells, can be told of few cells too. A group is a cell with its nearest neighbours. What is
searched, all cells with groups of all sizes and both chains, is paid for: the limit is divided
by the number of looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flowml.gating.rules.chains import Counts, count
from flowml.gating.rules.clones import (
    WITHOUT,
    aligned_levels,
    among_precursors,
    differences,
)
from flowml.gating.rules.regions import MOST_CELLS, features, nearest, spread
from flowml.gating.rules.staining import CHAINS, RULE, Stained

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.knowledge.rules import Rulebook

SIZES = (15, 20, 25, 30, 40, 60, 80)  # cells of a group
MOST_COMPARED = 10_000  # cells; of more, that many are looked at
LARGEST_PART = 0.25  # of the B cells
SMALLEST = 1e-300  # chance that has a logarithm

Chances = NDArray[np.float64]


class Group(NamedTuple):
    """A small group of B cells that stands apart, restricted.

    Parameters
    ----------
    part : ndarray, shape (n_cells,), bool
        Which of the B cells.
    counts : Counts
        Their chains.
    reason : str
        ``kappa``, ``lambda`` or ``neither``.
    """

    part: Mask
    counts: Counts
    reason: str


class _Look(NamedTuple):
    chance: float
    chain: str
    members: NDArray[np.intp]


def find_group(stained: Stained) -> Group | None:
    """Find the group of neighbours whose light chains are least likely by chance.

    Parameters
    ----------
    stained : Stained
        B cells with their light chains, no part of which is a clone.

    Returns
    -------
    Group or None
        None where the chains may well be chance, for all that was looked at, or where no
        marker tells a group from the other B cells.
    """
    total = len(stained.chains)
    sizes = [size for size in SIZES if size <= LARGEST_PART * min(total, MOST_COMPARED)]
    if not sizes:
        return None
    places = features(list(aligned_levels(stained).values()))
    compared = spread(total, MOST_COMPARED)
    centres = compared[spread(len(compared), MOST_CELLS)]
    around = compared[nearest(places[compared], places[centres], max(sizes))]
    looks = [look for size in sizes for look in _looks(stained, around[:, :size])]
    limit = 1 - stained.tube.book.number(RULE, "group_confidence")
    telling = [look for look in looks if look.chance * len(centres) * len(looks) <= limit]
    groups = (_group(stained, look) for look in sorted(telling, key=lambda look: look.chance))
    return next((group for group in groups if _is_apart(stained, group.part)), None)


def _is_apart(stained: Stained, part: Mask) -> bool:
    return bool(differences(stained, part)) and not among_precursors(stained, part)


def _looks(stained: Stained, members: NDArray[np.intp]) -> list[_Look]:
    """Return for each chain the group of one size that is least likely."""
    around = stained.chains[members]
    found = []
    for name, chain in CHAINS.items():
        own, with_chain = (around == chain).sum(axis=1), (around != 0).sum(axis=1)
        chances = _chances(stained, chain, own, with_chain, members.shape[1])
        first = int(np.argmin(chances))
        found.append(_Look(float(chances[first]), name, members[first]))
    return found


def _chances(
    stained: Stained, chain: int, own: NDArray[np.intp], with_chain: NDArray[np.intp], size: int
) -> Chances:
    """Tell how likely so many cells of one chain, and so many without one, are by chance.

    The two chances are independent of one another, and put together as Fisher does: with k the
    product, it is k (1 - log k). It is 1 for groups that are mixed.
    """
    from scipy.special import bdtrc

    book, everything = stained.tube.book, count(stained.chains)
    share = float((stained.chains == chain).sum()) / max(everything.expressing, 1)
    without = max(everything.neither / everything.total, book.number(RULE, "group_without"))
    bare = size - with_chain
    product = bdtrc(own - 1, with_chain, share) * bdtrc(bare - 1, size, without)
    product = np.maximum(product, SMALLEST)
    chances: Chances = product * (1 - np.log(product))
    chances[~_restricted(book, own, with_chain, size)] = 1.0
    return chances


def _restricted(
    book: Rulebook, own: NDArray[np.intp], with_chain: NDArray[np.intp], size: int
) -> Mask:
    """Ask for one chain on nearly all that have any, or for many that have none."""
    one_sided: Mask = own >= book.number(RULE, "group_one_sided") * with_chain
    return one_sided | (size - with_chain >= book.number(RULE, "neither") * size)


def _group(stained: Stained, look: _Look) -> Group:
    part = np.zeros(len(stained.chains), dtype=bool)
    part[look.members] = True
    counts = count(stained.chains[part])
    return Group(part, counts, WITHOUT if counts.neither > counts.total / 2 else look.chain)
