"""Spillover: which keyword, which channels, what is refused, what is only noted."""

from __future__ import annotations

from typing import Any

import numpy as np

from hazards.entry import NO_MATRIX, Hazard, Matrix, good, raw
from hazards.forge import ROWS, Rows, forge

KEYS = "spillover: keys in this order: $SPILLOVER, SPILLOVER, SPILL, $SPILL"
TWO = "spillover: two that disagree are a finding"
IDENTITY = "spillover: an identity matrix is a finding"
SUBSET = "spillover: matrices over a subset of channels, in any order, by name or by index"
REFUSED = "spillover: refused: NaN, singular, wrong size, unknown detector, duplicates, size"
WARNED = "spillover: warned: condition number above 1,000"
PERCENT = "spillover: a diagonal of 100 is converted with a finding or refused"
COULTER = "spillover: Coulter's $DFCmTOn (percent) and $COMP"
EVIDENCE = "spillover: Diva's APPLY COMPENSATION and name prefixes are evidence"
TWICE = "spillover: data already compensated are not compensated again"

PLAIN, OTHER = "2,FL1,FL2,1,0.1,0.2,1", "2,FL1,FL2,1,0.5,0.5,1"
SHARES = [[1, 0.1], [0.2, 1]]
NAMED = ("FL1", "FL2")


def unmixed(rows: Rows, shares: list[list[float]], columns: tuple[int, ...] = (0, 1)) -> Rows:
    """Return rows x inverse(shares) in these columns."""
    table = np.array(rows, dtype=float)
    chosen = list(columns)
    table[:, chosen] = table[:, chosen] @ np.linalg.inv(np.array(shares))
    return table.tolist()


def _read(name: str, clause: str, *codes: str, matrix: Matrix | str, **how: Any) -> Hazard:
    return good(f"spill-{name}", clause, *codes, spillover=matrix, **how)


def _plain(name: str, clause: str, source: str, *codes: str, **changes: str) -> Hazard:
    """Return a file whose matrix is `SHARES` and is applied."""
    return _read(name, clause, *codes, matrix=Matrix(NAMED, SHARES, source), changes=changes,
                 scale="raw", compensated=unmixed(ROWS, SHARES))  # fmt: skip


