"""Versions and types: every version, type, width, byte order, mask and mode."""

from __future__ import annotations

import struct

from hazards.entry import Hazard, bad, good

VERSION = "versions and types: FCS 2.0 to 3.2"
TYPE = "versions and types: $DATATYPE F, D, I; A may be refused"
MIXED = "versions and types: $PnDATATYPE mixed types"
WIDTH = "versions and types: integers of 8, 16, 24, 32, 64 bits and mixed widths"
MASK = "versions and types: $PnR masks (next power of two)"
DECLARED = "versions and types: 10 bits declared but 16 stored (Coulter)"
ORDER = "versions and types: $BYTEORD in every form"
MODE = "versions and types: $MODE other than list: refused"

SIDES = {"<": "little", ">": "big"}
I16, TWO = ("I16", "I16"), [[1, 2], [300, 4], [5, 60000]]


def _slug(what: str, text: str) -> str:
    """Return a name without blanks or NULs."""
    return f"{what}-{text}".replace(" ", "_")


def _integers(bits: int) -> list[list[int]]:
    return [[0, 1], [2**bits - 1, 2 ** (bits - 1)], [258 % 2**bits, 7]]


def pdp(rows: list[list[int]]) -> bytes:
    """Return 32-bit words whose halves are swapped (3,4,1,2)."""
    words = [struct.pack(">I", value) for row in rows for value in row]
    return b"".join(word[2:] + word[:2] for word in words)


VERSIONS: list[Hazard] = [
    *[good(_slug("version", v), VERSION, version=v) for v in ("FCS2.0", "FCS3.0", "FCS3.1",
         "FCS3.2")],
    good("version-padded-with-nuls", VERSION, version="FCS3.1\0\0\0\0"),
    *[bad(_slug("version", v), VERSION, "FCS-HEADER", version=v)
      for v in ("FCS1.0", "FCS4.0", "fcs3.1", "FCS3", "FCS 3.1", "LMD3.1")],
]  # fmt: skip

TYPES: list[Hazard] = [
    *[good(f"type-{kind}-{SIDES[order]}", TYPE, kinds=(kind, kind), order=order)
      for kind in ("F32", "D64") for order in "<>"],
    good("type-lower-case", TYPE, changes={"$DATATYPE": "f"}),
    good("type-with-blanks", TYPE, changes={"$DATATYPE": " F "}),
    bad("type-A", TYPE, "FCS-TYPE", changes={"$DATATYPE": "A"}),
    bad("type-A-free-format", TYPE, "FCS-TYPE", data=b"1.5 2.5 3.5 4.5 5.5 -6.5",
        changes={"$DATATYPE": "A", "$P1B": "*", "$P2B": "*"}),
    bad("type-X", TYPE, "FCS-TYPE", changes={"$DATATYPE": "X"}),
    bad("type-missing", TYPE, "FCS-TYPE", "FCS-KEY", changes={"$DATATYPE": None}),
    bad("type-float-of-16-bits", TYPE, "FCS-TYPE", changes={"$P1B": "16"}),
    bad("type-float-of-64-bits", TYPE, "FCS-TYPE", changes={"$P1B": "64", "$P2B": "64"}),
    bad("type-double-of-32-bits", TYPE, "FCS-TYPE", changes={"$DATATYPE": "D"}),
    bad("type-integers-called-doubles", TYPE, "FCS-TYPE", rows=TWO, kinds=I16,
        changes={"$DATATYPE": "D"}),
    *[good(f"mixed-types-{SIDES[order]}", MIXED, version="FCS3.2", order=order,
           rows=[[7, 1.5, 1e300, 2**32 - 1], [9, -2.5, -0.1, 5]],
           kinds=("I16", "F32", "D64", "I32")) for order in "<>"],
    good("mixed-types-float-first", MIXED, rows=[[1.5, 7], [2.5, 8]], kinds=("F32", "I8"),
         version="FCS3.2"),
    good("mixed-types-masked", MIXED, rows=[[0xF3FF, 1.5], [0xF001, 2.5]], kinds=("I16", "F32"),
         ranges=("1024", "10"), stored=[[0x3FF, 1.5], [1, 2.5]], version="FCS3.2"),
    good("mixed-types-same-width", MIXED, rows=[[2**31, 1.5], [7, -2.5]], kinds=("I32", "F32"),
         version="FCS3.2"),
    good("mixed-types-lower-case", MIXED, rows=[[7, 1.5]], kinds=("I16", "F32"),
         changes={"$P2DATATYPE": "f"}, version="FCS3.2"),
    good("mixed-types-said-for-each", MIXED, version="FCS3.2",
         changes={"$P1DATATYPE": "F", "$P2DATATYPE": "F"}),
    good("mixed-types-before-fcs-3.2", MIXED, "FCS-KEY-*", version="FCS3.1",
         rows=[[2**31, 1.5], [7, -2.5]], kinds=("I32", "F32")),
    bad("mixed-types-blank", MIXED, "FCS-TYPE", changes={"$P1DATATYPE": " "}, version="FCS3.2"),
    bad("mixed-types-A", MIXED, "FCS-TYPE", changes={"$P2DATATYPE": "A"}, version="FCS3.2"),
    bad("mixed-types-wrong-width", MIXED, "FCS-TYPE", changes={"$P2DATATYPE": "D"},
        version="FCS3.2"),
    bad("mixed-types-no-common-type", MIXED, "FCS-TYPE", rows=[[2**60 + 1, 1.5]],
        kinds=("I64", "F32"), version="FCS3.2"),
]  # fmt: skip

