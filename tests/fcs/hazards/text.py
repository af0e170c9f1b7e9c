"""TEXT: delimiters, empty values, ends, padding, letters, duplicates, sizes, supplements."""

from __future__ import annotations

from functools import partial

from hazards.entry import Hazard, Matrix, bad, exact, good, raw, refused
from hazards.forge import ROWS, forge, head, join, put, text_end

DELIMITER = "TEXT: any delimiter, including those that are special in a regular expression"
DOUBLED = "TEXT: doubled (escaped) delimiters"
EMPTY = "TEXT: empty values"
TWO_WAYS = "TEXT: one text, two readings: the one with the required keywords, and a finding"
FINAL = "TEXT: a missing final delimiter"
END = "TEXT: a segment end one too far or too short"
PADDING = "TEXT: trailing blanks, NULs, CRLF"
CASE = "TEXT: lower-case keys"
BLANKS = "TEXT: blanks around numbers and enumerations"
DOUBLE = "TEXT: duplicate keywords"
LETTERS = "TEXT: UTF-8, latin-1"
DOLLAR = "TEXT: `$` inside a value"
BESIDE = "TEXT: non-standard keywords such as PAR or P1N beside $PAR"
LARGE = "TEXT: a value of megabytes; 100,000 keywords; 1 MB of delimiters"
EXTRA = "TEXT: supplemental TEXT is read"

MARKS = {
    "slash": "/", "bar": "|", "backslash": "\\", "star": "*", "dot": ".", "caret": "^",
    "open": "(", "close": ")", "bracket": "[", "closing-bracket": "]", "question": "?",
    "plus": "+", "brace": "{", "space": " ", "tab": "\t", "newline": "\n", "return": "\r",
    "01": "\x01", "formfeed": "\x0c", "1e": "\x1e", "7e": "~", "comma": ",", "semicolon": ";",
    "bang": "!", "hash": "#", "at": "@", "equals": "=", "minus": "-", "quote": '"',
    "percent": "%",
    "ampersand": "&", "letter-Q": "Q",
}  # fmt: skip


def _delimiter(name: str, mark: str) -> Hazard:
    """Return a file with a delimiter that stands in two of its values as well."""
    see = {"$FIL": f"a{mark}b", "$COM": f"x{mark}y{mark}z"}
    return good(f"delimiter-{name}", DELIMITER, delimiter=mark, changes=see, see=see)


DELIMITERS: list[Hazard] = [
    *[_delimiter(name, mark) for name, mark in MARKS.items()],
    # a keyword must not begin with the delimiter, and the required ones begin with "$"
    bad("delimiter-dollar", DELIMITER, "FCS-TEXT", "FCS-KEY", delimiter="$"),
    bad("delimiter-dollar-not-doubled", DELIMITER, "FCS-TEXT", "FCS-KEY", delimiter="$",
        double=False),
    good("doubled-runs", DOUBLED, changes={"$COM": "a//b///c////d"},
         see={"$COM": "a//b///c////d"}),
    good("doubled-at-the-end", DOUBLED, changes={"$COM": "folder/"}, see={"$COM": "folder/"}),
    good("doubled-in-a-path", DOUBLED, changes={"$FIL": "C:\\data\\a.fcs"}, delimiter="\\",
         see={"$FIL": "C:\\data\\a.fcs"}),
    good("doubled-in-a-label", DOUBLED, changes={"$P2S": "HLA/DR"}, labels=("", "HLA/DR")),
    good("doubled-in-a-name", DOUBLED, changes={"$P2N": "A/B"}, names=("FL1", "A/B")),
    good("doubled-in-the-last-value", DOUBLED, after=b"ZZ/a//b/", see={"ZZ": "a/b"}),
    # a value must not begin with the delimiter either: what precedes it may be lost
    good("doubled-at-the-beginning", TWO_WAYS, "FCS-TEXT-*", changes={"$COM": "/data/a"}),
    # it looks like a keyword of its own
    good("not-doubled-pair-in-a-value", DOUBLED, before=b"NOTE/a/b/c/", see={"NOTE": "a"}),
    bad("not-doubled-in-a-value", DOUBLED, "FCS-KEY", "FCS-TEXT", "FCS-TYPE", "FCS-AGREE",
        before=b"NOTE/a/b/"),
    good("not-doubled-behind-all", DOUBLED, "FCS-TEXT-09", after=b"NOTE/a/b/"),
]  # fmt: skip

