"""What is counted of the tubes of one panel, so that all parts of a recipe share the work.

Every value is looked up once, among the cuts of all parts together; what one part wants is a
sum over these places. Counts are whole numbers, so that sharing changes no feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.counting.counters import BinCounter
from flowml.features.counting.fine import FineCounter
from flowml.features.counting.joint import Joint, coarse_joints, fine_joints
from flowml.features.counting.nodes import NodeCounter
from flowml.features.counting.places import make_ruler
from flowml.features.recipes.part import Kind
from flowml.features.recipes.som import Som

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.features.counting.places import Ruler
    from flowml.features.recipes.part import Part
    from flowml.features.recipes.scales import Scales
    from flowml.preprocess import Transform
    from flowml.records import Channel
    from flowml.scratch import Scratch

Markers = tuple[str, ...]
Rows = tuple[int, ...]
Starts = dict[tuple[int, str], "NDArray[np.intp] | None"]  # of each bin, by part and marker


class PartCounts(NamedTuple):
    """What was counted for one part of a recipe.

    Parameters
    ----------
    keys : tuple of tuple of str
        Markers, pairs or maps, rising.
    table : ndarray, shape (len(keys), ...), int64
        Their counts.
    """

    keys: tuple[Markers, ...]
    table: NDArray[np.int64]


class Step(NamedTuple):
    """How the counts of one marker or pair come of what was counted.

    Parameters
    ----------
    key : tuple of str
        The marker, or the two of a pair.
    rows : tuple of int
        Their rows, rising.
    turned : bool
        Whether the first marker of the pair has the higher row.
    starts : tuple of (ndarray of intp, or None)
        For each marker the first place of each bin; None where every place is a bin.
    """

    key: Markers
    rows: Rows
    turned: bool
    starts: tuple[NDArray[np.intp] | None, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """How the parts of a recipe are counted in tubes with the same channels.

    Parameters
    ----------
    parts : tuple of Part
        In the order of the recipe.
    markers : tuple of str
        Rows of the values; those that are shown alike are neighbours.
    scales : tuple of Transform
        Display scale of each row.
    exact : bool
        Whether values near a cut are compared with it.
    rulers : tuple of Ruler
        Of each row; empty where no part counts between cuts.
    fine, coarse : tuple of Joint
        Rows that are counted together.
    steps : tuple of tuple of Step
        For each part what to make of the counts, in the order of its keys; empty for parts
        that do not count between cuts.
    """

    parts: tuple[Part, ...]
    markers: Markers
    scales: tuple[Transform, ...]
    exact: bool
    rulers: tuple[Ruler, ...]
    fine: tuple[Joint, ...]
    coarse: tuple[Joint, ...]
    steps: tuple[tuple[Step, ...], ...]

    def tally(self, scratch: Scratch) -> Tally:
        """Begin to count a tube.

        Parameters
        ----------
        scratch : Scratch
            Lends the buffers.

        Returns
        -------
        Tally
            At zero.
        """
        return Tally(self, scratch)

    def maps(self) -> Iterator[tuple[int, Som]]:
        """Yield the parts that are maps of markers that the tube has, with their places."""
        for index, part in enumerate(self.parts):
            if isinstance(part, Som) and set(part.markers) <= set(self.markers):
                yield index, part


class Tally:
    """Counts of one tube.

    Parameters
    ----------
    plan : Plan
        What is counted.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(self, plan: Plan, scratch: Scratch) -> None:
        self._plan = plan
        self._bins = self._fine = None
        if plan.fine or plan.coarse:
            self._bins = BinCounter(
                plan.rulers, plan.fine, plan.coarse, scratch, exact=plan.exact
            )
        if any(part.kind is Kind.FINE for part in plan.parts):
            self._fine = FineCounter(plan.scales, scratch)
        self._maps = {index: _node_counter(plan, part, scratch) for index, part in plan.maps()}
        every = (self._bins, self._fine, *self._maps.values())
        self._counters = [counter for counter in every if counter is not None]

    def see(self, values: NDArray[np.float32]) -> None:
        """Count a block.

        Parameters
        ----------
        values : ndarray, shape (n_markers, n_events), float32
            Compensated, in linear units, in the order of the plan's markers.
        """
        for counter in self._counters:
            counter.see(values)

    def counts(self) -> list[PartCounts]:
        """Return what every part wanted, in the order of the parts.

        Returns
        -------
        list of PartCounts
            Arrays of their own, no longer of the scratch.
        """
        plan = self._plan
        every: dict[Rows, NDArray[np.int64]] = {}
        if self._bins is not None:
            every |= {(row,): counts for row, counts in self._bins.distributions().items()}
            every |= self._bins.pairs()
        maps = dict(plan.maps())
        found = []
        counted: dict[Markers, NDArray[np.int64]]
        for index, part in enumerate(plan.parts):
            if part.kind is Kind.FINE and self._fine is not None:
                each = zip(plan.markers, self._fine.counts, strict=True)
                counted = {(marker,): counts for marker, counts in each}
            elif index in maps:
                counted = {maps[index].markers: self._maps[index].counts}
            else:
                counted = {
                    step.key: _summed(every[step.rows], step) for step in plan.steps[index]
                }
            found.append(as_table(counted))
        return found


