"""Keywords: missing, absurd, malformed."""

from __future__ import annotations

from hazards.entry import Hazard, bad, good
from hazards.forge import NONE

MISSING = "keywords: missing $MODE, $TOT, $NEXTDATA, $PnE, $PnR, $BEGINDATA: derived, a finding"
ABSURD = "keywords: missing or absurd $PAR, $TOT, $PnB: refused at once"
SMALL = "keywords: $PAR smaller than what is stored: refused"
MALFORMED = "keywords: malformed $PnE, $PnG, $PnR, $TIMESTEP: neutral value, finding"
FLOAT_LOG = "keywords: float data with $PnE 4,1 stays linear"
ZERO = "keywords: $PnE 4,0 means 4,1"

LIST = {"rows": [[0], [512], [1023]], "kinds": ("I16",), "ranges": ("1024",)}
I16 = {"rows": [[100, 512], [7, 9]], "kinds": ("I16", "I16"), "ranges": ("1024", "1024")}

ABSENT: list[Hazard] = [
    good("missing-mode", MISSING, "FCS-KEY-02", changes={"$MODE": None}),
    good("missing-tot", MISSING, "FCS-KEY-01", changes={"$TOT": None}),
    good("missing-tot-of-integers", MISSING, "FCS-KEY-01", **LIST, changes={"$TOT": None}),
    good("missing-tot-header-only", MISSING, "FCS-KEY-01",
         changes={"$TOT": None, "$BEGINDATA": None, "$ENDDATA": None}, version="FCS2.0"),
    good("empty-tot", MISSING, "FCS-KEY-01", changes={"$TOT": " "}),
    bad("missing-tot-no-whole-events", MISSING, "FCS-AGREE", changes={"$TOT": None},
        tail=b"xxx",
        shift=(0, 3), shift_text=(0, 3)),
    bad("missing-tot-two-lengths", MISSING, "FCS-AGREE", changes={"$TOT": None}, tail=b"x" * 8,
        shift_text=(0, 8)),
    bad("missing-tot-exclusive-end", MISSING, "FCS-AGREE", changes={"$TOT": None}, shift=(0, 1),
        shift_text=(0, 1)),
    bad("missing-tot-cut-off", MISSING, "FCS-AGREE", changes={"$TOT": None},
        patch=lambda raw: raw[:-8]),
    good("missing-nextdata", MISSING, "FCS-KEY-07", changes={"$NEXTDATA": None}),
    good("missing-amplifier", MISSING, "FCS-KEY-03", changes={"$P1E": None}),
    good("missing-amplifier-of-integers", MISSING, "FCS-KEY-03", **LIST,
        changes={"$P1E": None}),
    good("missing-range", MISSING, "FCS-KEY-05", changes={"$P1R": None}),
    good("missing-range-of-integers", MISSING, "FCS-KEY-05", rows=[[65535], [1]], kinds=("I16",
        ),
         changes={"$P1R": None}, tops=(65536,)),
    good("missing-begindata", MISSING, "FCS-KEY-08", changes={"$BEGINDATA": None}),
    good("missing-enddata", MISSING, "FCS-KEY-08", changes={"$ENDDATA": None}),
    good("missing-offsets-in-text", MISSING, "FCS-KEY-08",
         changes={"$BEGINDATA": None, "$ENDDATA": None}),
    good("missing-offsets-in-fcs-2", MISSING, version="FCS2.0",
         changes={"$BEGINDATA": None, "$ENDDATA": None}),
    good("missing-gains-labels", MISSING, labels=("", "")),
    good("missing-analysis-and-supplement", MISSING, changes=dict.fromkeys(NONE)),
    good("missing-all-that-may-be", MISSING, *[
    f"FCS-KEY-0{n}" for n in (1, 2, 3, 5, 7, 8)], changes=dict.fromkeys(
        ("$MODE", "$TOT", "$NEXTDATA", "$P1E", "$P2E", "$P1R", "$P2R", "$BEGINDATA",
        "$ENDDATA"))),
    *[bad(f"missing-{key.strip('$')}", ABSURD, "FCS-KEY", "FCS-TYPE", changes={key: None})
      for key in ("$PAR", "$P1B", "$P2B", "$BYTEORD", "$DATATYPE")],
]  # fmt: skip

NUMBERS = {
    "zero": "0", "negative": "-1", "1e8": "100000000", "2-63": "9223372036854775808",
    "2-64": "18446744073709551616", "5000-digits": "9" * 5000, "wide-digits": "\uff13",
    "arabic-digits": "٣", "superscript": "³", "word": "three", "fraction": "2.5", "hex": "0x3",
    "exponent": "3e0", "signs": "+-3", "two-numbers": "3 3", "underscore": "0_3", "comma": "3,",
    "nan": "nan", "minus-zero": "-0", "40000-zeros": "0" * 40000,
}  # fmt: skip