LOG = {"rows": [[0], [512]], "kinds": ("I16",), "ranges": ("1024",),
       "linear": [[1.0], [100.0]], "changes": {"$P1E": None, "$P1G": None}}  # fmt: skip
EMPTIES: list[Hazard] = [
    *[good(f"empty-before-{name}", EMPTY, "FCS-TEXT-01", before=text.encode(), **more)
      for name, text, more in (
          ("standard", "$SRC//", {}),
          ("custom", "EXPERIMENT//MYKEY/x/", {"see": {"MYKEY": "x", "EXPERIMENT": ""}}),
          ("two-custom", "A//B//C/x/", {"see": {"A": "", "B": "", "C": "x"}}),
          ("label", "$SRC//$P2S/CD19/", {"labels": ("", "CD19")}),
          ("lower-case", "$SRC//$cyt/x/", {"see": {"$CYT": "x"}}),
          ("spill", "EXPERIMENT//SPILL/2,FL1,FL2,1,.1,.2,1/",
           {"spillover": Matrix(("FL1", "FL2"), [[1, 0.1], [0.2, 1]])}),
          ("spillover", "$SRC//$SPILLOVER/2,FL1,FL2,1,.1,.2,1/",
           {"spillover": Matrix(("FL1", "FL2"), [[1, 0.1], [0.2, 1]])}),
          ("coulter", "$SRC//$CYT/x/", {}),
          ("blank-value", "$SRC//$OP/ /$CYT/x/", {"see": {"$OP": "", "$CYT": "x"}}))],
    good("empty-before-amplifier", EMPTY, "FCS-TEXT-01", before=b"$SRC//$P1E/4,1/", **LOG),
    good("empty-first", EMPTY, "FCS-TEXT-01", before=b"$CELLS//"),
    good("empty-everywhere", EMPTY, "FCS-TEXT-01",
         before=b"$SRC//$OP//$EXP//$PROJ//$CELLS//$SMNO//"),
    good("empty-last", EMPTY, after=b"$FIL//", see={"$FIL": ""}),
    good("empty-last-two", EMPTY, after=b"$OP//$FIL//", see={"$FIL": "", "$OP": ""}),
    *[good(f"empty-with-{name}", EMPTY, "FCS-TEXT-01", delimiter=mark,
           before=f"$SRC{mark * 2}$OP{mark * 2}".encode(), see={"$SRC": "", "$OP": ""})
      for name, mark in (("backslash", "\\"), ("tab", "\t"), ("bar", "|"), ("formfeed", "\x0c"),
                         ("space", " "), ("newline", "\n"))],
    good("empty-and-doubled", TWO_WAYS, "FCS-TEXT-01", before=b"EXPERIMENT//$CYT/q/NOTE/p//q/",
         see={"$CYT": "q"}),
    # no key is empty: a value goes on behind a doubled delimiter where one would be
    good("empty-and-doubled-label", TWO_WAYS, "FCS-TEXT-01", before=b"$SRC//$P2S/HLA//DR/",
         labels=("", "HLA/DR")),
    good("empty-and-doubled-name", TWO_WAYS, "FCS-TEXT-01", before=b"$SRC//$P2N/A//B/",
         changes={"$P2N": None}, names=("FL1", "A/B")),
    good("empty-and-doubled-gain", TWO_WAYS, "FCS-TEXT-01", before=b"$SRC..", delimiter=".",
         changes={"$P1G": "2.5"}, linear=[[0.6, 2.5], [1.4, 4.5], [2.2, -6.5]]),
    good("empty-and-doubled-amplifier", TWO_WAYS, "FCS-TEXT-01", before=b"$SRC..",
        delimiter=".",
         rows=[[0], [512]], kinds=("I16",), ranges=("1024",), changes={"$P1E": "4.0,0.1024"},
         linear=[[0.1024], [10.24]]),
    good("empty-and-doubled-order", TWO_WAYS, "FCS-TEXT-01", before=b"$SRC,,", delimiter=",",
         order=">"),
    good("empty-and-doubled-spill", TWO_WAYS, "FCS-TEXT-01", before=b"$SRC..", delimiter=".",
         changes={"SPILL": "2,FL1,FL2,1,0.1,0.2,1"},
         spillover=Matrix(("FL1", "FL2"), [[1, 0.1], [0.2, 1]])),
    good("empty-and-doubled-coulter", TWO_WAYS, "FCS-TEXT-01", "SPILL-DFC",
         before=b"$SRC..", delimiter=".", rows=[[1, 2]], kinds=("I16", "I16"),
         changes={"$DFC1TO2": "10.5"},
         spillover=Matrix(("FL1", "FL2"), [[1, 0.105], [0, 1]])),
    good("empty-and-doubled-before-spill", TWO_WAYS, "FCS-TEXT-01",
         before=b"EXPERIMENT//SPILL/2,FL1,FL2,1,.1,.2,1/NOTE/p//q/", see={"NOTE": "p/q"},
         spillover=Matrix(("FL1", "FL2"), [[1, 0.1], [0.2, 1]])),
    good("empty-and-doubled-runs", TWO_WAYS, "FCS-TEXT-01", before=b"$SRC,,", delimiter=",",
         changes={"$COM": "a,,b,", "$P2S": ",CD19"}, see={"$COM": "a,,b,"},
         labels=("", ",CD19")),
    good("doubled-behind-keys-alone", TWO_WAYS, "FCS-TEXT-01", before=b"A//////B/x/",
         see={"A": "//", "B": "x"}),
    # keys and values change places, and back again where a delimiter is doubled
    good("doubled-in-a-key-for-a-value", TWO_WAYS, "FCS-TEXT-01", "FCS-TEXT-07",
         before=b"NOTE.x.y.SPILL.2,FL1,FL2,1,0..1,0..2,1.$CYT.A.B.", delimiter="."),
    # a value that ends with a delimiter that was not doubled; keys and values change places
    bad("doubled-before-a-key", TWO_WAYS, "FCS-TEXT", before=b"$SRC/x//$P1G/2/"),
    bad("doubled-before-spill", TWO_WAYS, "FCS-TEXT",
        after=b"$SRC/x//SPILL/2,FL1,FL2,1,.1,.2,1/NOTE/"),
    good("doubled-before-a-key-in-a-comment", TWO_WAYS, "FCS-TEXT-07",
         before=b"$COM/see $P1N//$P2N/", see={"$COM": "see $P1N/$P2N"}),
    good("doubled-before-a-key-at-the-end", TWO_WAYS, "FCS-TEXT-07",
         after=b"$COM/see $P1N//$P2N/", see={"$COM": "see $P1N/$P2N"}),
    bad("empty-key", EMPTY, "FCS-KEY", "FCS-TEXT", "FCS-TYPE", "FCS-AGREE", before=b"/x/y/"),
    bad("empty-total-before-others", EMPTY, "FCS-KEY", "FCS-TEXT", "FCS-AGREE",
        changes={"$PAR": None}, before=b"$PAR//"),
]  # fmt: skip

