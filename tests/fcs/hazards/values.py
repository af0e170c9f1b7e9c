"""Values and names: nothing cut, nothing lost, and every channel with a name of its own."""

from __future__ import annotations

import math
import struct

from hazards.entry import Hazard, bad, exact, good, raw
from hazards.forge import Rows, forge

VALUES = "values: NaN and infinities: loaded, with a finding"
RANGE = "values: nothing is ever truncated at $PnR"
ZERO = "values: zero events: a sample with a finding"
UNITS = "units: a $PnE of 4.0,0.1024 read as 4,1, 10 bits against 20"
NAMES = "duplicate or blank channel names: made unique with a finding"
COMPENSATED = "names: Comp- / FJComp- prefixes and <> are evidence that data are compensated"
ROLES = "several data sets: roles are recognised for every vendor"
HOSTILE = "safety: marker names are hostile input"

NAN, INF = math.nan, math.inf
PAYLOAD = struct.pack("<IIff", 0x7FC12345, 0xFF800001, 1.0, 2.0)  # two kinds of NaN
LARGEST, TINY = 3.4028234663852886e38, 1.401298464324817e-45  # of float32

NUMBERS: list[Hazard] = [
    *[good(f"value-{name}-{kind}", VALUES, "FCS-VALUE-01", rows=[[1.5, 2.5], [value, 4.5]],
           kinds=(kind, kind)) for kind in ("F32", "D64")
      for name, value in (("nan", NAN), ("inf", INF), ("minus-inf", -INF))],
    good("value-all-nan", VALUES, "FCS-VALUE-01", rows=[[NAN, NAN]] * 3),
    good("value-nan-in-the-last-event", VALUES, "FCS-VALUE-01",
         rows=[[0.5, 0.5]] * 70_000 + [[1.0, NAN]]),
    good("value-nan-big-endian", VALUES, "FCS-VALUE-01", rows=[[NAN, 1.0]], order=">"),
    good("value-nan-payloads", VALUES, "FCS-VALUE-01", data=PAYLOAD, rows=[[NAN, NAN], [1.0,
        2.0]]),
    good("value-inf-divided-by-gain", VALUES, "FCS-VALUE-01", rows=[[INF, 1.0]],
         changes={"$P1G": "2"}),
    good("value-nan-mixed-types", VALUES, "FCS-VALUE-01", rows=[[7, NAN]], kinds=("I16", "F32"),
         version="FCS3.2"),
    good("value-nan-in-time", VALUES, "FCS-VALUE-01", rows=[[NAN, 1.0]],
        changes={"$P1N": "Time"}),
    good("value-ends-of-float", RANGE, "FCS-VALUE-02",
         rows=[[LARGEST, TINY], [-LARGEST, -TINY]]),
    good("value-integers-as-floats", VALUES, "FCS-VALUE-02",
         rows=[[50 * TINY, 1.0], [0.0, 2.0], [1000 * TINY, 3.0]]),
    good("value-zeros", VALUES, rows=[[0.0, 1.0], [-0.0, 2.0]]),
    good("value-tiny-beside-measured", VALUES, rows=[[50 * TINY, 1.0]] * 300 + [[1.0, 1.0]]),
    good("value-ends-of-double", RANGE, rows=[[1.7976931348623157e308, 5e-324], [-0.0, 0.1]],
         kinds=("D64", "D64")),
    good("value-minus-zero", RANGE, rows=[[-0.0, 0.0]]),
    good("value-float-above-range", RANGE, rows=[[1e6, -5.0], [2048.0, 1e9]], ranges=("1024",
        ) * 2),
    good("value-integer-above-range", RANGE, rows=[[1020], [1001], [3]], kinds=("I16",),
         ranges=("1000",)),
    good("value-integer-at-range", RANGE, rows=[[1000], [1023]], kinds=("I16",),
        ranges=("1000",)),
    good("value-double-above-range", RANGE, rows=[[1e300, 2.5]], kinds=("D64",) * 2,
         ranges=("1024",) * 2),
    good("value-log-above-range", RANGE, rows=[[1020], [500]], kinds=("I16",), ranges=("1000",),
         changes={"$P1E": "4,1"}, linear=[[12022.644346], [100]]),
    *[good(f"no-events-{kind}", ZERO, "FCS-EMPTY-01", rows=[], kinds=(kind, kind))
      for kind in ("F32", "D64", "I16", "I24")],
    good("no-events-mixed", ZERO, "FCS-EMPTY-01", rows=[], kinds=("I8", "I32")),
    good("no-events-zeros", ZERO, "FCS-EMPTY-01", rows=[], header_data=(0, 0),
         changes={"$BEGINDATA": "0", "$ENDDATA": "0"}),
    good("no-events-no-offsets", ZERO, "FCS-EMPTY-01", rows=[], header_data=("", ""),
         changes={"$BEGINDATA": None, "$ENDDATA": None}),
    bad("no-events-beside-data", ZERO, "FCS-AGREE", changes={"$TOT": "0"}),
    good("one-event", ZERO, rows=[[1.5, 2.5]]),
    good("one-event-one-channel", ZERO, rows=[[1.5]], kinds=("F32",)),
    good("events-20000", ZERO, rows=[[float(n), n / 4] for n in range(20_000)]),
    *[good(f"units-{bits}-bits", UNITS, rows=[[0], [top // 2]], kinds=("I32",),
           ranges=(str(top),), changes={"$P1E": "4.0,0.1024"}, tops=(1024,),
           linear=[[0.1024], [10.24]]) for bits, top in ((10, 1024), (20, 1048576))],
    good("units-beside-each-other", UNITS, rows=[[512, 512, 512]], kinds=("I16",) * 3,
         ranges=("1024",) * 3, changes={"$P1E": "4.0,0.1024", "$P2E": "4,1", "$P3G": "2"},
         linear=[[10.24, 100, 256]], tops=(1024, 1e4, 512)),
]  # fmt: skip


def _names(name: str, given: list[str | None], made: list[str], *codes: str) -> Hazard:
    changes = {f"$P{n}N": text for n, text in enumerate(given, start=1)}
    rows: Rows = [list(range(len(given)))] * 2
    return good(f"names-{name}", NAMES, *codes, rows=rows, kinds=("I8",) * len(given),
                changes=changes, names=tuple(made))  # fmt: skip


UNIQUE: list[Hazard] = [
    _names("double", ["A", "A"], ["A-1", "A-2"], "FCS-NAME-01"),
    _names("three-times", ["A", "A", "A"], ["A-1", "A-2", "A-3"], "FCS-NAME-01"),
    _names("taken", ["A", "A", "A-1", "A"], ["A-2", "A-3", "A-1", "A-4"], "FCS-NAME-01"),
    _names("blank", ["A", " ", "B"], ["A", "channel 2", "B"], "FCS-NAME-01"),
    _names("missing", [None, "B"], ["channel 1", "B"], "FCS-NAME-01"),
    _names("all-missing", [None, None], ["channel 1", "channel 2"], "FCS-NAME-01"),
    _names("blank-like-another", ["channel 2", None], ["channel 2-1", "channel 2-2"],
    "FCS-NAME-01"),
    _names("double-but-for-blanks", ["A", " A "], ["A-1", "A-2"], "FCS-NAME-01"),
    _names("differ-in-case", ["a", "A"], ["a", "A"]),
    _names("of-numbers", ["2", "1"], ["2", "1"]),
    raw("names-3000-equal", NAMES, lambda: forge([[0] * 3000], ("I8",) * 3000, changes={
        f"$P{n}N": "x" for n in range(1, 3001)}), exact([[0] * 3000], "FCS-NAME-01")),
    raw("names-3000-blank", NAMES, lambda: forge([[0] * 3000], ("I8",) * 3000, changes={
        f"$P{n}N": None for n in range(1, 3001)}), exact([[0] * 3000], "FCS-NAME-01")),
    good("names-equal-for-100-kB", NAMES, "FCS-NAME-01", names=("x" * 200 + "-1",
        "x" * 200 + "-2"),
         changes={"$P1N": "x" * 100_000, "$P2N": "x" * 100_000 + "y"}),
]  # fmt: skip

NASTY = {
    "html": "<script>alert(1)</script>", "image": '<img src=x onerror="a()">',
    "formula": "=1+1",
    "formula-plus": "+cmd|' '!A1", "formula-minus": "-2+3", "formula-at": "@SUM(A1)",
    "ansi": "\x1b[31mred\x1b[0m", "bell": "a\x07b", "mathtext": "$x^2$",
    "mathtext-broken": "$\\frac{$",
    "right-to-left": "a\u202eb", "right-to-left-mark": "\u200fCD3", "zero-width": "CD\u200b3",
    "arabic": "مستضد", "emoji": "🧬", "quotes": "\"'`", "comma": "a,b", "percent": "%s%n",
    "path": "..\\..\\etc", "newline": "a\nb", "nul": "a\x00b", "template": "{0.__class__}",
    "entity": "&lt;b&gt;", "null-word": "nan", "long": "y" * 150,
}  # fmt: skip

HIDDEN = {"right-to-left-mark", "zero-width"}  # what is seen is CD3, and is said to be near

NASTY_NAMES: list[Hazard] = [
    *[good(f"hostile-name-{key}", HOSTILE, changes={"$P1N": text}, names=(text, "FL2"),
           delimiter="|" if "|" not in text else "~") for key, text in NASTY.items()],
    *[good(f"hostile-label-{key}", HOSTILE, *(["FCS-MARKER-02"] if key in HIDDEN else []),
           changes={"$P1S": text}, labels=(text, ""),
           delimiter="|" if "|" not in text else "~") for key, text in NASTY.items()],
    good("hostile-name-of-100-kB", HOSTILE, changes={"$P1N": "x" * 100_000},
         names=("x" * 200, "FL2")),
    good("hostile-label-of-100-kB", HOSTILE, changes={"$P1S": "x" * 100_000}),
    good("hostile-label-of-marks", HOSTILE, changes={"$P1S": "\u0301" * 5000}),
]  # fmt: skip


def _prefix(name: str, first: str, second: str) -> Hazard:
    return good(f"compensated-{name}", COMPENSATED, changes={"$P1N": first, "$P2N": second},
                names=(first, second), scale="compensated", spillover="no matrix")  # fmt: skip


EVIDENCE: list[Hazard] = [
    _prefix("comp", "Comp-FITC-A", "Comp-PE-A"),
    _prefix("comp-upper-case", "COMP-FITC-A", "COMP-PE-A"),
    _prefix("flowjo", "FJComp-FITC-A", "FJComp-PE-A"),
    _prefix("angles", "<FITC-A>", "<PE-A>"),
    good("compensated-not-by-a-word", COMPENSATED, scale="raw", names=("Complex-A", "a<b>c"),
         changes={"$P1N": "Complex-A", "$P2N": "a<b>c"}),
    good("compensated-beside-matrix", COMPENSATED, "SPILL-APPLIED", scale="compensated",
         names=("Comp-A", "Comp-B"), changes={"$P1N": "Comp-A", "$P2N": "Comp-B",
         "SPILL": "2,Comp-A,Comp-B,1,.1,.2,1"}),
]  # fmt: skip

F, S, T, C, O = "forward scatter", "side scatter", "time", "fluorescence", "other"  # noqa: E741
ROLE = {
    "FS INT LIN": F, "SS INT LIN": S, "FSC-A": F, "SSC-A": S, "FSC-Height": F, "SS_LOG": S,
    "FS Lin": F, "SS Log": S, "FS PEAK LIN": F, "FS TOF LIN": F, "SSC-W": S, "SSC-B-A": S,
    "Time": T, "TIME": T, "HDR-T": T, "FL1 INT LOG": C, "FITC-A": C, "CD19-PE": C, "V450-A": C,
    "Event_length": O,
}  # fmt: skip

KNOWN: list[Hazard] = [
    good(f"role-{name.replace(' ', '_')}", ROLES, names=(name, "FL2"), roles=(role, C),
         changes={"$P1N": name}) for name, role in ROLE.items()
]  # fmt: skip

CORPUS = [*NUMBERS, *UNIQUE, *NASTY_NAMES, *EVIDENCE, *KNOWN]
