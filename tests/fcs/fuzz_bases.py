"""The files that the fuzzer starts from: small, right, and of every kind that is read."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from build import HEADER_SIZE, header, keywords, make_fcs, pack, text_segment

from flowml.events import ArraySource
from flowml.fcs import write_fcs
from flowml.records import Channel, Sample, Spillover

N_EVENTS = 24
CRC = b"00000000"
PLACES = ("HEADER", "TEXT", "DATA", "TAIL")
RUN = {
    "$CYT": "Cube 6", "$DATE": "04-MAR-2019", "$BTIM": "10:31:02", "$ETIM": "10:33:40",
    "$FIL": "Specimen_001_Tube_002.fcs", "$INST": "Lab 7", "$OP": "Nobody",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """Bytes of one place of a file; TAIL is whatever no segment claims."""

    place: str
    raw: bytes


@dataclass(frozen=True)
class Base:
    """A file to make mutants of.

    Parameters
    ----------
    name : str
        What it is an example of.
    pieces : tuple of Piece
        Its bytes; one behind the other they are the file.
    empties : bool
        Whether doubled delimiters are empty values in it.
    data_sets : int
        How many data sets, from the first, decide what is read.
    """

    name: str
    pieces: tuple[Piece, ...]
    empties: bool = False
    data_sets: int = 1

    @property
    def content(self) -> bytes:
        return b"".join(piece.raw for piece in self.pieces)


@cache
def bases() -> tuple[Base, ...]:
    """Return all of them, in an order that never changes."""
    made = {
        "float little-endian": _float("<"), "float big-endian": _float(">"),
        "double": _double(), "masked, logarithmic": _masked(), "mixed widths": _widths(),
        "24 bits": _three_bytes(), "32 bits": _words(), "spillover": _spillover(),
        "supplemental TEXT": _supplemental(), "offsets in HEADER only": _fcs2(),
        "offsets in TEXT only": _text_only(),
        "two data sets": _two_sets(), "Coulter pair": _coulter_pair(), "written": _written(),
        "vendor keywords": _vendor(), "empty values": _empties(), "mixed types": _types(),
    }  # fmt: skip
    return tuple(
        Base(name, divide(raw), name == "empty values", 2 if name == "Coulter pair" else 1)
        for name, raw in made.items()
    )


def divide(content: bytes) -> tuple[Piece, ...]:
    """Cut a file that is right into its places; every byte is in one piece."""
    marks: list[tuple[int, int, str]] = []
    start = 0
    while True:
        head = content[start : start + HEADER_SIZE]
        text, data = ([int(head[i + k : i + k + 8]) for k in (0, 8)] for i in (10, 26))
        words = content[start + text[0] : start + text[1] + 1]
        data = data if data[1] else _numbers(words, "$BEGINDATA", "$ENDDATA")
        marks += [(start, start + HEADER_SIZE, "HEADER")]
        more = _numbers(words, "$BEGINSTEXT", "$ENDSTEXT")
        for place, (begin, end) in (("TEXT", text), ("DATA", data), ("TEXT", more)):
            marks += [(start + begin, start + end + 1, place)] if begin else []
        if not (step := _numbers(words, "$NEXTDATA")[0]):
            return _pieces(content, sorted(marks))
        start += step


def _numbers(words: bytes, *keys: str) -> list[int]:
    found = (re.search(re.escape(key.encode()) + rb"(.) *(\d+) *\1", words) for key in keys)
    return [int(match[2]) if match else 0 for match in found]


def _pieces(content: bytes, marks: list[tuple[int, int, str]]) -> tuple[Piece, ...]:
    pieces, done = [], 0
    for begin, end, place in marks:
        if begin > done:
            pieces.append(Piece("TAIL", content[done:begin]))
        pieces.append(Piece(place, content[begin:end]))
        done = end
    return (*pieces, Piece("TAIL", content[done:]))


def _rng() -> np.random.Generator:
    return np.random.default_rng(20_240_307)


def _real(n_channels: int) -> list[list[float]]:
    """Draw events as a cytometer gives them: a wide range, some below zero."""
    values = 10 ** _rng().uniform(1, 5, (N_EVENTS, n_channels)) - 40
    return np.float32(values).tolist()


def _whole(tops: tuple[int, ...]) -> list[list[int]]:
    return [[int(x) for x in row] for row in _rng().integers(0, tops, (N_EVENTS, len(tops)))]


def _float(order: str) -> bytes:
    changes = RUN | {
        "$P1N": "FSC-A", "$P2N": "FITC-A", "$P2S": "CD19", "$P3N": "Time", "$P3G": "0.01",
        "$TIMESTEP": "0.01", "$P1G": "1.0", "$P2G": "2.5",
    }  # fmt: skip
    kinds = ("F32",) * 3
    return make_fcs(_real(3), kinds, order=order, changes=changes, tail=CRC)


def _double() -> bytes:
    rows = [[x * 1.000000001 for x in row] for row in _real(2)]
    return make_fcs(rows, ("D64", "D64"), version="FCS3.0", delimiter="\x0c", changes=RUN)


def _masked() -> bytes:
    """Ten bits in sixteen, a constant tag above them; a logarithmic amplifier."""
    rows = [
        [x + tag for x, tag in zip(r, (0, 4096, 0, 8192), strict=True)]
        for r in _whole((1024,) * 4)
    ]
    changes = RUN | {
        "$P1N": "FSC-H", "$P1G": "8", "$P2N": "SSC-H", "$P2E": "4,1", "$P3N": "FL1-H",
        "$P3E": "4.0,0.1", "$P3S": "CD3 FITC", "$P4N": "FL2-H", "$P4E": "3.5,1", "$P4S": "CD4",
    }  # fmt: skip
    return make_fcs(
        rows, ("I16",) * 4, order=">", ranges=("1024",) * 4, changes=changes, version="FCS3.0"
    )


def _widths() -> bytes:
    tops = (256, 1024, 262144, 65536)
    kinds = ("I8", "I16", "I32", "I16")
    return make_fcs(_whole(tops), kinds, ranges=[str(top) for top in tops], tail=CRC)


def _three_bytes() -> bytes:
    tops = (2**24, 2**20, 2**18)
    ranges = [str(top) for top in tops]
    return make_fcs(_whole(tops), ("I24",) * 3, order=">", ranges=ranges, changes=RUN)


def _words() -> bytes:
    changes = RUN | {"$P1N": "FSC-A", "$P2N": "FITC-A", "$P2S": "CD5", "$P3N": "PE-A"}
    return make_fcs(
        _whole((2**18,) * 3), ("I32",) * 3, order=">", ranges=("262144",) * 3, changes=changes,
        version="FCS3.0", delimiter="\x1e",
    )  # fmt: skip


def _spillover() -> bytes:
    names = ("FSC-A", "B515-A", "B610-A", "R660-A", "Time")
    changes = RUN | {f"$P{n}N": name for n, name in enumerate(names, 1)}
    matrix = "1,0.12,0.035,0.002,1,0.27,0,0.0415,1"
    changes["$SPILLOVER"] = f"3,{','.join(names[1:4])},{matrix}"
    return make_fcs(_real(5), ("F32",) * 5, changes=changes, delimiter="|", tail=CRC)


def _supplemental() -> bytes:
    """Optional keywords in a segment of their own, behind DATA."""
    more = text_segment(
        [
            ("SPILL", "2,FL1,FL2,1,0.11,0.08,1"), ("$P1S", "CD45"), ("$P2S", "CD34"),
            ("$P3G", "4"), ("OPERATOR NOTE", "washed twice"),
        ]
    )  # fmt: skip
    rows, kinds = _real(3), ("F32",) * 3
    begin = end = 0
    content = b""
    for _ in range(4):  # TEXT holds the offsets, and its length decides them
        changes = {"$BEGINSTEXT": str(begin), "$ENDSTEXT": str(end), "$CYT": "Cube 6"}
        content = make_fcs(rows, kinds, changes=changes)
        begin, end = len(content), len(content) + len(more) - 1
    return content + more + CRC


def _fcs2() -> bytes:
    changes = RUN | {
        "$BEGINDATA": None, "$ENDDATA": None, "$BYTEORD": "1,2", "$P2E": "4,1", "$P2N": "FL1-H",
    }  # fmt: skip
    return make_fcs(
        _whole((1024,) * 3), ("I16",) * 3, ranges=("1024",) * 3, changes=changes,
        version="FCS2.0", delimiter="\\", tail=bytes(37),
    )  # fmt: skip


def _text_only() -> bytes:
    """The HEADER says nothing of DATA, as in files above 99,999,999 bytes."""
    return make_fcs(
        _real(4), ("F32",) * 4, order=">", changes=RUN, header_data=(0, 0), gap=61,
        version="FCS3.0", delimiter="!", tail=CRC,
    )  # fmt: skip


def _two_sets() -> bytes:
    """Two measurements in one file that have nothing to do with each other."""
    second = make_fcs(_real(2), version="FCS3.0", changes={"$P1N": "APC-A"})
    step, first = 0, b""
    for _ in range(4):
        changes = {"$NEXTDATA": str(step), "$CYT": "Cube 6", "$P1N": "FITC-A"}
        first = make_fcs(
            _real(3), ("F32",) * 3, version="FCS3.0", changes=changes, tail=bytes(16)
        )
        step = len(first)
    return first + second + CRC


def _coulter_events() -> tuple[list[list[int]], list[list[int]], dict[str, str]]:
    """Draw a run as an FC 500 writes it: compensated in ten bits, uncompensated in twenty."""
    rng, share = _rng(), np.array([[0, 22.2, 12.5], [0.7, 0, 61.1], [0.6, 9.9, 0]])
    n_events = 3 * N_EVENTS
    dyes = 10 ** rng.uniform(2.9, 5.6, (n_events, 3))
    scatter = rng.integers(20_000, 900_000, (n_events, 2))
    steps = np.clip(np.round(np.log10(dyes / 1024 / 0.1024) * 256), 0, 1023).astype(int)
    side = np.clip(np.round(np.log10(scatter[:, 1] / 1024 / 0.1024) * 256), 0, 1023).astype(int)
    first = np.column_stack([scatter[:, 0] // 1024, side, steps])
    mixed = np.round(dyes @ (np.eye(3) + share / 100)).astype(int)
    tags = (np.arange(6) + 1) << 24
    time = np.arange(n_events) // 2
    second = np.column_stack([scatter, np.minimum(mixed, 2**20 - 1), time]) + tags
    matrix = {
        f"$DFC{m}TO{n}": f"{share[m - 1, n - 1]:.2f}"
        for n in (1, 2, 3) for m in (1, 2, 3) if m != n
    }  # fmt: skip
    return first.tolist(), second.tolist(), matrix


def _coulter_pair() -> bytes:
    """Set 1 with TEXT and gaps, set 2 with DATA before TEXT."""
    one, two, matrix = _coulter_events()
    names = ("FS Lin", "SS Log", "FL1 Log", "FL2 Log", "FL3 Log")
    labels = ("FS Lin", "SS Log", "CD15-FITC", "CD13-PE", "CD45-ECD")
    extra = {"$BYTEORD": "1,2", "$CYT": "Cytomics FC 500", "@LOCATION": "Bench 2"}
    for n, (name, label) in enumerate(zip(names, labels, strict=True), 1):
        scale = "0,0" if n == 1 else "4.0,0.1024"
        extra |= {f"$P{n}N": name, f"$P{n}S": label, f"$P{n}E": scale, f"$P{n}G": "1.000000"}
    words = keywords(len(one), ("I16",) * 5, ranges=("1024",) * 5) | extra | matrix
    data, step = pack(one, ("I16",) * 5), 0
    first = b""
    for _ in range(4):
        text = text_segment(list((words | {"$NEXTDATA": str(step)}).items()), "\\")
        begin = 64 * (-(-(64 + len(text)) // 64))
        head = header((64, 63 + len(text)), (begin, begin + len(data) - 1), "FCS2.0")
        first = (head + bytes(6) + text).ljust(begin, b"\0") + data + bytes(25)
        step = len(first)
    return first + _coulter_second(two) + bytes(24) + bytes.fromhex("29d624ba96977f4e")


def _coulter_second(rows: list[list[int]]) -> bytes:
    names, tops = ("FS", "SS", "FL1", "FL2", "FL3", "TIME"), ("1048576",) * 5 + ("1024",)
    data = pack(rows, ("I32",) * 6)
    begin, end = HEADER_SIZE, HEADER_SIZE + len(data) - 1
    words = {"$BEGINDATA": str(begin), "$ENDDATA": str(end)}
    words |= keywords(len(rows), ("I32",) * 6, ranges=tops)
    words |= {f"$P{n}N": name for n, name in enumerate(names, 1)} | {"@CYTOMETERID": "AF1"}
    text = text_segment(list(words.items()), "\\")
    return header((end + 1, end + len(text)), (begin, end), "FCS3.0") + data + text


def _written() -> bytes:
    """What this package writes itself."""
    names = ("FSC-A", "FITC-A", "PE-A", "Time")
    channels = tuple(
        Channel(name, label)
        for name, label in zip(names, ("", "CD19", "CD10", ""), strict=True)
    )
    spillover = Spillover(names[1:3], np.array([[1, 0.15], [0.02, 1]]))
    sample = Sample("a", channels, ArraySource(np.array(_real(4))), spillover=spillover)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.fcs"
        write_fcs(path, sample, {"$CYT": "Cube 6", "NOTE": "tube 2 of 3"})
        return path.read_bytes()


def _vendor() -> bytes:
    changes = RUN | {"SPILL": "2,PE-A,APC-A,1,0.003,0.07,1", "APPLY COMPENSATION": "FALSE"}
    changes |= {"$P1N": "PE-A", "$P2N": "APC-A", "$P3N": "SSC-A", "$TIMESTEP": "0.01"}
    for n in (1, 2, 3):
        changes |= {
            f"$P{n}V": f"{400 + 17 * n}", f"P{n}DISPLAY": "LOG", f"P{n}BS": f"{n * 40}",
            f"P{n}MS": "0", f"$P{n}G": "1.0", f"$P{n}S": f"CD{7 + n}",
        }  # fmt: skip
    changes |= {f"LASER{n}NAME": colour for n, colour in enumerate(("Blue", "Rot / grün"), 1)}
    changes |= {"GUID": "1c52ad0e-6a1f", "CREATOR": "Diva 8.0.1", "PRICE": "3 $ / test"}
    changes |= {"THRESHOLD": "FSC,5000", "WINDOW EXTENSION": "7.00", "P1N": "not $P1N"}
    return make_fcs(_real(3), ("F32",) * 3, order=">", changes=changes, tail=CRC)


def _empties() -> bytes:
    """Values that are empty, as many programs write them."""
    changes = {"$P1S": "", "EXPERIMENT NAME": "", "$P2S": "CD20", "$SRC": "", **RUN}
    return make_fcs(_real(3), ("F32",) * 3, changes=changes, delimiter="*", version="FCS3.0")


def _types() -> bytes:
    rows = [[*real, whole, last] for (real, whole), last in
            zip([(r[:2], w) for r, (w, _) in zip(_real(2), _whole((2**20, 9)), strict=True)],
                range(N_EVENTS), strict=True)]  # fmt: skip
    changes = RUN | {"$P4N": "Time"}
    return make_fcs(
        rows, ("F32", "D64", "I32", "I16"), ranges=("262144", "262144", "1048576", "1024"),
        changes=changes, version="FCS3.2", tail=CRC,
    )  # fmt: skip
