"""Several data sets: chains by ``$NEXTDATA``, and strict reading."""

from __future__ import annotations

from typing import Any

from hazards.entry import Hazard, bad, exact, good, raw, refused
from hazards.forge import ROWS, Rows, chain, data_set, put

CHAIN = "several data sets: dataset= chooses"
BOUND = "several data sets: chains are bounded (loops, junk, beyond the end, negative, 2,000)"
STRICT = "the contract: strict=True turns findings into FcsError"


def _row(number: int) -> Rows:
    return [[float(number), float(number) + 0.5]]


def links(count: int) -> bytes:
    """Return so many data sets of one event: 1, 2, 3, ..."""
    return chain(*[data_set(rows=_row(n)) for n in range(1, count + 1)])


def _chosen(number: Any, count: int, *codes: str) -> Hazard:
    expected = exact(_row(number), *codes, names=("FL1", "FL2"))
    return raw(
        f"set-{number}-of-{count}", CHAIN, lambda: links(count), expected, dataset=number
    )


def _not_there(number: Any, count: int) -> Hazard:
    return raw(f"set-{number!r}-of-{count}-is-not-there", CHAIN, lambda: links(count),
               refused("FCS-DATASET"), dataset=number)  # fmt: skip


def _broken_second(**how: Any) -> bytes:
    return chain(data_set(rows=_row(1)), data_set(rows=_row(2), **how))


def _absolute() -> bytes:
    """Return a second set whose offsets count from the start of the file."""
    first, second = data_set(rows=_row(1)), data_set(rows=_row(2))
    moved = [int(second[start : start + 8]) + len(first) for start in (10, 18, 26, 34)]
    second = put(put(second, "text", *moved[:2]), "data", *moved[2:])
    return chain(first, second)


CHAINS: list[Hazard] = [
    *[_chosen(number, 3) for number in (1, 2, 3)],
    raw("sets-two-by-itself", CHAIN, lambda: links(2), exact(_row(1), "FCS-DATASET-01")),
    raw("sets-three-by-itself", CHAIN, lambda: links(3), exact(_row(1), "FCS-DATASET-01")),
    *[_not_there(number, 2) for number in (3, 100, 0, -1, True, "first", 1.5, None, "2",
         2**70)],
    _not_there(2, 1),
    raw("set-2-of-other-channels", CHAIN, lambda: chain(data_set(), data_set(rows=[[1], [2]],
        kinds=("I16",))), exact([[1], [2]]), dataset=2),
    raw("set-2-cut-off-first-chosen", CHAIN, lambda: links(2)[:-1], exact(_row(1)), dataset=1),
    raw("set-2-cut-off-by-itself", CHAIN, lambda: links(2)[:-1], refused("FCS-AGREE")),
    raw("set-2-cut-off", CHAIN, lambda: links(2)[:-1], refused("FCS-AGREE"), dataset=2),
    raw("set-2-with-absolute-offsets", CHAIN, _absolute,
        refused("FCS-TEXT", "FCS-KEY", "FCS-AGREE"), dataset=2),
    raw("set-2-with-exclusive-end", CHAIN, lambda: _broken_second(shift=(0, 1),
        shift_text=(0, 1)), exact(_row(2), "FCS-OFFSET-02"), dataset=2),
    raw("set-1-with-exclusive-end", CHAIN, lambda: chain(data_set(rows=_row(1), shift=(0, 1),
        shift_text=(0, 1)), data_set(rows=_row(2))), exact(_row(1), "FCS-OFFSET-02"),
        dataset=1),
    raw("set-2-though-set-1-is-broken", CHAIN, lambda: chain(data_set(rows=_row(1), changes={
        "$TOT": "7"}), data_set(rows=_row(2))), exact(_row(2)), dataset=2),
    raw("set-1-of-other-type", CHAIN, lambda: chain(data_set(changes={"$MODE": "C"}),
        data_set(rows=_row(2))), refused("FCS-MODE")),
    raw("set-2-behind-a-gap", CHAIN, lambda: chain(data_set(rows=_row(1), tail=bytes(300)),
        data_set(rows=_row(2))), exact(_row(2)), dataset=2),
    raw("set-1-cut-off-into-set-2", CHAIN, lambda: chain(data_set(rows=_row(1),
        patch=lambda raw: raw[:-1]), data_set(rows=_row(2))), refused("FCS-AGREE"), dataset=1),
    raw("set-1-larger-than-its-room", CHAIN, lambda: chain(data_set(rows=_row(1), changes={
        "$TOT": "3"}, shift=(0, 16), shift_text=(0, 16)), data_set(rows=_row(2))),
        refused("FCS-AGREE"), dataset=1),
]  # fmt: skip