WIDTHS: list[Hazard] = [
    *[good(f"integers-{bits}-{SIDES[order]}", WIDTH, rows=_integers(bits), order=order,
           kinds=(f"I{bits}",) * 2) for bits in (8, 16, 24, 32, 64) for order in "<>"],
    *[good(f"integers-mixed-{SIDES[order]}", WIDTH, order=order,
           rows=[[255, 65535, 2**24 - 1, 2**32 - 1, 3], [1, 2, 3, 4, 5]],
           kinds=("I8", "I16", "I24", "I32", "I8")) for order in "<>"],
    *[good(f"integers-mixed-with-64-{SIDES[order]}", WIDTH, order=order, kinds=("I8", "I64"),
           rows=[[1, 2**64 - 1], [2, 2**53 + 1]]) for order in "<>"],
    good("integers-24-one-channel", WIDTH, rows=[[2**24 - 1], [66051]], kinds=("I24",)),
    *[bad(f"integers-of-{bits}-bits", WIDTH, "FCS-TYPE", "FCS-KEY", "FCS-AGREE", rows=TWO,
          kinds=I16, changes={"$P1B": bits, "$P2B": bits})
      for bits in ("1", "7", "17", "31", "33", "128", "1024")],
    bad("integers-widths-swapped", WIDTH, "FCS-AGREE", rows=[[1, 2]], kinds=("I8", "I8"),
        changes={"$P1B": "16"}),
]  # fmt: skip


def _mask(name: str, top: str | None, bits: int, *codes: str) -> Hazard:
    """Return 16-bit values that all carry the same tag above the mask of `bits`."""
    tag = 0xFFFF & ~(2**bits - 1)
    rows = [[tag | (2**bits - 1), 5], [tag | 1, 6]]
    stored = [[row[0] & (2**bits - 1), row[1]] for row in rows]
    return good(name, MASK, *codes, rows=rows, kinds=I16, changes={"$P1R": top}, stored=stored)


