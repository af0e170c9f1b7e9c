"""Beckman Coulter's pairs: one run twice, compensated in 10 bits and raw in 20."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hazards.entry import Exact, Hazard, Matrix, exact, raw, refused
from hazards.forge import Rows, chain, data_set

PAIR = "several data sets: set 2 with markers and matrix joined from set 1, with a finding"
FIRST = "several data sets: set 1 is marked COMPENSATED and its $DFC is never applied to it"
NO_DFC = "several data sets: no matrix anywhere: set 1 with a finding"
CHECK = "several data sets: compensated set 2 against log-decoded set 1, 0.01 decades"
OTHER = "several data sets: sets that are no such pair: the first, with a finding"

EVENTS = 240
PERCENT = ((0, 22.2, 1.5), (2.0, 0, 12.5), (0.6, 9.9, 0))  # of dye m seen by detector n
LABELS = ("FS Lin", "SS Log", "CD15-FITC", "CD13-PE", "CD45-ECD")
DYES = ("FL1", "FL2", "FL3")
SET_2 = ("FS", "SS", *DYES, "TIME")
TURNED = (5, 4, 1, 2, 0, 3)  # another order of its channels


def shares() -> list[list[float]]:
    """Return I + D / 100."""
    return [[float(m == n) + PERCENT[m][n] / 100 for n in range(3)] for m in range(3)]


def truth() -> Rows:
    """Return the compensated linear values: FS, SS and three dyes, on a scale of 20 bits."""
    made = []
    for i in range(EVENTS):
        scatter = [float(2000 + 3571 * i), 10 ** (3 + 2.5 * (i * 7 % 101) / 101)]
        made.append(scatter + [10 ** (3.2 + 2.2 * (i * k % 97) / 97) for k in (5, 11, 29)])
    return made


def raw_values() -> Rows:
    """Return set 2: what the detectors saw, and the time."""
    matrix = shares()
    made = []
    for i, (fs, ss, *dyes) in enumerate(truth()):
        seen = [sum(dyes[m] * matrix[m][n] for m in range(3)) for n in range(3)]
        made.append([*map(round, (fs, ss, *seen)), i])
    return made


def log_values() -> Rows:
    """Return set 1: 10 bits, 4 decades from 0.1024 to 1024, FS linear."""
    return [
        [int(fs / 1024), *(round(256 * math.log10(y / 1024 / 0.1024)) for y in others)]
        for fs, *others in truth()
    ]


def first_set(*, shown: dict[str, str] | None = None, rows: Rows | None = None) -> bytes:
    """Return set 1; `shown` are its ``$DFC`` keywords."""
    names = ("FS Lin", "SS Log", "FL1 Log", "FL2 Log", "FL3 Log")
    changes: dict[str, str | None] = {"$BYTEORD": "1,2", "$BEGINDATA": None, "$ENDDATA": None}
    for n, (name, label) in enumerate(zip(names, LABELS, strict=True), start=1):
        changes |= {f"$P{n}N": name, f"$P{n}S": label}
        changes[f"$P{n}E"] = "0,0" if n == 1 else " 4.0,0.1024"
    return data_set(rows=log_values() if rows is None else rows, kinds=("I16",) * 5,
                    ranges=("1024",) * 5, delimiter="\\", version="FCS2.0", gap=bytes(100),
                    changes={**changes, **(dfc() if shown is None else shown)})  # fmt: skip


def dfc(*, transposed: bool = False) -> dict[str, str]:
    """Return ``$DFCmTOn``."""
    order = {(m, n): (n, m) if transposed else (m, n) for m in range(3) for n in range(3)}
    return {f"$DFC{m + 1}TO{n + 1}": f"{PERCENT[order[m, n][0]][order[m, n][1]]:.2f}"
            for m, n in order if m != n}  # fmt: skip


def second_set(rows: Rows | None = None, **changes: str) -> bytes:
    """Return set 2: each word carries the number of its channel in the top byte."""
    rows = raw_values() if rows is None else rows
    words = [[value | n << 24 for n, value in enumerate(row)] for row in rows]
    names = {f"$P{n}N": name for n, name in enumerate(("FS", "SS", *DYES, "TIME"), start=1)}
    return data_set(rows=words, kinds=("I32",) * 6, ranges=("1048576",) * 5 + ("1024",),
                    delimiter="\\", version="FCS3.0", changes={**names, **changes})  # fmt: skip


def decoded() -> Rows:
    """Return set 1 on its linear scale."""
    return [
        [float(fs), *(0.1024 * 10 ** (x / 256) for x in logs)] for fs, *logs in log_values()
    ]


def unmixed() -> Rows:
    """Return set 2, compensated."""
    inverse = np.linalg.inv(np.array(shares()))
    return [[fs, ss, *(np.array(dyes) @ inverse).tolist(), time]
            for fs, ss, *(dyes), time in raw_values()]  # fmt: skip


def _second(*codes: str, **more: Any) -> Exact:
    return exact(raw_values(), "FCS-DATASET-02", *codes, names=("FS", "SS", *DYES, "TIME"),
                 markers=("FSC-A", "SSC-A", "CD15", "CD13", "CD45", ""),
                 tops=(1048576.0,) * 5 + (1024.0,), **more)  # fmt: skip


def _first(*codes: str, **more: Any) -> Exact:
    return exact(log_values(), *codes, linear=decoded(), labels=LABELS,
                 names=("FS Lin", "SS Log", "FL1 Log", "FL2 Log", "FL3 Log"),
                 markers=("FSC-A", "SSC-A", "CD15", "CD13", "CD45"),
                 tops=(1024.0,) * 5, **more)  # fmt: skip


def pair() -> bytes:
    """Return both sets."""
    return chain(first_set(), second_set())


JOINED = _second(scale="raw", spillover=Matrix(DYES, shares(), "$DFC"), compensated=unmixed(),
                 tolerance=1e-5)  # fmt: skip
TRUE = _second(scale="raw", compensated=[[*row, i] for i, row in enumerate(truth())],
               tolerance=2e-3)  # fmt: skip
WRONG = [[shares()[n][m] for n in range(3)] for m in range(3)]
FIRST_LOGS = Matrix(("FL1 Log", "FL2 Log", "FL3 Log"), shares())


def _in_another_order() -> bytes:
    """Return a pair whose second set has its channels in another order."""
    rows = [[row[n] for n in TURNED] for row in raw_values()]
    names = {f"$P{n}N": SET_2[place] for n, place in enumerate(TURNED, start=1)}
    ranges = {"$P1R": "1024", "$P6R": "1048576"}
    return chain(first_set(), second_set(rows, **names, **ranges))


def _without(content: bytes, place: int, count: int) -> bytes:
    return content[:place] + content[place + count :]


CORPUS: list[Hazard] = [
    raw("coulter-pair", PAIR, pair, JOINED),
    raw("coulter-pair-set-2", PAIR, pair, JOINED, dataset=2),
    raw("coulter-pair-strict", PAIR, pair, JOINED, strict=True),
    raw("coulter-pair-gives-the-truth", PAIR, pair, TRUE),
    raw("coulter-pair-set-1", FIRST, pair,
        _first("SPILL-COULTER", scale="compensated", spillover=FIRST_LOGS), dataset=1),
    raw("coulter-set-1-alone", FIRST, lambda: chain(first_set()),
        _first("SPILL-COULTER", scale="compensated", spillover=FIRST_LOGS)),
    raw("coulter-set-2-alone", NO_DFC, lambda: chain(second_set()),
        exact(raw_values(), "SPILL-NONE", scale="raw", spillover="no matrix")),
    raw("coulter-pair-no-matrix", NO_DFC, lambda: chain(first_set(shown={}), second_set()),
        _first("FCS-DATASET-03", scale="compensated", spillover="no matrix")),
    raw("coulter-pair-lost-a-byte", PAIR, lambda: _without(pair(), 2000, 1),
        refused("FCS-AGREE")),
    raw("coulter-pair-lost-a-block", PAIR, lambda: _without(pair(), 2000, 512),
        refused("FCS-AGREE")),
    raw("coulter-pair-cut-before-set-2", PAIR, lambda: pair()[:len(chain(first_set()))],
        _first("FCS-DATASET-04", "SPILL-COULTER", scale="compensated", spillover=FIRST_LOGS)),
    raw("coulter-pair-no-matrix-set-2", NO_DFC, lambda: chain(first_set(shown={}),
        second_set()),
        _second(spillover="no matrix"), dataset=2),
    raw("coulter-pair-in-another-order", PAIR, _in_another_order, exact(
        [[row[n] for n in TURNED] for row in raw_values()], "FCS-DATASET-02", scale="raw",
        names=tuple(SET_2[n] for n in TURNED), compensated=[[row[n] for n in TURNED]
        for row in unmixed()], markers=("", "CD45", "SSC-A", "CD15", "FSC-A", "CD13"),
        tolerance=1e-5)),
    raw("coulter-pair-of-five-events", PAIR,
        lambda: chain(first_set(rows=log_values()[:5]), second_set(raw_values()[:5])),
        exact(raw_values()[:5], "FCS-DATASET-02", spillover=Matrix(DYES, shares()))),
    raw("coulter-pair-of-no-events", PAIR, lambda: chain(first_set(rows=[]), second_set([])),
        exact([], "FCS-EMPTY-01", "FCS-DATASET-*")),
    raw("coulter-pair-transposed", CHECK,
        lambda: chain(first_set(shown=dfc(transposed=True)), second_set()),
        _second("FCS-DATASET-05", spillover=Matrix(DYES, WRONG))),
    raw("coulter-pair-of-other-events", CHECK,
        lambda: chain(first_set(rows=log_values()[::-1]), second_set()),
        _second("FCS-DATASET-05")),
    raw("coulter-pair-strict-but-wrong", CHECK,
        lambda: chain(first_set(rows=log_values()[::-1]), second_set()), refused("FCS-STRICT"),
        strict=True),
    raw("coulter-pair-of-other-lengths", OTHER,
        lambda: chain(first_set(), second_set(raw_values()[:-1])),
        _first("FCS-DATASET-01", "SPILL-COULTER", scale="compensated")),
    raw("coulter-pair-of-other-lengths-set-2", OTHER,
        lambda: chain(first_set(), second_set(raw_values()[:-1])),
        exact(raw_values()[:-1], spillover="no matrix"), dataset=2),
    raw("coulter-pair-turned", OTHER, lambda: chain(second_set(), first_set()),
        exact(raw_values(), "FCS-DATASET-01")),
    raw("coulter-pair-not-a-number", PAIR,
        lambda: chain(first_set(shown={**dfc(), "$DFC1TO2": "x"}), second_set()),
        _first("FCS-DATASET-*", "SPILL-*", scale="compensated")),
    raw("coulter-pair-cut-off", PAIR, lambda: pair()[:-1], refused("FCS-AGREE")),
    raw("coulter-pair-cut-off-set-1", FIRST, lambda: pair()[:-1],
        _first("SPILL-COULTER"), dataset=1),
]  # fmt: skip