CHOICE: list[Hazard] = [
    *[_plain(f"key-{key}", KEYS, key, **{key: PLAIN})
      for key in ("$SPILLOVER", "SPILLOVER", "SPILL", "$SPILL")],
    _plain("key-before-SPILLOVER", KEYS, "$SPILLOVER", "SPILL-DIFFERENT",
           **{"SPILLOVER": OTHER, "$SPILLOVER": PLAIN}),
    _plain("key-before-SPILL", KEYS, "SPILLOVER", "SPILL-DIFFERENT",
           SPILL=OTHER, SPILLOVER=PLAIN),
    _plain("key-before-dollar-SPILL", KEYS, "SPILL", "SPILL-DIFFERENT",
           **{"$SPILL": OTHER, "SPILL": PLAIN}),
    _plain("key-before-DFC", KEYS, "SPILL", **{"SPILL": PLAIN, "$DFC1TO2": "0"}),
    _plain("key-before-COMP", KEYS, "SPILL", **{"SPILL": PLAIN, "$COMP": "2,1,0.1,0.2,1"}),
    _plain("two-agree", TWO, "$SPILLOVER", **{"SPILL": PLAIN, "$SPILLOVER": PLAIN}),
    _plain("two-agree-in-spelling", TWO, "$SPILLOVER",
           **{"SPILL": "2, FL1, FL2, 1.0, 1e-1, .20, 1", "$SPILLOVER": PLAIN}),
    _plain("two-agree-in-another-order", TWO, "$SPILLOVER",
           **{"SPILL": "2,FL2,FL1,1,0.2,0.1,1", "$SPILLOVER": PLAIN}),
    _plain("two-agree-in-percent", TWO, "$SPILLOVER",
           **{"SPILL": "2,FL1,FL2,100,10,20,100", "$SPILLOVER": PLAIN}),
    _plain("two-transposed", TWO, "$SPILLOVER", "SPILL-DIFFERENT",
           **{"SPILL": "2,FL1,FL2,1,0.2,0.1,1", "$SPILLOVER": PLAIN}),
    _plain("two-one-broken", TWO, "$SPILLOVER", "SPILL-DIFFERENT",
           **{"SPILL": "2,FL1,FL2,1,x,0.1,1", "$SPILLOVER": PLAIN}),
    _plain("two-one-empty", TWO, "SPILL", **{"SPILL": PLAIN, "$SPILLOVER": "0"}),
    _read("two-first-broken", TWO, "SPILL-UNUSABLE", "SPILL-DIFFERENT", matrix=NO_MATRIX,
          changes={"SPILL": PLAIN, "$SPILLOVER": "x"}),
    _plain("lower-case-key", KEYS, "$SPILLOVER", **{"$spillover": PLAIN}),
    _plain("blanks", KEYS, "$SPILLOVER",
        **{"$SPILLOVER": " 2 , FL1 , FL2 , 1 , 0.1 , 0.2 , 1 "}),
    _plain("exponents", KEYS, "$SPILLOVER", **{"$SPILLOVER": "2,FL1,FL2,1e0,1.0E-1,2e-01,+1"}),
    _plain("one-line-of-newlines", KEYS, "$SPILLOVER", **{"$SPILLOVER": PLAIN.replace(",",
        ",\n")}),
    _read("none", KEYS, "SPILL-NONE", matrix=NO_MATRIX),
    _read("empty", KEYS, "SPILL-NONE", matrix=NO_MATRIX, after=b"SPILL//"),
    _read("blank", KEYS, "SPILL-NONE", matrix=NO_MATRIX, changes={"SPILL": " "}),
    _read("zero", KEYS, "SPILL-NONE", matrix=NO_MATRIX, changes={"SPILL": "0"}),
    _read("zero-comma", KEYS, "SPILL-NONE", matrix=NO_MATRIX, changes={"$SPILLOVER": "0,"}),
    _read("names-only", KEYS, "SPILL-EMPTY", matrix=NO_MATRIX, changes={"SPILL": "2,FL1,FL2"}),
    _read("names-with-commas", KEYS, "SPILL-UNUSABLE", matrix=NO_MATRIX, names=("A,1", "B"),
          changes={"$P1N": "A,1", "$P2N": "B", "SPILL": "2,A,1,B,1,0.1,0.2,1"}),
    _read("names-with-slashes", KEYS, matrix=Matrix(("A/1", "B"), SHARES), names=("A/1", "B"),
          changes={"$P1N": "A/1", "$P2N": "B", "SPILL": "2,A/1,B,1,0.1,0.2,1"}),
]  # fmt: skip

THREE: dict[str, Any] = {"rows": [[1.5, 2.5, 3.5], [4.0, -5.0, 6.0]], "kinds": ("F32",) * 3}
ORDERED = [[1, 0.3], [0.05, 1]]


def _subset(
    name: str, text: str, channels: tuple[str, str], columns: tuple[int, int]
) -> Hazard:
    return _read(f"subset-{name}", SUBSET, matrix=Matrix(channels, ORDERED), **THREE,
                 changes={"$SPILLOVER": text},
                 compensated=unmixed(THREE["rows"], ORDERED, columns))  # fmt: skip