SPILL = "2,FL1,FL2,1,0.2,0.1,1"
MATRIX = Matrix(("FL1", "FL2"), [[1, 0.2], [0.1, 1]])
HUNDREDFOLD = [[value / 100, other] for value, other in ROWS]  # $P1G is 100


def _swallowed(name: str, lost: dict[str, str], first: str, second: str) -> Hazard:
    """Return a file in which two delimiters that are not doubled enclose keywords."""
    changes = {first: "a/b", **lost, second: "c/d"}
    return good(f"not-doubled-around-{name}", DOUBLED, "FCS-TEXT-07", changes=changes,
                double=False, see={first: "a"})  # fmt: skip


SWALLOWED: list[Hazard] = [
    _swallowed("gain", {"$P1G": "10"}, "$COM", "$SRC"),
    _swallowed("gain-and-matrix", {"$P1G": "10", "SPILL": SPILL}, "$P1S", "$P2S"),
    _swallowed("matrix", {"SPILL": SPILL}, "$COM", "$SRC"),
    _swallowed("lower-case", {"$p1g": "10"}, "$COM", "NOTE"),
    # what stands in the place of a value is not read, though it stands as a keyword as well
    good("not-doubled-around-the-first-of-two", DOUBLED, "FCS-TEXT-07",
         before=b"$COM/a/b/$P1G/10/$SRC/c/d/", changes={"$P1G": "2"},
         linear=[[value / 2, other] for value, other in ROWS]),
]  # fmt: skip