MASKS: list[Hazard] = [
    *[_mask(_slug("mask", top), top, bits) for top, bits in (
        ("1024", 10), ("1000", 10), ("1023", 10), ("1025", 11), ("2", 1), ("4096", 12),
        ("1024.0", 10), ("1.024e3", 10), (" 1024 ", 10), ("001024", 10), ("65536", 16),
        ("65535", 16))],
    *[_mask(_slug("mask", top), top, 16, "FCS-KEY-12") for top in (
        "65537", "262144", "18446744073709551616")],
    *[_mask(f"mask-malformed-{n}", top, 16, "FCS-KEY-05") for n, top in enumerate(
        ("0", "1", "-1", "-1024", "1e30", "nan", "inf", "abc", "", "9" * 5000,
        "\uff11\uff10\uff12\uff14", "2^10",
         "0x400", "1,024", "1_024", None), start=1)],
    good("mask-varying-bits", MASK, "FCS-MASK-01", rows=[[0xF3FF, 5], [0x0001, 6], [0x0402, 7]],
         kinds=I16, ranges=("1024", "65536"), stored=[[0x3FF, 5], [1, 6], [2, 7]]),
    good("mask-varying-bits-of-24", MASK, "FCS-MASK-01", rows=[[0xF003FF], [0x000001]],
         kinds=("I24",), ranges=("1024",), stored=[[0x3FF], [1]]),
    good("mask-bit-beside-the-range", MASK, "FCS-MASK-01", rows=[[2**31 + 5], [6]],
         kinds=("I32",), ranges=(str(2**31),), stored=[[5], [6]]),
    good("mask-constant-tag-of-32", MASK, rows=[[3 << 24 | 77, 4 << 24], [3 << 24,
        4 << 24 | 9]],
         kinds=("I32",) * 2, ranges=("1048576",) * 2, stored=[[77, 0], [0, 9]]),
    good("mask-64-bits-exactly", MASK, rows=[[2**63 + 5]], kinds=("I64",),
         ranges=(str(2**63 + 1),)),
    good("mask-of-40-bits", MASK, rows=[[2**40 - 1], [7]], kinds=("I64",), ranges=(str(2**40),
        )),
    good("mask-not-for-floats", MASK, rows=[[5000.5, -7.0]], ranges=("1024", "2")),
]  # fmt: skip

TEN = {"rows": [[1, 1023], [512, 3]], "kinds": I16, "ranges": ("1024", "1024")}
DECLARATIONS: list[Hazard] = [
    good("ten-bits-in-16", DECLARED, "FCS-WIDTH-01", **TEN, changes={"$P1B": "10",
        "$P2B": "10"}),
    good("ten-bits-in-16-big", DECLARED, "FCS-WIDTH-01", **TEN, order=">",
         changes={"$P1B": "10", "$P2B": "10"}),
    good("ten-bits-beside-16", DECLARED, "FCS-WIDTH-01", **TEN, changes={"$P1B": "10"}),
    good("ten-bits-masked", DECLARED, "FCS-WIDTH-01", kinds=I16, ranges=("1024", "1024"),
         rows=[[0x43FF, 0x8001], [0x4001, 0x8002]], stored=[[1023, 1], [1, 2]],
         changes={"$P1B": "10", "$P2B": "10"}),
    good("twelve-bits-in-16", DECLARED, "FCS-WIDTH-01", rows=[[4095], [1]], kinds=("I16",),
         ranges=("4096",), changes={"$P1B": "12"}),
    good("twenty-bits-in-32", DECLARED, "FCS-WIDTH-01", rows=[[2**20 - 1], [1]], kinds=("I32",),
         ranges=("1048576",), changes={"$P1B": "20"}),
    bad("twenty-bits-in-24", DECLARED, "FCS-TYPE", "FCS-AGREE", rows=[[2**20 - 1], [1]],
        kinds=("I24",), ranges=("1048576",), changes={"$P1B": "20"}),
    bad("ten-bits-packed", DECLARED, "FCS-TYPE", "FCS-AGREE", data=bytes(range(5)),
        rows=[[1, 2], [3, 4]], kinds=I16, changes={"$P1B": "10", "$P2B": "10"}),
    bad("ten-bits-in-32", DECLARED, "FCS-TYPE", "FCS-AGREE", rows=[[1, 2]], kinds=("I32",) * 2,
        changes={"$P1B": "10", "$P2B": "10"}),
    bad("ten-bits-cut-off", DECLARED, "FCS-TYPE", "FCS-AGREE", **TEN,
        changes={"$P1B": "10", "$P2B": "10"}, patch=lambda raw: raw[:-1]),
]  # fmt: skip