SUBSETS: list[Hazard] = [
    _subset("in-order", "2,FL1,FL3,1,.3,.05,1", ("FL1", "FL3"), (0, 2)),
    _subset("permuted", "2,FL3,FL1,1,.3,.05,1", ("FL3", "FL1"), (2, 0)),
    _subset("by-index", "2,1,3,1,.3,.05,1", ("FL1", "FL3"), (0, 2)),
    _subset("by-index-permuted", "2,3,2,1,.3,.05,1", ("FL3", "FL2"), (2, 1)),
    _subset("by-name-and-index", "2,FL3,2,1,.3,.05,1", ("FL3", "FL2"), (2, 1)),
    _read("subset-of-one", SUBSET, "SPILL-IDENTITY", matrix=Matrix(("FL2",), [[1]]), **THREE,
          changes={"$SPILLOVER": "1,FL2,1"}, compensated=THREE["rows"]),
    _read("subset-names-that-are-numbers", SUBSET, matrix=Matrix(("2", "1"), SHARES),
          names=("2", "1"), changes={"$P1N": "2", "$P2N": "1", "SPILL": "2,2,1,1,.1,.2,1"},
          compensated=unmixed(ROWS, SHARES)),
    _read("all-of-integers", SUBSET, matrix=Matrix(NAMED, SHARES), rows=[[100, 200], [5, 7]],
          kinds=("I16", "I16"), changes={"SPILL": PLAIN},
          compensated=unmixed([[100, 200], [5, 7]], SHARES)),
    _read("after-gain", SUBSET, matrix=Matrix(NAMED, SHARES), rows=[[100.0, 200.0]],
          changes={"SPILL": PLAIN, "$P1G": "2"}, linear=[[50, 200]],
          compensated=unmixed([[50, 200]], SHARES)),
    _read("identity", IDENTITY, "SPILL-IDENTITY", matrix=Matrix(NAMED, [[1, 0], [0, 1]]),
          changes={"SPILL": "2,FL1,FL2,1,0,0,1"}, compensated=ROWS),
    _read("identity-in-percent", IDENTITY, "SPILL-IDENTITY", "SPILL-PERCENT",
          matrix=Matrix(NAMED, [[1, 0], [0, 1]]), changes={"SPILL": "2,FL1,FL2,100,0,0,100"},
          compensated=ROWS),
    _read("identity-permuted", IDENTITY, "SPILL-IDENTITY", compensated=ROWS,
          matrix=Matrix(("FL2", "FL1"), [[1, 0], [0, 1]]),
          changes={"SPILL": "2,FL2,FL1,1,0,0,1"}),
    _read("identity-placeholder", IDENTITY, "SPILL-IDENTITY", matrix=Matrix(NAMED, [
        [1, 1e-6], [0, 1]]), changes={"SPILL": "2,FL1,FL2,1,1e-06,0,1"}),
]  # fmt: skip

ROTTEN = {
    "nan": "2,FL1,FL2,1,nan,0.2,1", "inf": "2,FL1,FL2,1,inf,0.2,1",
    "word": "2,FL1,FL2,1,x,0.2,1",
    "blank-value": "2,FL1,FL2,1,,0.2,1", "singular": "2,FL1,FL2,1,1,1,1",
    "zeros": "2,FL1,FL2,0,0,0,0", "diagonal-0": "2,FL1,FL2,0,1,1,0",
    "diagonal-mixed": "2,FL1,FL2,100,1,1,1", "diagonal-negative": "2,FL1,FL2,-1,0.1,0.2,-1",
    "diagonal-1000": "2,FL1,FL2,1000,1,1,1000", "diagonal-half": "2,FL1,FL2,0.5,0.1,0.2,0.5",
    "unknown": "2,FL1,FL9,1,0.1,0.2,1", "unknown-index": "2,1,9,1,0.1,0.2,1",
    "unknown-index-0": "2,0,1,1,0.1,0.2,1", "unknown-case": "2,fl1,FL2,1,0.1,0.2,1",
    "unknown-blank": "2,,FL2,1,0.1,0.2,1",
    "double": "2,FL1,FL1,1,0.1,0.2,1", "double-by-index": "2,FL1,1,1,0.1,0.2,1",
    "too-few": "2,FL1,FL2,1,0.1,0.2", "too-many": "2,FL1,FL2,1,0.1,0.2,1,0",
    "decimal-commas": "2,FL1,FL2,1,0,1,0,2,1", "semicolons": "2;FL1;FL2;1;0.1;0.2;1",
    "size-3": "3,FL1,FL2,1,0.1,0.2,1", "size-1e6": "1000000,FL1,FL2,1,0.1,0.2,1",
    "size-1e18": "1000000000000000000,FL1", "size-negative": "-1,FL1,1", "size-word": "x",
    "size-superscript": "²,FL1,FL2,1,0,0,1", "size-fraction": "2.0,FL1,FL2,1,0.1,0.2,1",
    "size-5000-digits": "9" * 5000 + ",FL1", "no-size": "FL1,FL2,1,0.1,0.2,1",
    "huge-value": "2,FL1,FL2,1,1e300,0,1", "hex": "2,FL1,FL2,1,0x1,0.2,1",
    "unicode-digits": "2,FL1,FL2,\uff11,0.1,0.2,1",
}  # fmt: skip