ODD_ROWS = [[1.10009765625, 2.5], [3.5, 4.5]]


def _end(name: str, by: int, code: str, **how: object) -> Hazard:
    return good(f"text-end-{name}", END, code, rows=ODD_ROWS, end=by, changes={"ZZ": "12"},
                see={"ZZ": "12"}, **how)  # fmt: skip


def _without_final(pad: bytes = b"", gap: bytes = b"") -> bytes:
    """Return a file whose TEXT lacks its last delimiter."""
    return forge(after=b"ZZ/end", pad=pad, gap=gap)


def _early(name: str, **how: object) -> Hazard:
    """Return a file whose DATA are said to begin before the last delimiter of TEXT."""
    return bad(f"text-end-within-early-data-{name}", END, "FCS-AGREE", kinds=("I16", "I16"),
               rows=[[n, 2 * n] for n in range(50, 120)], **how)  # fmt: skip


def _rest(name: str, rest: str, *codes: str) -> Hazard:
    """Return a file in which whole keywords stand behind the end of TEXT."""
    how = {"after": rest.encode(), "end": -len(rest)}
    name = f"text-end-at-a-key-{name}"
    if not codes:
        return bad(name, END, "FCS-TEXT", **how)
    return good(name, END, *codes, linear=HUNDREDFOLD, spillover=MATRIX, **how)


