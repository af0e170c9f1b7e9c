"""The same file read by other readers: where they agree with ours, and where they differ.

Other readers hang, run out of memory and raise anything on odd files. Each therefore reads each
file in a process of its own (`flowml.fcs.peers`), bounded in time and memory, and whatever
becomes of it is a verdict. So files that we refuse can be shown to them too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FcsError, FlowmlError
from flowml.fcs import peers as script
from flowml.fcs.reader import read_all
from flowml.records import Role
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.records import Sample

ROUNDING = 2e-6  # relative; our linear values are float32, those of a peer may be float64
BLOCK = 1 << 16  # events compared at a time
START_SECONDS = 60.0
SECONDS_PER_BYTE = 1e-6  # the slowest peer masks integers at about 5 MB a second
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Verdict(StrEnum):
    """What comes of showing a data set to another reader."""

    EQUAL = "equal"
    DECODED = "equal after gain/log decoding"
    DIFFERS = "differs"
    PEER_CANNOT = "peer cannot read"
    WE_REFUSE = "we refuse"
    NEITHER = "neither reads"


@dataclass(frozen=True)
class Comparison:
    """One data set of a file, read by us and by another reader.

    Parameters
    ----------
    name : str
        Path of the file relative to the folder given.
    dataset : int
        Counted from 1.
    reader : str
        The other reader.
    version : str
        Its version.
    verdict : Verdict
        Whether they agree.
    detail : str
        The first difference, or why the file cannot be read.
    n_events, n_channels : int
        As we read them; 0 where we refuse.
    n_different : int
        Values that differ.
    """

    name: str
    dataset: int
    reader: str
    version: str
    verdict: Verdict
    detail: str = ""
    n_events: int = 0
    n_channels: int = 0
    n_different: int = 0


def installed_peers(python: str = sys.executable) -> dict[str, str]:
    """Find out which other readers an interpreter has.

    Parameters
    ----------
    python : str
        Path of the interpreter.

    Returns
    -------
    dict of str to str
        Reader to version.

    Raises
    ------
    FlowmlError
        If it is no interpreter of Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        problem = _run(python, [folder], START_SECONDS)
        found = _report(Path(folder))
    if found is None:
        raise FlowmlError(
            f"{printable(python)} is no Python that can look for readers ({problem}). Give the "
            "path of an interpreter, such as venv/bin/python."
        )
    return {str(reader): str(version) for reader, version in found.items()}


def cross_check(
    path: Path, name: str, peers: Mapping[str, str], *, python: str = sys.executable
) -> list[Comparison]:
    """Read every data set of a file with our reader and with others.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        How it is called in the output.
    peers : mapping of str to str
        Reader to version, as `installed_peers` gives them.
    python : str
        The interpreter that has them.

    Returns
    -------
    list of Comparison
        One for each data set and reader.
    """
    sets, refusal = _own_sets(path)
    count = len(sets) + (refusal is not None)
    found = []
    for reader, version in peers.items():
        base = Comparison(name, 1, reader, version, Verdict.WE_REFUSE)
        if refusal is not None and refusal.code == "FCS-FILE":  # a pipe, a socket, nothing
            found.append(_refused(base, refusal, None))
            continue
        with tempfile.TemporaryDirectory() as folder:
            seen = _read_with_peer(reader, path, Path(folder), count, python)
            found += [_compare(base, n, sample, seen) for n, sample in enumerate(sets, 1)]
            if refusal is not None:
                found.append(_refused(base, refusal, seen, count))
    return found


def _own_sets(path: Path) -> tuple[list[Sample], FcsError | None]:
    """Return the data sets that we read, and why there are no more if that is an error."""
    sets: list[Sample] = []
    try:
        sets.extend(read_all(path))
    except FcsError as error:
        return sets, error
    return sets, None


@dataclass(frozen=True)
class _Seen:
    """What a peer made of a file: its arrays in a folder, and what went wrong.

    Parameters
    ----------
    folder : Path
        Where the arrays are.
    reasons : list of str
        For every data set read, why there are no linear values; empty where there are.
    problem : str
        Why there are no more data sets; empty if nothing went wrong.
    """

    folder: Path
    reasons: list[str]
    problem: str

    def values(self, number: int, kind: str) -> Array | None:
        """Return the ``stored`` or ``linear`` values of a data set, if there are any."""
        file = self.folder / f"{number - 1}-{kind}.npy"
        whole = number <= len(self.reasons) and file.exists()
        return np.load(file, allow_pickle=False) if whole else None


def _read_with_peer(reader: str, path: Path, folder: Path, sets: int, python: str) -> _Seen:
    seconds = START_SECONDS + SECONDS_PER_BYTE * path.stat().st_size
    arguments = [str(folder), reader, str(path.resolve()), str(sets)]
    problem = _run(python, arguments, seconds)
    report = _report(folder) or {"sets": [], "problem": problem or "it ended without a word"}
    return _Seen(folder, report["sets"], printable(report["problem"]))