UNUSABLE: list[Hazard] = [
    *[_read(f"unusable-{name}", REFUSED, "SPILL-UNUSABLE", matrix=NO_MATRIX,
            changes={"$SPILLOVER": text}) for name, text in ROTTEN.items()],
    _read("unusable-name-of-two-channels", REFUSED, "SPILL-UNUSABLE", "FCS-NAME-01",
          matrix=NO_MATRIX, names=("FL1-1", "FL1-2"),
          changes={"$P2N": "FL1", "$SPILLOVER": "2,FL1,FL1-1,1,0.1,0.2,1"}),
    _read("unusable-singular-percent", REFUSED, "SPILL-UNUSABLE", "SPILL-PERCENT",
          matrix=NO_MATRIX, changes={"$SPILLOVER": "2,FL1,FL2,100,100,100,100"}),
    raw("spill-unusable-1001-detectors", REFUSED, lambda: forge([[0] * 1001], ("I8",) * 1001,
        changes={"SPILL": ",".join(["1001", *[f"FL{n}" for n in range(1, 1002)], "1"])}),
        good("", "", "SPILL-UNUSABLE", rows=[[0] * 1001], kinds=("I8",) * 1001,
             spillover=NO_MATRIX).expected),
    _read("condition", WARNED, "SPILL-CONDITION", matrix=Matrix(NAMED, [
        [1, 0.9999], [0.9999, 1]]), changes={"SPILL": "2,FL1,FL2,1,0.9999,0.9999,1"}),
    _read("condition-just-below", WARNED, matrix=Matrix(NAMED, [[1, 0.998], [0.998, 1]]),
          changes={"SPILL": "2,FL1,FL2,1,0.998,0.998,1"}),
    _read("share-far-above-1", WARNED, "SPILL-SHARE", matrix=Matrix(NAMED, [[1, 7], [0, 1]]),
          changes={"SPILL": "2,FL1,FL2,1,7,0,1"}),
    _read("share-negative", WARNED, matrix=Matrix(NAMED, [[1, -0.01], [0.2, 1]]),
          changes={"SPILL": "2,FL1,FL2,1,-0.01,0.2,1"}),
    _read("percent", PERCENT, "SPILL-PERCENT", matrix=Matrix(NAMED, SHARES),
          changes={"SPILL": "2,FL1,FL2,100,10,20,100"}, compensated=unmixed(ROWS, SHARES)),
    _read("percent-over-shares", PERCENT, "SPILL-UNUSABLE", matrix=NO_MATRIX,
          changes={"SPILL": "2,FL1,FL2,100,0.1,0.2,1"}),
]  # fmt: skip

FOUR = {
    f"$P{n}N": name for n, name in enumerate(("FS INT LIN", "FL1 INT LOG", "FL2 INT LOG"), 1)
}
INTEGERS: dict[str, Any] = {
    "rows": [[1, 2, 3], [4, 5, 6]], "kinds": ("I16",) * 3, "names": tuple(FOUR.values()),
    "scale": "compensated",
}  # fmt: skip


def _dfc(name: str, *codes: str, matrix: Matrix | str, **shares: str) -> Hazard:
    keys = {f"$DFC{key.replace('_', 'TO')}": value for key, value in shares.items()}
    return _read(
        f"dfc-{name}", COULTER, *codes, matrix=matrix, changes={**FOUR, **keys}, **INTEGERS
    )


def _by_coulter(*rows: list[float]) -> Matrix:
    return Matrix(("FL1 INT LOG", "FL2 INT LOG"), rows, "$DFC")