def _absurd(key: str, *codes: str, leave: tuple[str, ...] = ()) -> list[Hazard]:
    return [
        bad(f"absurd-{key.strip('$')}-{name}", ABSURD, *codes, changes={key: value})
        for name, value in NUMBERS.items()
        if name not in leave
    ]


ABSURDITIES: list[Hazard] = [
    *_absurd("$PAR", "FCS-KEY", "FCS-AGREE"),
    *_absurd("$TOT", "FCS-KEY", "FCS-AGREE"),
    *_absurd("$P1B", "FCS-KEY", "FCS-TYPE", "FCS-AGREE"),
    *[bad(f"tot-{n}-of-3", ABSURD, "FCS-AGREE", changes={"$TOT": n}) for n in ("1", "2", "4")],
    bad("par-empty", ABSURD, "FCS-KEY", changes={"$PAR": " "}),
    bad("par-and-tot-huge", ABSURD, "FCS-KEY", "FCS-AGREE",
        changes={"$PAR": "10000", "$TOT": "99999999999999"}),
    bad("bits-of-a-huge-event", ABSURD, "FCS-TYPE", "FCS-KEY", "FCS-AGREE",
        changes={"$P1B": "2147483648", "$TOT": "1"}),
    bad("total-that-wraps-32-bits", ABSURD, "FCS-AGREE", changes={"$TOT": str(2**29 + 3)}),
    bad("total-that-wraps-64-bits", ABSURD, "FCS-AGREE", "FCS-KEY",
        changes={"$TOT": str(2**61 + 3)}),
    bad("par-too-small", SMALL, "FCS-AGREE", changes={"$PAR": "1"}),
    bad("par-too-small-total-doubled", SMALL, "FCS-AGREE", changes={"$PAR": "1", "$TOT": "6"}),
    bad("par-too-small-no-description", SMALL, "FCS-AGREE",
        changes={"$PAR": "1", **dict.fromkeys(("$P2B", "$P2E", "$P2N", "$P2R"))}),
    bad("par-too-small-no-total", SMALL, "FCS-AGREE", changes={"$PAR": "1", "$TOT": None}),
    bad("par-too-small-only-named", SMALL, "FCS-AGREE",
        changes={"$PAR": "1", "$TOT": "6", "$P2B": None}),
    bad("par-too-small-by-two", SMALL, "FCS-AGREE", rows=[[1.0, 2.0, 3.0]], kinds=("F32",) * 3,
        changes={"$PAR": "1", "$TOT": "3"}),
    bad("bits-of-a-key-with-a-zero", ABSURD, "FCS-KEY", changes={"$P1B": None, "$P01B": "32"}),
    good("keywords-beyond-par", SMALL, "FCS-KEY-11", changes={"$P5DATATYPE": "I"}),
    good("keywords-far-beyond-par", SMALL, "FCS-KEY-11", changes={"$P900000000S": "CD3"}),
    good("keywords-of-no-number", SMALL, changes={"$PXS": "a", "$P" + "9" * 99 + "S": "b"}),
    bad("par-too-large", ABSURD, "FCS-KEY", changes={"$PAR": "3"}),
    bad("par-too-large-described", ABSURD, "FCS-AGREE",
        changes={"$PAR": "3", "$P3B": "32", "$P3N": "X", "$P3E": "0,0", "$P3R": "1024"}),
]  # fmt: skip