def as_table(counted: Mapping[Markers, NDArray[np.int64]]) -> PartCounts:
    """Stack the counts of one part.

    Parameters
    ----------
    counted : mapping of tuple of str to ndarray, int64
        Of markers, pairs or maps; all of one shape.

    Returns
    -------
    PartCounts
        In the order of their names.
    """
    keys = tuple(sorted(counted))
    if not keys:
        return PartCounts((), np.empty(0, np.int64))
    table = np.empty((len(keys), *counted[keys[0]].shape), dtype=np.int64)
    for place, key in enumerate(keys):
        table[place] = counted[key]
    return PartCounts(keys, table)


def _summed(counts: NDArray[np.int64], step: Step) -> NDArray[np.int64]:
    """Add up the places of each bin."""
    counts = counts.T if step.turned else counts
    for axis, starts in enumerate(step.starts):
        if starts is not None:
            counts = np.add.reduceat(counts, starts, axis=axis)
    return counts


def _node_counter(plan: Plan, part: Som, scratch: Scratch) -> NodeCounter:
    rows = [plan.markers.index(marker) for marker in part.markers]
    return NodeCounter(part.nodes, rows, [plan.scales[row] for row in rows], scratch)


def make_plan(
    parts: Sequence[Part],
    scales: Scales,
    channels: Mapping[str, Channel],
    *,
    exact: bool,
) -> Plan:
    """Work out what is counted of tubes with these channels.

    Parameters
    ----------
    parts : sequence of Part
        Of the recipe.
    scales : Scales
        Display scales of the recipe.
    channels : mapping of str to Channel
        The channel that stands for each marker.
    exact : bool
        Whether values near a cut are compared with it.

    Returns
    -------
    Plan
        For any number of tubes.

    Raises
    ------
    FlowmlError
        If there are more bins than can be told apart.
    """
    markers, shown = side_by_side(scales, channels)
    cuts = _cuts(parts, scales, channels)
    of_pairs = {key: own for key, own in cuts.items() if parts[key[0]].kind is Kind.PAIRS}
    has_fine = any(part.kind is Kind.CUTS for part in parts)
    # fine places part all cuts, so that pairs can be counted by them as well
    of_markers = cuts if has_fine else {}
    fine, coarse = _unions(markers, of_markers), _unions(markers, of_pairs)
    rulers = tuple(make_ruler(fine[m], coarse[m]) for m in markers)
    own = fine_joints([ruler.fine_places for ruler in rulers]) if has_fine else ()
    in_fine = {joint.channels for joint in own}
    starts = (_starts(of_markers, fine), _starts(of_pairs, coarse))
    steps = tuple(
        _steps(index, part, markers, in_fine, starts) for index, part in enumerate(parts)
    )
    wanted = {step.rows for of_part in steps for step in of_part if len(step.rows) > 1}
    left = coarse_joints([ruler.coarse_places for ruler in rulers], wanted - in_fine)
    return Plan(tuple(parts), markers, shown, exact, rulers, own, left, steps)