VENDORS: list[Hazard] = [
    _dfc("percent", "SPILL-COULTER", matrix=_by_coulter([1, 0.105], [0.02, 1]),
         **{"1_2": "10.5", "2_1": " 2"}),
    _dfc("one-way", "SPILL-COULTER", "SPILL-DFC", matrix=_by_coulter([1, 0.105], [0, 1]),
         **{"1_2": "10.5"}),
    _dfc("of-zeros-beyond-the-channels", "SPILL-COULTER", "SPILL-DFC",
         matrix=_by_coulter([1, 0.5], [0, 1]), **{"1_2": "50", "1_5": "0", "5_1": "0.00"}),
    *[_dfc(name, "SPILL-COULTER", matrix=NO_MATRIX, **{"1_2": "10", key: value})
      for name, key, value in (("from-an-unknown-dye", "9_1", "5"), ("not-a-number", "2_1",
      "x"),
                               ("nan", "2_1", "nan"), ("with-sign-of-percent", "2_1", "2%"),
                               ("decimal-comma", "2_1", "2,5"), ("from-dye-0", "0_1", "5"))],
    _dfc("singular", "SPILL-COULTER", matrix=NO_MATRIX, **{"1_2": "100", "2_1": "100"}),
    _read("dfc-beside-floats", TWICE, "SPILL-APPLIED", "SPILL-DFC", scale="compensated",
          matrix=Matrix(NAMED, [[1, 0.105], [0, 1]]), changes={"$DFC1TO2": "10.5"}),
    _read("dfc-disagrees-with-spill", TWO, "SPILL-DIFFERENT", "SPILL-APPLIED",
          matrix=Matrix(NAMED, SHARES, "SPILL"), changes={"$DFC1TO2": "55", "SPILL": PLAIN}),
    _read("dfc-agrees-with-spill", TWICE, "SPILL-APPLIED", matrix=Matrix(NAMED, SHARES,
        "SPILL"),
          changes={"$DFC1TO2": "10", "$DFC2TO1": "20", "SPILL": PLAIN}),
    _read("comp", COULTER, "SPILL-COMP", matrix=NO_MATRIX, changes={"$COMP": "2,1,0.1,0.2,1"}),
    _read("comp-identity", COULTER, "SPILL-IDENTITY", matrix=NO_MATRIX,
          changes={"$COMP": "2,1,0,0,1"}),
    _read("comp-malformed", COULTER, "SPILL-COMP", matrix=NO_MATRIX, changes={"$COMP": "x"}),
    _plain("apply-true", EVIDENCE, "SPILL", **{"SPILL": PLAIN, "APPLY COMPENSATION": "TRUE"}),
    _plain("apply-false", EVIDENCE, "SPILL", "SPILL-OFF",
           **{"SPILL": PLAIN, "APPLY COMPENSATION": "FALSE"}),
    _read("apply-true-no-matrix", EVIDENCE, "SPILL-LOST", "SPILL-NONE", matrix=NO_MATRIX,
          changes={"APPLY COMPENSATION": "TRUE"}),
    *[_read(f"compensated-{name}", TWICE, "SPILL-APPLIED", scale="compensated", names=names,
            matrix=Matrix(names, SHARES), changes={"$P1N": names[0], "$P2N": names[1],
            "SPILL": f"2,{names[0]},{names[1]},1,.1,.2,1"})
      for name, names in (("comp", ("Comp-A", "Comp-B")), ("flowjo", ("FJComp-A", "FJComp-B")),
                          ("angles", ("<A>", "<B>")))],
    _read("compensated-beside-raw", EVIDENCE, "SPILL-MIXED", scale="raw", rows=[[1, 2, 3]],
          kinds=("I16",) * 3, names=("A", "B", "Comp-A"), matrix=Matrix(("A", "B"), SHARES),
          changes={"$P1N": "A", "$P2N": "B", "$P3N": "Comp-A", "SPILL": "2,A,B,1,.1,.2,1"}),
    _read("renamed-after-compensation", TWICE, "SPILL-APPLIED", scale="compensated",
          matrix=NO_MATRIX, names=("Comp-A", "Comp-B"),
          changes={"$P1N": "Comp-A", "$P2N": "Comp-B", "SPILL": "2,A,B,1,.1,.2,1"}),
]  # fmt: skip

CORPUS = [*CHOICE, *SUBSETS, *UNUSABLE, *VENDORS]