LINEAR: list[Hazard] = [
    *[good(f"amplifier-malformed-{n}", MALFORMED, "FCS-KEY-03", **LIST, changes={"$P1E": text})
      for n, text in enumerate(("x", "log", "4", "4,1,1", ",", "4,", ",1", "-4,1", "300,1",
      "4,-1",
                                "4,1e300", "nan,1", "4,nan", "inf,1", "4;1", "4 1", "4,0,1,0",
                                "\uff14,\uff11", "1" * 5000 + ",1", "0x4,1", "4_0,1"),
                                start=1)],
    *[good(f"amplifier-linear-{text.strip().replace(' ', '_')}", MALFORMED, **LIST,
         changes={"$P1E": text})
      for text in ("0,0", "0.0,0.0", "0,1", " 0, 0", "0,0.1024")],
    *[good(f"amplifier-log-{text.replace(' ', '_')}", MALFORMED, **LIST,
           changes={"$P1E": text}, linear=linear, tops=(top,))
      for text, linear, top in (
          ("4,1", [[1], [100], [9910.456]], 1e4),
          ("4.0,1.0", [[1], [100], [9910.456]], 1e4),
          (" 4 , 1 ", [[1], [100], [9910.456]], 1e4),
          ("4.0,0.1024", [[0.1024], [10.24], [1014.8307]], 1024),
          ("5,1", [[1], [316.22777], [98882.05]], 1e5),
          ("4.5,0.01", [[0.01], [1.7782794], [313.04407]], 316.22777))],
    *[good(f"amplifier-{text}", ZERO, "FCS-KEY-06", **LIST, changes={"$P1E": text},
           linear=[[1], [100], [9910.456]], tops=(1e4,)) for text in ("4,0", "4.0,0.0")],
    good("amplifier-log-range-1000", MALFORMED, rows=[[0], [500], [1020]], kinds=("I16",),
         ranges=("1000",), changes={"$P1E": "4,1"}, linear=[[1], [100], [12022.645]]),
    good("amplifier-log-of-20-bits", MALFORMED, rows=[[0], [2**19]], kinds=("I32",),
         ranges=("1048576",), changes={"$P1E": "6,1"}, linear=[[1], [1000]]),
    bad("amplifier-log-range-missing", MALFORMED, "FCS-KEY", rows=[[0], [512]], kinds=("I16",),
        changes={"$P1E": "4,1", "$P1R": None}),
    good("amplifier-log-masked-first", MALFORMED, rows=[[0x8000], [0x8200]], kinds=("I16",),
         ranges=("1024",), changes={"$P1E": "4,1"}, stored=[[0], [512]], linear=[[1], [100]]),
    *[good(f"float-log-{kind}-{n}", FLOAT_LOG, kinds=(kind, kind), changes={"$P1E": text})
      for kind in ("F32", "D64")
      for n, text in enumerate(("4,1", "4.0,0.1024", "4,0", "0,1"), start=1)],
    good("float-log-mixed-types", FLOAT_LOG, version="FCS3.2", rows=[[512, 512.0]],
         kinds=("I16", "F32"), ranges=("1024", "1024"), linear=[[100.0, 512.0]],
         changes={"$P1E": "4,1", "$P2E": "4,1"}),
    *[good(f"gain-malformed-{n}", MALFORMED, "FCS-KEY-04", changes={"$P1G": text})
      for n, text in enumerate(("0", "-1", "nan", "inf", "x", "1,5", "1e-300", "1e300", "0x2",
                                "\uff12", "9" * 5000, "0.0"), start=1)],
    good("gain-2", MALFORMED, changes={"$P1G": "2"}, linear=[[0.75, 2.5], [1.75, 4.5], [2.75,
        -6.5]]),
    good("gain-half", MALFORMED, changes={"$P2G": "0.5"},
         linear=[[1.5, 5.0], [3.5, 9.0], [5.5, -13.0]]),
    good("gain-of-integers", MALFORMED, **I16, changes={"$P1G": "5"}, tops=(204.8, 1024),
         linear=[[20, 512], [1.4, 9]]),
    good("gain-never-with-log", MALFORMED, **I16, changes={"$P2E": "4,1", "$P2G": "5"},
         linear=[[100, 100], [7, 10 ** (36 / 1024)]]),
    good("gain-empty", MALFORMED, after=b"$P1G//"),
    good("timestep-without-time", MALFORMED, "FCS-KEY-14", changes={"$TIMESTEP": "0.01"}),
    *[good(f"timestep-malformed-{n}", MALFORMED, "FCS-KEY-09",
           changes={"$P1N": "Time", "$TIMESTEP": text}, roles=("time", "fluorescence"))
      for n, text in enumerate(("x", "0", "-1", "nan", "inf", "0,01", "1e300", "9" * 5000),
      start=1)],
    good("timestep", MALFORMED, changes={"$P1N": "Time", "$TIMESTEP": "0.01", "$P1G": "10"},
         roles=("time", "fluorescence")),
    good("timestep-missing", MALFORMED, changes={"$P1N": "Time"}),
    *[good(f"range-malformed-of-floats-{n}", MALFORMED, "FCS-KEY-05", changes={"$P1R": text},
           tops=(262144, 262144))
      for n, text in enumerate(("0", "-1", "nan", "inf", "1e300", "x", "9" * 5000, "²"),
      start=1)],
    good("range-small-of-floats", MALFORMED, changes={"$P1R": "1"}, tops=(1, 262144)),
]  # fmt: skip

CORPUS = [*ABSENT, *ABSURDITIES, *LINEAR]
