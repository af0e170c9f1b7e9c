"""Safety: what is no regular file, and names that are odd."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from hazards.entry import Exact, Hazard, Refused, exact, refused
from hazards.forge import forge

REGULAR = "safety: regular files only (a FIFO named .fcs)"
FILE = refused("FCS-FILE")
PATIENT = {"$FIL": "Doe^Jane.fcs"}


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "a.fcs")
    return folder / "a.fcs"


def _folder(folder: Path) -> Path:
    (folder / "a.fcs").mkdir()
    return folder / "a.fcs"


def _socket(folder: Path) -> Path:
    here = Path.cwd()
    with suppress(OSError), socket.socket(socket.AF_UNIX) as end:
        os.chdir(folder)  # the path of a socket is short
        end.bind("a.fcs")
    os.chdir(here)
    return folder / "a.fcs"


def _file(folder: Path, name: str = "a.fcs") -> Path:
    path = folder / name
    path.write_bytes(forge(changes=PATIENT))
    return path


def _link(folder: Path, target: Path | str) -> Path:
    (folder / "link.fcs").symlink_to(target)
    return folder / "link.fcs"


def _hard_link(folder: Path) -> Path:
    (folder / "link.fcs").hardlink_to(_file(folder))
    return folder / "link.fcs"


def _link_to_fifo(folder: Path) -> Path:
    return _link(folder, _fifo(folder))


def _closed(folder: Path) -> Path:
    path = _file(folder)
    path.chmod(0)
    return path


def _named(name: str) -> Hazard:
    return Hazard("place-named-" + ascii(name)[1:-1].replace(" ", "_")[:60], REGULAR,
    exact(names=("FL1", "FL2")),
                  place=lambda folder: _file(folder, name))  # fmt: skip


PLACES: list[tuple[str, Exact | Refused, object]] = [
    ("fifo", FILE, _fifo),
    ("folder", FILE, _folder),
    ("socket", FILE, _socket),
    ("missing", FILE, lambda folder: folder / "a.fcs"),
    ("missing-folder", FILE, lambda folder: folder / "b" / "a.fcs"),
    ("under-a-file", FILE, lambda folder: _file(folder) / "b.fcs"),
    ("link-to-a-file", exact(), lambda folder: _link(folder, _file(folder))),
    ("hard-link", exact(), _hard_link),
    ("link-to-nothing", FILE, lambda folder: _link(folder, folder / "gone.fcs")),
    ("link-to-itself", FILE, lambda folder: _link(folder, "link.fcs")),
    ("link-to-a-fifo", FILE, _link_to_fifo),
    ("link-to-a-device", FILE, lambda folder: _link(folder, "/dev/zero")),
    ("link-to-a-terminal", FILE, lambda folder: _link(folder, "/dev/null")),
    ("nul-in-the-name", FILE, lambda folder: str(folder / "a") + "\0.fcs"),
    ("name-of-5000", FILE, lambda folder: folder / ("a" * 5000)),
    ("empty-path", FILE, lambda _: ""),
    ("lone-surrogate", FILE, lambda folder: str(folder) + "/\udcff.fcs"),
]

CORPUS = [
    *[Hazard(f"place-{name}", REGULAR, expected, place=place)  # type: ignore[arg-type]
      for name, expected, place in PLACES],
    Hazard("place-unreadable", REGULAR, FILE, place=_closed, nobody=True),
    *[_named(name) for name in ("a b.fcs", "a\nb.fcs", "\x1b[31m.fcs", "=1+1.fcs", "-rf.fcs",
                                "ünï.fcs", "a.FCS.txt", "a\u202efcs.exe", "a" * 250 + ".fcs")],
]  # fmt: skip