LONG = ("I32", "I32")
BIG = [[1, 2], [70000, 2**31], [258, 9]]
ORDERS: list[Hazard] = [
    *[good(_slug("order", text), ORDER, rows=BIG, kinds=LONG, order=order,
         changes={"$BYTEORD": text})
      for text, order in (("1,2,3,4", "<"), ("4,3,2,1", ">"), ("1,2", "<"), ("2,1", ">"),
                          ("1,2,3,4,5,6,7,8", "<"), ("8,7,6,5,4,3,2,1", ">"),
                          ("1, 2, 3, 4", "<"), (" 4,3,2,1 ", ">"))],
    *[good(f"order-of-16-bits-{text}", ORDER, rows=TWO, kinds=I16, order=order,
           changes={"$BYTEORD": text})
      for text, order in (("1,2", "<"), ("2,1", ">"), ("1,2,3,4", "<"), ("4,3,2,1", ">"))],
    *[good(f"order-of-24-bits-{text}", ORDER, rows=[[66051], [9]], kinds=("I24",), order=order,
           changes={"$BYTEORD": text}) for text, order in (("1,2,3,4", "<"), ("4,3,2,1", ">"))],
    *[good(f"order-of-64-bits-{text}", ORDER, rows=[[2**40 + 1], [9]], kinds=("I64",),
           order=order, changes={"$BYTEORD": text})
      for text, order in (("1,2,3,4,5,6,7,8", "<"), ("8,7,6,5,4,3,2,1", ">"))],
    *[good(f"order-of-doubles-{text}", ORDER, kinds=("D64", "D64"), order=order,
           changes={"$BYTEORD": text})
      for text, order in (("1,2,3,4,5,6,7,8", "<"), ("8,7,6,5,4,3,2,1", ">"))],
    bad("order-3,4,1,2", ORDER, "FCS-TYPE", rows=BIG, kinds=LONG, data=pdp(BIG),
        changes={"$BYTEORD": "3,4,1,2"}),
    bad("order-3,4,1,2-of-16-bits", ORDER, "FCS-TYPE", rows=TWO, kinds=I16,
        changes={"$BYTEORD": "3,4,1,2"}),
    *[bad(f"order-malformed-{n}", ORDER, "FCS-TYPE", "FCS-KEY", rows=BIG, kinds=LONG,
          changes={"$BYTEORD": text})
      for n, text in enumerate(("2,1,4,3", "3,4,1,2", "1,1,1,1", "0,1,2,3", "1234", "big",
                                "1;2;3;4", "", "1,2,3,4,5", None), start=1)],
    bad("order-missing-for-floats", ORDER, "FCS-TYPE", "FCS-KEY", changes={"$BYTEORD": None}),
    *[good(f"order-of-8-bits-{n}", ORDER, rows=[[1, 200]], kinds=("I8", "I8"),
           changes={"$BYTEORD": text}) for n, text in enumerate((None, "1", "3,4,1,2"))],
]  # fmt: skip

MODES: list[Hazard] = [
    *[bad(f"mode-{mode}", MODE, "FCS-MODE", changes={"$MODE": mode})
      for mode in ("C", "U", "H", "list", "LL", "0")],
    good("mode-lower-case", MODE, changes={"$MODE": "l"}),
    good("mode-with-blanks", MODE, changes={"$MODE": " L "}),
]  # fmt: skip

CORPUS = [*VERSIONS, *TYPES, *WIDTHS, *MASKS, *DECLARATIONS, *ORDERS, *MODES]