ENDS: list[Hazard] = [
    _end("one-too-far", 1, "FCS-TEXT-08"),
    _end("two-too-far", 2, "FCS-TEXT-08"),
    _end("one-too-short", -1, "FCS-TEXT-11"),
    _end("two-too-short", -2, "FCS-TEXT-06"),
    _end("three-too-short", -3, "FCS-TEXT-06"),
    _end("twenty-too-short", -20, "FCS-TEXT-06"),
    *[good(f"text-end-within-total-{by}", END, code, end=-by, rows=[[float(n)] for n in
           range(120)], kinds=("F32",), changes={"$TOT": None}, after=b"$TOT/120/")
      for by, code in ((1, "FCS-TEXT-11"), (2, "FCS-TEXT-06"), (3, "FCS-TEXT-06"))],
    *[good(f"text-end-one-too-far-into-{name}", END, end=1, gap=gap)
      for name, gap in (("nul", b"\0" * 6), ("blank", b" " * 6))],
    good("text-end-one-too-far-before-supplement", END, end=1, gap=b"\0",
         extra=b"/$P2S/CD19/", labels=("", "CD19")),
    good("text-end-one-too-short-before-gap", END, "FCS-TEXT-11", end=-1, gap=b"\0" * 9),
    *[_early(f"{name}-{by}", **dict.fromkeys(shifts, (-by, -by)))
      for by in (1, 2)
      for name, shifts in (("both", ("shift", "shift_text")), ("header", ("shift",)))],
    *[_early(f"text-{by}", header_data=(0, 0), shift_text=(-by, -by)) for by in (1, 2)],
    _early("one-end-short", end=-1, shift=(-1, -1), shift_text=(-1, -1)),
    _rest("line", f"$COM/a\r\n\tb/SPILL/{SPILL}/$P1G/100/", "FCS-TEXT-06"),
    _rest("control", f"$COM/a\x01b/SPILL/{SPILL}/$P1G/100/"),
    _rest("without-final", "$P1G/100"),
    _rest("without-value", f"SPILL/{SPILL}/$P1G/"),
    bad("text-end-at-its-beginning", END, "FCS-TEXT", "FCS-HEADER", "FCS-KEY",
        patch=lambda raw: put(raw, "text", end=58)),
    bad("text-end-beyond-the-file", END, "FCS-TEXT", patch=lambda raw: put(raw, "text",
        end=9999)),
    bad("text-end-of-eight-nines", END, "FCS-TEXT",
        patch=lambda raw: put(raw, "text", end=99999999)),
    good("text-end-before-the-offsets", END, "FCS-TEXT-06", end=-30, header_data=(0, 0)),
    good("text-behind-a-gap", END, lead=b" " * 198),
    good("text-behind-a-gap-of-nuls", END, lead=bytes(6)),
    bad("text-behind-a-blank", END, "FCS-TEXT", "FCS-KEY", lead=b" ",
        patch=lambda raw: put(raw, "text", begin=58)),
    bad("text-begin-one-too-early", END, "FCS-TEXT", "FCS-KEY", "FCS-HEADER",
        patch=lambda raw: put(raw, "text", begin=50)),
    bad("text-begin-one-too-late", END, "FCS-TEXT", "FCS-KEY",
        patch=lambda raw: put(raw, "text", begin=59)),
    raw("final-delimiter-missing", FINAL, _without_final, exact(ROWS, "FCS-TEXT-02")),
    raw("final-delimiter-missing-blanks", FINAL, partial(_without_final, b"   "),
        exact(ROWS, "FCS-TEXT-02", keywords={"ZZ": "end"})),
    raw("final-delimiter-missing-nuls", FINAL, partial(_without_final, b"\0\0"),
        exact(ROWS, "FCS-TEXT-02", keywords={"ZZ": "end"})),
    raw("final-delimiter-missing-crlf", FINAL, partial(_without_final, b"\r\n"),
        exact(ROWS, "FCS-TEXT-02", keywords={"ZZ": "end"})),
    raw("final-delimiter-missing-gap", FINAL, partial(_without_final, b"", b"\0" * 4),
        exact(ROWS, "FCS-TEXT-02")),
    raw("final-value-missing", FINAL, lambda: forge(after=b"$OP/me/$FIL/"),
        exact(ROWS, "FCS-TEXT-09", keywords={"$OP": "me"})),
    *[good(f"padding-{name}", PADDING, pad=pad, see={"$MODE": "L"}) for name, pad in (
        ("blank", b" "), ("blanks", b" " * 500), ("nuls", b"\0" * 500), ("crlf", b"\r\n"),
        ("newline", b"\n"), ("all", b" \r\n\0 \0"))],
    good("padding-tabs-with-backslash", PADDING, delimiter="\\", pad=b"   \0"),
    good("padding-nuls-after-formfeed", PADDING, delimiter="\x0c", pad=b"\0" * 9),
]  # fmt: skip

