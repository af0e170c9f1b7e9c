"""Prove that a de-identified copy reads as its original, and holds nothing that was removed."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from flowml.errors import FcsError
from flowml.fcs.allowed import NEEDED, Kind, may_stand
from flowml.fcs.data import FileSource
from flowml.fcs.deidentify.blanking import (
    SHORTEST_SEARCHED,
    Pair,
    folded,
    is_long,
    is_placeholder,
    repeats,
    searched,
)
from flowml.fcs.deidentify.plan import Plan, Text, make_plan
from flowml.fcs.header import PADDING
from flowml.fcs.keys import real_number
from flowml.fcs.reader import read_fcs
from flowml.fcs.segments import read_at
from flowml.fcs.text import decoded
from flowml.findings import Severity

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from flowml.records import Channel, Sample, Spillover

_LABEL_KEY = re.compile(r"\$P\d+S", re.ASCII)
BLOCK = 1 << 20


def check_copy(original: Path, copy: Path, plan: Plan, *, keep_dates: bool) -> None:
    """Hold a copy against its original and against the plan that it was made by.

    Parameters
    ----------
    original, copy : Path
        The files.
    plan : Plan
        What was to become of the original.
    keep_dates : bool
        Whether dates stay.

    Raises
    ------
    FcsError
        If the copy is not proven equal, or not proven clean.
    """
    with copy.open("rb") as stream:
        again = make_plan(stream, keep_dates=keep_dates)
        _check_clean(stream, plan, again)
        with original.open("rb") as source:
            _check_data(source, stream, plan)
    for dataset in ("auto", *range(1, plan.n_datasets + 1)):
        before, after = (read_fcs(path, dataset=dataset) for path in (original, copy))
        _check_equal(before, after, plan)


def _refused(what: str) -> FcsError:
    return FcsError(
        f"the copy would not be sound: {what}. There is no copy of this file.", "FCS-COPY"
    )


def _check_clean(stream: BinaryIO, plan: Plan, again: Plan) -> None:
    """See that cleaning a second time would change nothing, and search what was removed."""
    if _places(plan) != _places(again):
        raise _refused("its segments stand elsewhere")
    for part in again.parts:
        for begin in range(part.begin, part.end, BLOCK):
            if part.is_data:
                break
            found = read_at(stream, begin, min(BLOCK, part.end - begin))
            if part.content is None:
                clean = not found.strip(PADDING)
            else:
                offset = begin - part.begin
                clean = found == part.content[offset : offset + BLOCK]
            if not clean:
                raise _refused(f"bytes {begin} to {begin + len(found) - 1} are not blank")
    _search(plan, again)


def _places(plan: Plan) -> list[tuple[int, int]]:
    return [(part.begin, part.end) for part in plan.parts if part.is_data] + [
        (text.begin, text.end) for text in plan.texts
    ]


def _search(plan: Plan, again: Plan) -> None:
    """Search removed values in what is left beside kept values, and in kept names."""
    removed = {text for text in _removed(plan) if not set(text) <= {"_", "-"}}
    exact = {text for text in removed if len(text) >= SHORTEST_SEARCHED}
    alike = {value for text in removed if is_long(value := folded(decoded(text)))}
    left = "\n".join(_left(text) for text in again.texts)
    same = folded(left) + "\n" + folded(decoded(left))
    if any(text in left for text in exact) or any(text in same for text in alike):
        raise _refused("a removed value stands in it, outside of all keywords that are kept")
    kept = {
        folded(pair.shown) for pair in again.pairs if pair.stays and pair.kind not in NEEDED
    }
    foreign = searched(plan.pairs) - kept
    for pair in again.pairs:
        if not pair.stays or pair.kind not in NEEDED:
            continue
        items = [pair.shown]
        if pair.kind is Kind.MATRIX:
            items = [item for item in pair.shown.split(",") if real_number(item) is None]
        if any(repeats(item, foreign) for item in items):
            raise _refused(
                f"{pair.name} names a channel by a value that stands in a keyword that is "
                "removed. Rename the channel before copying"
            )


def _removed(plan: Plan) -> set[str]:
    """Return values and names that were removed, their bytes as Latin-1."""
    texts = {pair.text for pair in plan.pairs if not pair.stays}
    for text in plan.texts:
        for pair in text.pairs:
            if pair.kind is None and not _may_stand(pair):
                key = text.raw[slice(*pair.key)].decode("latin-1").strip()
                texts |= {pair.name, key} if pair.name.isascii() else {key}
    return texts


def _may_stand(pair: Pair) -> bool:
    return may_stand(pair.name) or is_placeholder(pair.name) or not pair.name


def _left(text: Text) -> str:
    """Return what stands in a segment of a copy beside kept values and names."""
    content = bytearray(text.raw)
    for pair in text.pairs:
        if pair.kind is not None or _may_stand(pair):
            content[slice(*pair.key)] = b" " * (pair.key[1] - pair.key[0])
        if pair.stays:
            content[slice(*pair.value)] = b" " * (pair.value[1] - pair.value[0])
    rest = content.replace(text.raw[:1], b" ").decode("latin-1")
    return re.sub(r"[\s\x00]+", " ", rest)


def _check_data(source: BinaryIO, copy: BinaryIO, plan: Plan) -> None:
    for part in plan.parts:
        for begin in range(part.begin, part.end, BLOCK):
            count = min(BLOCK, part.end - begin)
            if part.is_data and read_at(source, begin, count) != read_at(copy, begin, count):
                raise _refused("its events are not those of the original")


def _check_equal(before: Sample, after: Sample, plan: Plan) -> None:
    """Compare two samples in everything but labels that were blanked on purpose."""
    blanked = {
        decoded(pair.text)
        for pair in plan.pairs
        if pair.kind is Kind.LABEL and not pair.stays and _LABEL_KEY.fullmatch(pair.name)
    }
    same = {
        "layout": _layout(before) == _layout(after),
        "channels": len(before.channels) == len(after.channels)
        and all(map(partial(_is_same, blanked), before.channels, after.channels)),
        "spillover": _matrix(before.spillover) == _matrix(after.spillover),
        "scale": before.scale is after.scale,
        "findings about spillover": _codes(before) == _codes(after),
        "new findings": _serious(after) <= _serious(before),
    }
    if odd := [what for what, equal in same.items() if not equal]:
        raise _refused(f"it reads otherwise than the original ({', '.join(odd)})")


def _is_same(blanked: set[str], before: Channel, after: Channel) -> bool:
    if before.label in blanked and not after.label:
        before = replace(before, label="", marker=after.marker)
    return before == after


def _layout(sample: Sample) -> tuple[Any, ...]:
    source = sample.source
    return (source.layout, source.amplifiers) if isinstance(source, FileSource) else ()


def _matrix(spillover: Spillover | None) -> tuple[Any, ...]:
    if spillover is None:
        return ()
    return spillover.channels, spillover.source, spillover.matrix.tolist()


def _serious(sample: Sample) -> set[str]:
    return {item.code for item in sample.noticed if item.severity is not Severity.INFO}


def _codes(sample: Sample) -> set[str]:
    return {item.code for item in sample.noticed if item.code.startswith("SPILL")}