def _next(name: str, value: str | None, *codes: str, **how: Any) -> Hazard:
    return good(f"next-{name}", BOUND, *codes, changes={"$NEXTDATA": value}, **how)


def _ring() -> bytes:
    """Return two data sets, the second of which points back to the first."""
    first, second = data_set(rows=_row(1)), data_set(rows=_row(2))
    back = f"-{len(first):07}".encode()
    return first.replace(b"@" * 8, b"%08d" % len(first)) + second.replace(b"@" * 8, back)


HEADER_ALONE = b"FCS3.1    " + b" " * 48

BOUNDS: list[Hazard] = [
    *[_next(name, value, "FCS-DATASET-04", "FCS-TAIL-01", tail=b"x" * 200) for name, value in (
        ("junk", "100"), ("within-header", "1"), ("end-of-header", "57"), ("into-text", "60"),
        ("beyond", "500000"), ("negative", "-1"), ("negative-far", "-500"), ("2-63",
        str(2**63)),
        ("40-digits", "9" * 40), ("word", "next"), ("fraction", "0.5"))],
    _next("zero", "0"),
    _next("zeros", "00000000"),
    raw("next-size-of-the-file", BOUND, lambda: data_set().replace(
        b"@" * 8, b"%08d" % len(data_set())), exact(ROWS, "FCS-DATASET-04")),
    raw("next-header-only", BOUND, lambda: chain(data_set(), HEADER_ALONE),
        refused("FCS-HEADER", "FCS-TEXT")),
    raw("next-header-only-first-chosen", BOUND, lambda: chain(data_set(), HEADER_ALONE),
        exact(ROWS), dataset=1),
    raw("next-of-another-version", BOUND, lambda: chain(data_set(rows=_row(1)), data_set(
        version="FCS9.9")), exact(_row(1), "FCS-DATASET-04", "FCS-TAIL-01")),
    raw("next-ring-first", BOUND, _ring, exact(_row(1), "FCS-DATASET-01")),
    raw("next-ring-second", BOUND, _ring, exact(_row(2), "FCS-DATASET-04"), dataset=2),
    raw("next-ring-third", BOUND, _ring, refused("FCS-DATASET"), dataset=3),
    raw("next-2000-first", BOUND, lambda: links(2000), exact(_row(1), "FCS-DATASET-01")),
    raw("next-2000-hundredth", BOUND, lambda: links(2000), exact(_row(100)), dataset=100),
    raw("next-2000-last", BOUND, lambda: links(2000), refused("FCS-DATASET"), dataset=2000),
]  # fmt: skip

STRICTNESS: list[Hazard] = [
    good("strict-plain", STRICT, strict=True),
    good("strict-only-information", STRICT, "FCS-KEY-02", changes={"$MODE": None}, strict=True),
    good("strict-matrix", STRICT, changes={"$SPILLOVER": "2,FL1,FL2,1,.1,.2,1"}, strict=True),
    bad("strict-exclusive-end", STRICT, "FCS-STRICT", shift=(0, 1), shift_text=(0, 1),
        strict=True),
    bad("strict-double-keyword", STRICT, "FCS-STRICT", after=b"$FIL/a/$FIL/b/", strict=True),
    bad("strict-double-names", STRICT, "FCS-STRICT", changes={"$P2N": "FL1"}, strict=True),
    bad("strict-no-events", STRICT, "FCS-STRICT", rows=[], strict=True),
    bad("strict-nan", STRICT, "FCS-STRICT", rows=[[float("nan"), 1.0]], strict=True),
    bad("strict-singular-matrix", STRICT, "FCS-STRICT", strict=True,
        changes={"$SPILLOVER": "2,FL1,FL2,1,1,1,1"}),
    bad("strict-ten-bits", STRICT, "FCS-STRICT", rows=[[1], [1023]], kinds=("I16",),
        ranges=("1024",), changes={"$P1B": "10"}, strict=True),
    bad("strict-cut-off", STRICT, "FCS-AGREE", patch=lambda raw: raw[:-1], strict=True),
    raw("strict-two-sets", STRICT, lambda: links(2), refused("FCS-STRICT"), strict=True),
    raw("strict-two-sets-chosen", STRICT, lambda: links(2), exact(_row(2)), dataset=2,
        strict=True),
]  # fmt: skip

CORPUS = [*CHAINS, *BOUNDS, *STRICTNESS]