LETTER: list[Hazard] = [
    good("keys-lower-case", CASE, changes={"$PAR": None, "$par": "2", "$TOT": None,
        "$tot": "3"}),
    good("keys-mixed-case", CASE, changes={"$P1B": None, "$p1b": "32", "$DATATYPE": None,
                                           "$DataType": "F", "$BYTEORD": None,
                                           "$ByteOrd": "1,2,3,4"}),
    good("keys-lower-case-names", CASE, changes={"$P1N": None, "$p1n": "A"}, names=("A",
        "FL2")),
    good("keys-lower-case-gain", CASE, changes={"$p1g": "2"},
         linear=[[0.75, 2.5], [1.75, 4.5], [2.75, -6.5]]),
    good("keys-lower-case-spill", CASE, changes={"spill": "2,FL1,FL2,1,.1,.2,1"},
         spillover=Matrix(("FL1", "FL2"), [[1, 0.1], [0.2, 1]])),
    good("keys-with-blanks", CASE, changes={"$PAR": None, " $PAR ": "2"}),
    *[good(f"blanks-around-{key.strip('$')}", BLANKS, changes={key: value}) for key, value in (
        ("$PAR", " 2 "), ("$TOT", "   3"), ("$MODE", "L  "), ("$DATATYPE", " F"),
        ("$BYTEORD", " 1,2,3,4 "), ("$P1B", "\t32"), ("$P1E", " 0 , 0 "), ("$P1G", " 1.0 "))],
    *[good(f"number-written-{n}", BLANKS, changes={"$TOT": value})
      for n, value in enumerate(("+3", "003", "3.0", "3.", "3\r\n"), start=1)],
    good("utf-8-label", LETTERS, changes={"$P2S": "Größe μ 抗体"}, labels=("", "Größe μ 抗体")),
    good("latin-1-label", LETTERS, "FCS-TEXT-04", after="$P2S/Größe/".encode("latin-1"),
         labels=("", "Größe")),
    good("utf-8-beside-latin-1", LETTERS, "FCS-TEXT-04", after="$P1S/µ/".encode()
         + "$P2S/µ/".encode("latin-1"), labels=("µ", "µ")),
    good("bytes-that-are-no-letters", LETTERS, "FCS-TEXT-04", after=b"$COM/\xff\xfe\x80\x01/"),
    good("utf-8-name", LETTERS, changes={"$P1N": "β-A"}, names=("β-A", "FL2")),
    good("nul-in-a-value", LETTERS, after=b"$COM/a\0b/"),
    good("newline-in-a-value", LETTERS, after=b"$COM/a\r\nb/", see={"$COM": "a\r\nb"}),
    *[good(f"dollar-in-{name}", DOLLAR, before=f"$COM/{value}/".encode(), see={"$COM": value})
      for name, value in (("price", "costs $5"), ("key", "$TOT"), ("key-of-par", "$PAR"),
                          ("names", "$P1N=CD3,$P2N=CD4"), ("dollars", "$$$"))],
    good("beside-par", BESIDE, before=b"PAR/99/TOT/7/MODE/C/DATATYPE/I/BYTEORD/4,3,2,1/"),
    good("beside-channel", BESIDE, before=b"P1N/no/P1B/8/P1E/4,1/P1G/9/P1R/7/P1S/no/",
         names=("FL1", "FL2"), labels=("", "")),
    good("beside-offsets", BESIDE, before=b"BEGINDATA/0/ENDDATA/9999999/NEXTDATA/70/"),
    good("beside-at", BESIDE, before=b"@P1GAIN/5.0/@P1E/4,1/#P1E/4,1/&1E/4,1/"),
    good("beside-par-alone", BESIDE, after=b"PAR/1/P2N/x/"),
    bad("par-without-dollar", BESIDE, "FCS-KEY", changes={"$PAR": None, "PAR": "2"}),
    good("double-same", DOUBLE, after=b"$PAR/2/$TOT/3/$MODE/L/"),
    good("double-different", DOUBLE, "FCS-TEXT-03", after=b"$FIL/a/$FIL/b/", see={"$FIL": "a"}),
    good("double-range", DOUBLE, "FCS-TEXT-03", rows=[[0x83FF], [0x8001]], kinds=("I16",),
         ranges=("1024",), after=b"$P1R/65536/", stored=[[1023], [1]]),
    good("double-in-another-case", DOUBLE, "FCS-TEXT-03", after=b"$fil/a/$FIL/b/"),
    good("double-total-right-first", DOUBLE, "FCS-TEXT-03", after=b"$TOT/5/"),
    good("double-order", DOUBLE, "FCS-TEXT-03", after=b"$BYTEORD/4,3,2,1/"),
    good("double-type", DOUBLE, "FCS-TEXT-03", after=b"$DATATYPE/I/"),
    good("double-gain", DOUBLE, "FCS-TEXT-03", after=b"$P1G/2/$P1G/4/",
         linear=[[0.75, 2.5], [1.75, 4.5], [2.75, -6.5]]),
    bad("double-total-wrong-first", DOUBLE, "FCS-AGREE", before=b"$TOT/5/"),
    bad("double-par-wrong-first", DOUBLE, "FCS-AGREE", "FCS-KEY", before=b"$PAR/1/"),
]  # fmt: skip


