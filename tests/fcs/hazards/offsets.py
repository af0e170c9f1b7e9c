"""Offsets: where HEADER and TEXT say that the events are, and where they are."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from hazards.entry import Exact, Hazard, bad, exact, good, raw, refused
from hazards.forge import ROWS, data_first, data_set, forge, head, put, text_end

LARGE = "offsets: HEADER 0,0 beyond 99,999,999 bytes (then TEXT rules)"
FAR = "offsets: end one too far (exclusive end) in HEADER, TEXT or both"
DIFFER = "offsets: HEADER and TEXT disagree"
WRITTEN = "offsets: left-justified, zero-padded, blank or non-numeric"
FIRST = "offsets: DATA before TEXT"
GAPS = "offsets: gaps"
TAIL = "offsets: trailing CRC or junk"
EQUAL = "offsets: begin equal to end"
CUT = "offsets: truncated by even one byte: refuse"
NOT_FCS = "offsets: not FCS at all (PNG, ZIP, CSV, empty): refuse"
AGREE = "the rule: $TOT x sum($PnB)/8, the DATA segment and the file's size agree"

NO_OFFSETS = {"$BEGINDATA": None, "$ENDDATA": None}


def _sparse(folder: Path) -> Path:
    """Write a file whose DATA stand beyond what a HEADER can say; the gap takes no disk."""
    begin = 100_000_128
    small = forge(changes={"$BEGINDATA": str(begin), "$ENDDATA": str(begin + 23)},
                  header_data=(0, 0))  # fmt: skip
    path = folder / "a.fcs"
    with path.open("wb") as stream:
        stream.write(small[:-24])
        stream.seek(begin)
        stream.write(small[-24:])
    return path


def _sparse_cut(folder: Path) -> Path:
    path = _sparse(folder)
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size - 1)
    return path


def _sparse_header(folder: Path) -> Path:
    """Let the HEADER hold the first eight of nine digits."""
    path = _sparse(folder)
    with path.open("r+b") as stream:
        stream.seek(26)
        stream.write(b"1000001210000015")
    return path


LARGE_FILES: list[Hazard] = [
    Hazard("large-file", LARGE, exact(), place=_sparse),
    Hazard("large-file-digits-lost", LARGE, exact(), place=_sparse_header),
    Hazard("large-file-cut-off", LARGE, refused("FCS-AGREE"), place=_sparse_cut),
    good("header-zeros", LARGE, header_data=(0, 0)),
    good("header-zeros-with-tail", LARGE, "FCS-TAIL-01", header_data=(0, 0), tail=b"x" * 99),
    bad("header-zeros-text-zeros", LARGE, "FCS-AGREE", header_data=(0, 0),
        changes={"$BEGINDATA": "0", "$ENDDATA": "0"}),
    bad("header-zeros-text-none", LARGE, "FCS-AGREE", header_data=(0, 0), changes=NO_OFFSETS),
    bad("header-zeros-text-blank", LARGE, "FCS-AGREE", header_data=(0, 0),
        changes={"$BEGINDATA": " ", "$ENDDATA": " "}),
    bad("header-zeros-text-exclusive-gap", LARGE, "FCS-AGREE", header_data=(0, 0),
        shift_text=(0, 1), gap=b"\0" * 5, tail=b"x" * 99),
]  # fmt: skip


FOUR_ZEROS = struct.unpack("<f", b"0000")[0]  # half of a CRC that was not computed


def _with_a_nul_before_data() -> bytes:
    """Return 16-bit values one byte behind their place; read as the offsets say."""
    content = forge(rows=[[50, 100], [51, 102]], kinds=("I16", "I16"))
    return content[:-8] + b"\0" + content[-8:]


def _far(name: str, header: int, text: int, *codes: str, **how: Any) -> Hazard:
    return good(
        f"end-too-far-{name}", FAR, *codes, shift=(0, header), shift_text=(0, text), **how
    )


TOO_FAR: list[Hazard] = [
    _far("header", 1, 0, "FCS-OFFSET-01"),
    _far("text", 0, 1, "FCS-OFFSET-01"),
    _far("both", 1, 1, "FCS-OFFSET-02"),
    _far("both-before-crc", 1, 1, "FCS-OFFSET-02", tail=b"00000000"),
    _far("both-before-junk", 1, 1, "FCS-OFFSET-02", "FCS-TAIL-01", tail=b"junk" * 50),
    _far("both-integers", 1, 1, "FCS-OFFSET-02", rows=[[1, 2, 3], [4, 5, 6]], kinds=("I8",
        ) * 3),
    _far("header-text-none", 1, 0, "FCS-OFFSET-02", "FCS-KEY-08", changes=NO_OFFSETS),
    _far("text-header-zeros", 0, 1, "FCS-OFFSET-02", header_data=(0, 0)),
    _far("header-of-zero-events", 1, 1, "FCS-EMPTY-01", rows=[]),
    _far("both-on-a-block", 1, 1, "FCS-OFFSET-02", "FCS-TAIL-01", align=256, tail=b"x" * 99),
    bad("end-too-far-in-a-gap-and-junk", FAR, "FCS-AGREE", shift=(0, 1), shift_text=(0, 1),
        gap=b"\0" * 5, tail=b"x" * 99),
    *[bad(f"end-too-far-by-{n}", FAR, "FCS-AGREE", shift=(0, n), shift_text=(0, n),
         tail=b"x" * 99)
      for n in (2, 4, 8)],
    *[bad(f"end-too-short-by-{n}", FAR, "FCS-AGREE", shift=(0, -n), shift_text=(0, -n))
      for n in (1, 2, 8)],
    bad("begin-too-early-by-1", FAR, "FCS-AGREE", shift=(-1, 0), shift_text=(-1, 0),
        gap=b"\0" * 5),
    bad("begin-too-late-by-1", FAR, "FCS-AGREE", shift=(1, 0), shift_text=(1, 0)),
    bad("moved-by-1-beyond-the-file", FAR, "FCS-AGREE", shift=(1, 1), shift_text=(1, 1)),
]  # fmt: skip

DISAGREEMENTS: list[Hazard] = [
    good("differ-header-longer", DIFFER, "FCS-OFFSET-01", shift=(0, 8), tail=b"x" * 8),
    good("differ-header-shorter", DIFFER, "FCS-OFFSET-01", shift=(0, -8)),
    good("differ-text-longer", DIFFER, "FCS-OFFSET-01", shift_text=(0, 8)),
    good("differ-text-earlier", DIFFER, "FCS-OFFSET-01", shift_text=(-8, 0)),
    good("differ-header-elsewhere", DIFFER, "FCS-OFFSET-01", header_data=(90000, 90023)),
    good("differ-text-elsewhere", DIFFER, "FCS-OFFSET-01",
         changes={"$BEGINDATA": "90000", "$ENDDATA": "90023"}),
    good("differ-text-absurd", DIFFER, "FCS-OFFSET-01",
         changes={"$BEGINDATA": "1", "$ENDDATA": "999999999999999999"}),
    good("differ-header-backwards", DIFFER, header_data=(500, 400)),
    bad("differ-both-fit", DIFFER, "FCS-AGREE", shift_text=(4, 4), tail=b"x" * 8),
    bad("differ-both-fit-by-one-byte", DIFFER, "FCS-AGREE", shift=(1, 1), tail=b"x" * 8),
    bad("differ-none-fits", DIFFER, "FCS-AGREE", shift=(0, 8), shift_text=(0, 16),
        tail=b"x" * 99),
    bad("differ-backwards-both", DIFFER, "FCS-AGREE", header_data=(500, 400),
        changes={"$BEGINDATA": "500", "$ENDDATA": "400"}),
    bad("data-within-supplement", DIFFER, "FCS-AGREE", "FCS-TEXT", shift=(34, 34),
        shift_text=(34, 34), extra=b"/$P2S/CD3/X/" + b"y" * 24 + b"/"),
    bad("end-far-within-data", DIFFER, "FCS-TEXT", "FCS-AGREE", end=10),
    *[bad(f"data-within-{name}", DIFFER, "FCS-AGREE", header_data=(begin, begin + 23),
          changes={"$BEGINDATA": str(begin), "$ENDDATA": str(begin + 23)})
      for name, begin in (("header", 5), ("text", 100), ("beginning-of-text", 58))],
]  # fmt: skip


def _words(name: str, *codes: str, **how: Any) -> Hazard:
    return good(f"written-{name}", WRITTEN, *codes, **how)


WRITTEN_HOW: list[Hazard] = [
    _words("left-justified", form="{!s:<8}"),
    _words("zero-padded", form="{!s:0>8}"),
    _words("nul-padded", form="{!s:\0<8}"),
    _words("centred", form="{!s:^8}"),
    _words("blank", header_data=("", "")),
    _words("blank-analysis", patch=lambda raw: put(raw, "analysis", "", "")),
    _words("stars-analysis", patch=lambda raw: put(raw, "analysis", "********", "x")),
    _words("stars", "FCS-OFFSET-03", header_data=("********", "********")),
    _words("letters", "FCS-OFFSET-03", header_data=("abc", "def")),
    _words("negative", "FCS-OFFSET-03", header_data=(-5, -1)),
    _words("fraction", "FCS-OFFSET-03", header_data=("512.0", "535.0")),
    _words("hex", "FCS-OFFSET-03", header_data=("0x200", "0x217")),
    _words("superscript", "FCS-OFFSET-03", header_data=("²", "³")),
    _words("text-zero-padded", changes={"$BEGINDATA": "@@@@@@@@@@@@",
        "$ENDDATA": "############"},
           patch=lambda raw: raw.replace(b"@" * 12, b"%012d" % (len(raw) - 24))
           .replace(b"#" * 12, b"%012d" % (len(raw) - 1))),
    _words("text-padded-with-blanks", changes={"$BEGINDATA": "@" * 12, "$ENDDATA": "#" * 12},
           patch=lambda raw: raw.replace(b"@" * 12, b"%12d" % (len(raw) - 24))
           .replace(b"#" * 12, b"%-12d" % (len(raw) - 1))),
    *[bad(f"written-text-{name}", WRITTEN, "FCS-KEY", "FCS-AGREE", header_data=(0, 0),
          changes={"$BEGINDATA": value, "$ENDDATA": value})
      for name, value in (("letters", "abc"), ("negative", "-5"), ("digits", "9" * 5000),
                          ("2-63", str(2**63)), ("stars", "*" * 8))],
    *[bad(f"written-text-segment-{name}", WRITTEN, "FCS-HEADER", "FCS-TEXT", "FCS-KEY",
          patch=lambda raw, begin=begin, end=end: put(raw, "text", begin, end))
      for name, begin, end in (("blank", "", ""), ("zero", 0, 0), ("letters", "abc", "def"),
                               ("negative", -58, 500), ("backwards", 500, 58),
                               ("beyond", 90000, 99000), ("in-header", 0, 57),
                               ("superscript", "²²", "³³³"))],
    bad("written-comma", WRITTEN, "FCS-HEADER", "FCS-AGREE", "FCS-TEXT", form="{!s:>7},"),
]  # fmt: skip

PLACES: list[Hazard] = [
    raw("data-first", FIRST, data_first, exact()),
    raw("data-first-with-tail", FIRST, lambda: data_first() + b"00000000", exact()),
    raw("data-first-cut-text", FIRST, lambda: data_first()[:-1], refused("FCS-TEXT")),
    raw("data-first-over-text", FIRST, lambda: put(data_first(), "data", 58, 82).replace(
        b"$ENDDATA/81/", b"$ENDDATA/82/"), refused("FCS-AGREE")),
    *[good(f"gap-{name}", GAPS, gap=gap) for name, gap in (
        ("1", b"\0"), ("7", bytes(7)), ("300", bytes(300)), ("100000", bytes(100_000)),
        ("blanks", b" " * 40), ("junk", b"\x01\x02\x7fjunk"), ("256", bytes(256)))],
    good("gap-that-fills-a-page", GAPS, gap=bytes(4096), tail=bytes(4096)),
    *[good(f"tail-{name}", TAIL, tail=tail) for name, tail in (
        ("crc", b"12345678"), ("no-crc", b"00000000"), ("crc-and-newline", b"00000000\n"),
        ("crc-of-four-digits", b"    4A3F"))],
    good("tail-of-one-nul", TAIL, "FCS-TAIL-01", tail=b"\0"),
    raw("nul-before-data", TAIL, _with_a_nul_before_data,
        Exact([[12800, 25600], [13056, 26112]], codes=frozenset({"FCS-TAIL-01"}))),
    *[good(f"tail-{name}", TAIL, "FCS-TAIL-02", tail=tail) for name, tail in (
        ("crlf", b"\r\n"), ("nuls", bytes(5000)), ("blanks", b" " * 99))],
    *[good(f"tail-{name}", TAIL, "FCS-TAIL-01", tail=tail) for name, tail in (
        ("crc-of-4", b"A1B2"), ("one", b"x"), ("junk", b"junk" * 100),
        ("keywords", b"/$PAR/9/$TOT/1/"), ("header", b"FCS3.1    "),
        ("another-file", forge(rows=[[9.0, 9.0]])), ("crc-cut", b"1234"),
        ("padding-then-junk", bytes(70_000) + b"x"))],
    good("tail-crc-swallowed", TAIL, "FCS-TAIL-03", rows=[[1.5, 2.5], [FOUR_ZEROS] * 2]),
    good("equal-one-byte", EQUAL, rows=[[7]], kinds=("I8",)),
    bad("equal-three-events", EQUAL, "FCS-AGREE", shift=(0, -23), shift_text=(0, -23)),
    good("equal-no-events", EQUAL, "FCS-EMPTY-01", rows=[], shift=(0, 1), shift_text=(0, 1)),
    bad("equal-no-total", EQUAL, "FCS-AGREE", "FCS-KEY", changes={"$TOT": None},
        shift=(0, -23), shift_text=(0, -23)),
    good("analysis-beyond-the-file", DIFFER, patch=lambda raw: put(raw, "analysis", 9999,
        99999)),
]  # fmt: skip


def _cut(name: str, by: int, *codes: str, **how: Any) -> Hazard:
    return bad(f"cut-{name}", CUT, *codes, patch=lambda raw: raw[:-by], **how)


CUTS: list[Hazard] = [
    *[_cut(f"by-{n}", n, "FCS-AGREE") for n in (1, 2, 4, 8, 9, 23, 24)],
    *[_cut(f"integers-by-{n}", n, "FCS-AGREE", rows=[[1, 2], [3, 4]], kinds=("I16", "I8"))
      for n in (1, 3, 5)],
    _cut("exclusive-ends", 1, "FCS-AGREE", shift=(0, 1), shift_text=(0, 1)),
    _cut("header-zeros", 1, "FCS-AGREE", header_data=(0, 0)),
    _cut("fcs-2-no-offsets-in-text", 1, "FCS-AGREE", version="FCS2.0", changes=NO_OFFSETS),
    _cut("by-one-event-of-many", 4, "FCS-AGREE", rows=[[float(n)] for n in range(5000)],
         kinds=("F32",)),
    _cut("within-text", 60, "FCS-TEXT", "FCS-AGREE"),
    raw("cut-in-the-middle-of-text", CUT, lambda: forge()[:150], refused("FCS-TEXT")),
    raw("cut-behind-the-header", CUT, lambda: forge()[:58], refused("FCS-TEXT")),
    raw("cut-one-byte-into-text", CUT, lambda: forge()[:59], refused("FCS-TEXT")),
    raw("cut-within-the-header", CUT, lambda: forge()[:57], refused("FCS-HEADER")),
    raw("cut-to-the-version", CUT, lambda: forge()[:6], refused("FCS-HEADER")),
    raw("cut-at-the-end-of-text", CUT, lambda: forge()[: text_end(forge()) + 1],
        refused("FCS-AGREE")),
    raw("cut-tail-only", CUT, lambda: forge(tail=b"12345678")[:-8], exact()),
    raw("cut-by-an-event-in-the-middle", CUT, lambda: forge()[:-24] + forge()[-16:],
        refused("FCS-AGREE")),
    # the file does hold zeros; what was lost of TEXT is reported
    raw("nuls-for-the-second-half", CUT, lambda: forge()[:200] + bytes(len(forge()) - 200),
        exact([[0.0, 0.0]] * 3, "FCS-TEXT-09")),
    raw("cut-newlines-converted", CUT, lambda: forge(data=b"\0\r\n\0" * 6).replace(
        b"\r\n", b"\n"), refused("FCS-AGREE")),
]  # fmt: skip

OTHER_FILES = {
    "empty": b"", "one-byte": b"F", "blank": b" " * 100,
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "zip": b"PK\x03\x04" + bytes(100), "gzip": b"\x1f\x8b\x08" + bytes(100),
    "csv": b"case_id,path\n1,a.fcs\n" * 9, "html": b"<!DOCTYPE html><html></html>" * 9,
    "58-nuls": bytes(58), "58-blanks": b" " * 58, "utf-16": "FCS3.1    ".encode("utf-16") * 9,
    "pdf": b"%PDF-1.7" + bytes(100), "xml": b"<?xml version='1.0'?>" * 9,
    "hdf5": b"\x89HDF\r\n\x1a\n",
    "nuls-1-MB": bytes(1 << 20), "newlines": b"\n" * 200,
}  # fmt: skip

NOT_FILES: list[Hazard] = [
    *[raw(f"not-fcs-{name}", NOT_FCS, lambda content=content: content, refused("FCS-HEADER"))
      for name, content in OTHER_FILES.items()],
    raw("not-fcs-byte-order-mark", NOT_FCS, lambda: b"\xef\xbb\xbf" + forge(),
        refused("FCS-HEADER")),
    raw("not-fcs-leading-blank", NOT_FCS, lambda: b" " + forge(), refused("FCS-HEADER")),
    raw("not-fcs-header-of-zeros", NOT_FCS, lambda: b"FCS3.1    " + b"       0" * 6,
        refused("FCS-HEADER", "FCS-TEXT")),
    raw("not-fcs-header-only", NOT_FCS, lambda: head((58, 500), (501, 600)),
        refused("FCS-TEXT")),
    raw("not-fcs-header-and-junk", NOT_FCS, lambda: head((58, 500), (501, 600))
        + bytes(range(256)) * 4, refused("FCS-TEXT", "FCS-KEY")),
    raw("not-fcs-text-of-nuls", NOT_FCS, lambda: head((58, 500), (501, 600)) + bytes(600),
        refused("FCS-TEXT")),
]  # fmt: skip


def _never_more(name: str, **changes: str) -> Hazard:
    """Return a small file that claims terabytes."""
    return bad(
        f"claims-{name}", AGREE, "FCS-AGREE", "FCS-KEY", "FCS-TYPE", "FCS-TEXT", changes=changes
    )


CLAIMS: list[Hazard] = [
    _never_more("events", **{"$TOT": str(10**15)}),
    _never_more("events-and-offsets", **{"$TOT": str(10**12),
    "$ENDDATA": str(8 * 10**12 + 500)}),
    _never_more("data-end", **{"$TOT": str(10**8), "$BEGINDATA": "1000",
                               "$ENDDATA": str(1000 + 8 * 10**8 - 1)}),
    bad("claims-header-data-end", AGREE, "FCS-AGREE", header_data=(1000, 99999999),
        changes={"$TOT": "12499875", **NO_OFFSETS}),
    bad("claims-10000-channels", AGREE, "FCS-KEY", "FCS-AGREE", changes={"$PAR": "10000"}),
    bad("claims-supplement", AGREE, "FCS-AGREE", "FCS-TEXT", changes={"$TOT": str(10**10),
        "$BEGINSTEXT": "58", "$ENDSTEXT": str(10**12)}),
    raw("claims-every-channel-of-10000", AGREE, lambda: forge([[0] * 10_000], ("I8",) * 10_000,
        changes={"$TOT": "1000000"}), refused("FCS-AGREE")),
    raw("channels-10000", AGREE, lambda: forge([[7] * 10_000], ("I8",) * 10_000),
        exact([[7] * 10_000])),
    raw("data-set-of-one-byte-more", AGREE, lambda: data_set(tail=b"x").replace(b"@" * 8,
        b"00000000"),
        Exact(ROWS, codes=frozenset({"FCS-TAIL-01"}))),
]  # fmt: skip

CORPUS = [
    *LARGE_FILES, *TOO_FAR, *DISAGREEMENTS, *WRITTEN_HOW, *PLACES, *CUTS, *NOT_FILES, *CLAIMS,
]  # fmt: skip