def _run(python: str, arguments: list[str], seconds: float) -> str:
    """Run the script of the peers; return what went wrong with the process itself."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            [python, script.__file__, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | ONE_THREAD,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {seconds:.0f} s"
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return f"it ended with status {done.returncode}" if done.returncode else ""


def _report(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / script.REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _refused(
    base: Comparison, refusal: FcsError, seen: _Seen | None, number: int = 1
) -> Comparison:
    """Say why we refuse, and what the peer makes of the data set."""
    detail, verdict = str(refusal), Verdict.WE_REFUSE
    values = seen.values(number, "stored") if seen else None
    if values is not None:
        detail += f" {base.reader} gives {values.shape[0]} events x {values.shape[1]} channels."
    elif seen is not None and seen.problem:
        detail += f" {base.reader}: {seen.problem}"
        verdict = Verdict.NEITHER
    return _verdict(base, number, verdict, detail)


def _compare(base: Comparison, number: int, sample: Sample, seen: _Seen) -> Comparison:
    """Hold a peer's arrays against ours, if the file is still what it was."""
    try:
        return _compare_values(base, number, sample, seen)
    except FcsError as error:
        return _refused(base, error, seen, number)


def _compare_values(base: Comparison, number: int, sample: Sample, seen: _Seen) -> Comparison:
    size = (sample.n_events, len(sample.channels))
    stored = seen.values(number, "stored")
    if stored is None:
        why = seen.problem or "it reads the first data set only"
        return _verdict(base, number, Verdict.PEER_CANNOT, why, size)
    if stored.shape != size:
        why = (
            f"{base.reader} has {stored.shape[0]} events x {stored.shape[1]} channels, we have "
            f"{size[0]} x {size[1]}"
        )
        return _verdict(base, number, Verdict.DIFFERS, why, size)
    names = sample.channel_names
    own = sample.stored
    detail, count = difference(own, stored, names)
    linear = None if count else seen.values(number, "linear")
    if linear is None:
        if not count and seen.reasons[number - 1]:
            detail = f"values only, it gives no linear ones: {seen.reasons[number - 1]}"
        verdict = Verdict.DIFFERS if count else Verdict.EQUAL
        return _verdict(base, number, verdict, detail and f"stored {detail}", size, count)
    kept = [n for n, channel in enumerate(sample.channels) if channel.role is not Role.TIME]
    decoded = sample.events()[:, kept]
    detail, count = difference(
        decoded, linear[:, kept], [names[n] for n in kept], rounding=ROUNDING
    )
    if count:
        return _verdict(base, number, Verdict.DIFFERS, f"linear {detail}", size, count)
    plain = np.array_equal(decoded, own[:, kept].astype(decoded.dtype), equal_nan=True)
    return _verdict(base, number, Verdict.EQUAL if plain else Verdict.DECODED, "", size)


def _verdict(
    base: Comparison,
    number: int,
    verdict: Verdict,
    detail: str,
    size: tuple[int, int] = (0, 0),
    count: int = 0,
) -> Comparison:
    return Comparison(
        base.name, number, base.reader, base.version, verdict, detail, *size, count
    )


def difference(
    ours: Array, theirs: Array, names: list[str] | tuple[str, ...], *, rounding: float = 0.0
) -> tuple[str, int]:
    """Find where two tables of the same shape differ.

    Parameters
    ----------
    ours, theirs : ndarray, shape (n_events, n_channels)
        NaN equals NaN; without `rounding`, 0 does not equal -0.
    names : sequence of str
        Of the channels.
    rounding : float
        Relative difference that is borne.

    Returns
    -------
    detail : str
        The first difference, with both numbers; empty if there is none.
    count : int
        Values that differ.
    """
    first, count = "", 0
    for start, differs in _differences(ours, theirs, rounding):
        if not first and differs.any():
            row, column = np.argwhere(differs)[0]
            pair = f"{ours[start + row, column]} against {theirs[start + row, column]}"
            place = f"event {start + row + 1}, channel {printable(names[column], 40)}"
            first = f"values from {place}: {pair}"
        count += int(np.count_nonzero(differs))
    return (f"{first}; {count} of {ours.size} values differ" if count else ""), count


def _differences(ours: Array, theirs: Array, rounding: float) -> Iterator[tuple[int, Array]]:
    """Yield, block by block, the number of its first event and which values differ."""
    for start in range(0, len(ours), BLOCK):
        one, two = ours[start : start + BLOCK], theirs[start : start + BLOCK]
        if one.dtype.kind == two.dtype.kind == "u":
            yield start, one != two
        elif one.dtype == np.uint64:  # float64 would round them
            yield start, one.astype(np.longdouble) != two.astype(np.longdouble)
        elif rounding:
            with np.errstate(invalid="ignore"):
                yield start, ~np.isclose(one, two, rtol=rounding, atol=0, equal_nan=True)
        else:
            bits = [np.ascontiguousarray(part, dtype=np.float64) for part in (one, two)]
            both_nan = np.isnan(bits[0]) & np.isnan(bits[1])
            yield start, (bits[0].view(np.uint64) != bits[1].view(np.uint64)) & ~both_nan