def _steps(
    index: int,
    part: Part,
    markers: Markers,
    in_fine: set[Rows],
    starts: tuple[Starts, Starts],
) -> tuple[Step, ...]:
    """Return what to make of the counts for one part that counts between cuts."""
    if part.kind not in {Kind.CUTS, Kind.PAIRS}:
        return ()
    row_of = {marker: row for row, marker in enumerate(markers)}
    keys = part.pairs(markers) if part.kind is Kind.PAIRS else [(m,) for m in markers]
    found = []
    for key in sorted(keys):
        rows = tuple(sorted(row_of[marker] for marker in key))
        is_fine = part.kind is Kind.CUTS or rows in in_fine
        own = starts[0 if is_fine else 1]
        if all((index, marker) in own for marker in key):
            turned = row_of[key[0]] != rows[0]
            found.append(Step(key, rows, turned, tuple(own[index, m] for m in key)))
    return tuple(found)


def side_by_side(
    scales: Scales, channels: Mapping[str, Channel]
) -> tuple[Markers, tuple[Transform, ...]]:
    """Put markers that are shown alike beside each other: they are worked on together.

    Parameters
    ----------
    scales : Scales
        Display scales of the recipe.
    channels : mapping of str to Channel
        The channel that stands for each marker.

    Returns
    -------
    markers : tuple of str
        In an order that depends on the channels only.
    scales : tuple of Transform
        Of each.
    """
    scale_of = {marker: scales.of(channels[marker]) for marker in sorted(channels)}
    rank = {scale: number for number, scale in enumerate(dict.fromkeys(scale_of.values()))}
    markers = tuple(sorted(scale_of, key=lambda marker: (rank[scale_of[marker]], marker)))
    return markers, tuple(scale_of[marker] for marker in markers)


def _cuts(
    parts: Sequence[Part], scales: Scales, channels: Mapping[str, Channel]
) -> dict[tuple[int, str], NDArray[np.float64]]:
    """Return the cuts that each part wants of each marker."""
    found = {}
    for index, part in enumerate(parts):
        for marker, channel in channels.items():
            cuts = part.cuts(channel, scales)
            if cuts is not None:
                found[index, marker] = cuts
    return found


def _unions(
    markers: Markers, cuts: Mapping[tuple[int, str], NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Return the cuts of all parts together, for each marker."""
    found = {}
    for marker in markers:
        every = [own for (_, of), own in cuts.items() if of == marker]
        found[marker] = np.unique(np.concatenate([np.empty(0), *every]))
    return found


def _starts(
    cuts: Mapping[tuple[int, str], NDArray[np.float64]],
    unions: Mapping[str, NDArray[np.float64]],
) -> dict[tuple[int, str], NDArray[np.intp] | None]:
    """Return the first place of each bin among those of the unions, which hold all cuts."""
    found: dict[tuple[int, str], NDArray[np.intp] | None] = {}
    for (index, marker), own in cuts.items():
        union = unions[marker]
        if not (np.diff(own) > 0).all():
            raise FlowmlError(
                f"two edges of the bins of {marker} are the same number: the training cases' "
                "values vary too little to be parted. Leave the marker out (markers=...)."
            )
        starts = np.concatenate([[0], np.searchsorted(union, own) + 1]).astype(np.intp)
        found[index, marker] = None if len(own) == len(union) else starts
    return found