def _slashes() -> bytes:
    """Return a HEADER and a TEXT of nothing but delimiters."""
    text = b"/" * 1_000_000
    return head((58, 57 + len(text)), (0, 0)) + text


def _many_keywords(count: int = 100_000) -> bytes:
    return forge(before=b"".join(b"KEY%d/%d/" % (n, n) for n in range(count)))


SIZES: list[Hazard] = [
    raw("value-of-4-MB", LARGE, lambda: forge(changes={"$COM": "x" * 4_000_000}),
        exact(ROWS, names=("FL1", "FL2"))),
    raw("value-of-17-MB", LARGE, lambda: forge(changes={"$COM": "x" * (17 << 20)}),
        refused("FCS-TEXT")),
    raw("keyword-of-1-MB", LARGE, lambda: forge(changes={"K" * 1_000_000: "x"}), exact(ROWS)),
    raw("keywords-100000", LARGE, _many_keywords, exact(ROWS, keywords={"KEY99999": "99999"})),
    raw("keywords-100000-equal", LARGE, lambda: forge(before=b"KEY/1/" * 100_000),
        exact(ROWS, keywords={"KEY": "1"})),
    raw("keywords-100000-empty", LARGE, lambda: forge(before=b"".join(
        b"KEY%d//" % n for n in range(100_000))), exact(ROWS, "FCS-TEXT-01")),
    raw("delimiters-1-MB", LARGE, _slashes, refused("FCS-TEXT")),
    raw("delimiters-1-MB-in-a-value", LARGE,
        lambda: forge(changes={"$COM": "a" + "/" * 500_000}),
        exact(ROWS)),
    raw("amplifier-of-1-MB-of-commas", LARGE, lambda: forge(changes={"$P1E": "," * 1_000_000}),
        exact(ROWS, "FCS-KEY-03")),
    raw("spillover-of-1-MB-of-commas", LARGE, lambda: forge(changes={"SPILL": "," * 1_000_000}),
        exact(ROWS, "SPILL-NONE")),
    raw("blanks-1-MB", LARGE, lambda: forge(changes={"$TOT": " " * 1_000_000 + "3"}),
        exact(ROWS)),
]  # fmt: skip


def _extra(name: str, pairs: list[tuple[str, str]], *codes: str, **more: object) -> Hazard:
    text = b"/" + join(pairs, "/")
    return good(f"supplement-{name}", EXTRA, *codes, extra=text, **more)


TO_CUT = f"/SPILL/{SPILL}/$P1G/100/".encode()


def _cut_supplement(by: int, gap: bytes, tail: bytes, text: bytes = TO_CUT) -> bytes:
    """Return a file whose supplemental TEXT is said to end too early, before DATA or at last.

    `gap` or `tail` holds it, as ``%s``.
    """
    whole = forge(gap=gap.replace(b"%s", text), tail=tail.replace(b"%s", text),
                  changes=_supplement_at("@" * 8, "#" * 8))  # fmt: skip
    begin = whole.index(text)
    end = begin + len(text) - 1 - by
    return whole.replace(b"@" * 8, b"%08d" % begin).replace(b"#" * 8, b"%08d" % end)


def _supplement_at(begin: object, end: object) -> dict[str, str]:
    return {"$BEGINSTEXT": str(begin), "$ENDSTEXT": str(end)}


SUPPLEMENTS: list[Hazard] = [
    _extra("labels", [("$P1S", "CD19"), ("$P2S", "CD3")], labels=("CD19", "CD3")),
    _extra("names", [("$P2N", "Z")], changes={"$P2N": None}, names=("FL1", "Z")),
    _extra("total", [("$TOT", "3")], changes={"$TOT": None}),
    _extra("spillover", [("$SPILLOVER", "2,FL1,FL2,1,.1,.2,1")],
           spillover=Matrix(("FL1", "FL2"), [[1, 0.1], [0.2, 1]])),
    _extra("gain", [("$P1G", "2")], linear=[[0.75, 2.5], [1.75, 4.5], [2.75, -6.5]]),
    _extra("range", [("$P1R", "1024")], changes={"$P1R": None}, rows=[[0x83FF], [0x8001]],
           kinds=("I16",), stored=[[1023], [1]]),
    _extra("that-disagrees", [("$PAR", "7"), ("$P2S", "CD3")], "FCS-TEXT-03", labels=("",
        "CD3")),
    _extra("that-repeats", [("$PAR", "2")]),
    good("supplement-of-another-delimiter", EXTRA, extra=b"|$P2S|CD3|", labels=("", "CD3")),
    good("supplement-without-final-delimiter", EXTRA, extra=b"/$P2S/CD3", labels=("", "CD3")),
    good("supplement-none", EXTRA, changes=_supplement_at(0, 0)),
    *[good(f"supplement-at-{name}", EXTRA, "FCS-TEXT-05", changes=_supplement_at(*where))
      for name, where in (("nowhere", (500000, 600000)), ("x", ("x", "y")),
                          ("negative", (-5, -1)), ("backwards", (400, 300)),
                          ("huge", (58, 2**63)), ("header", (1, 57)), ("text", (60, 120)))],
    good("supplement-over-data", EXTRA, "FCS-TEXT-05", rows=[[1.5, 2.5]],
         changes=_supplement_at("@@@@@@@@", "########"),
         patch=lambda raw: raw.replace(b"@@@@@@@@", b"%08d" % (len(raw) - 8))
         .replace(b"########", b"%08d" % (len(raw) - 1))),
    good("supplement-over-all-of-text", EXTRA, changes=_supplement_at("00000058", "########"),
         patch=lambda raw: raw.replace(b"########", b"%08d" % text_end(raw))),
    *[raw(f"supplement-{by}-too-short-{name}", EXTRA, partial(_cut_supplement, by, gap, tail),
          exact(ROWS, code, *(["FCS-TAIL-01"] if tail else []), linear=HUNDREDFOLD,
                spillover=MATRIX))
      for name, by, code, gap, tail in (
          ("before-blanks", 1, "FCS-TEXT-11", b"    %s    ", b""),
          ("before-nuls", 2, "FCS-TEXT-06", b"%s" + bytes(40), b""),
          ("before-data", 9, "FCS-TEXT-06", b"%s", b""),
          ("at-the-end", 3, "FCS-TEXT-06", b"", b"%s"),
          ("before-crc", 24, "FCS-TEXT-06", b"", b"%s00000000"))],
    raw("supplement-cut-before-what-is-no-text", EXTRA, partial(_cut_supplement, 2, b"",
        b"%s", b"/$P2S/CD3/$P1G/100\x01/"), refused("FCS-TEXT")),
    good("supplement-cut-off", EXTRA, "FCS-TEXT-05", extra=b"/$P2S/CD3/",
         patch=lambda raw: raw[:-4]),
    good("supplement-of-delimiters", EXTRA, "FCS-TEXT-05", extra=b"/" * 20),
    good("supplement-of-nuls", EXTRA, "FCS-TEXT-05", extra=b"\0" * 20),
]  # fmt: skip

CORPUS = [*DELIMITERS, *EMPTIES, *SWALLOWED, *ENDS, *LETTER, *SIZES, *SUPPLEMENTS]
