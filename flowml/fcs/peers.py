"""Another reader in a process of its own: what it makes of a file, for the cross-check.

Run as a script by whatever interpreter has the reader, and so in need of nothing of flowml.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import warnings
from contextlib import suppress
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = {"FlowIO": "flowio", "fcsparser": "fcsparser", "FlowCal": "FlowCal"}
REPORT = "report.json"
ROOM = 512 << 20  # bytes of memory beside what is there when the reader has been imported
ROOM_PER_BYTE = 64  # of the file; a list of numbers takes 45 bytes for a value of one byte
LONGEST_REASON = 160


def read_flowio(path: str, sets: int) -> Iterator[tuple[Any, Any, str]]:
    """Read as leniently as FlowIO can: exclusive ends and two places for DATA are borne.

    Parameters
    ----------
    path : str
        The file.
    sets : int
        How many data sets to read.

    Yields
    ------
    stored, linear : ndarray
        As FlowIO gives them without and with its preprocessing.
    reason : str
        Why there are no linear values.
    """
    flowio = importlib.import_module("flowio")
    start = 0
    for _ in range(sets):
        data = flowio.FlowData(
            path,
            ignore_offset_error=True,
            ignore_offset_discrepancy=True,
            nextdata_offset=start,
        )
        if data.events is None:  # of widths that it does not know, after a warning
            raise NotImplementedError("it gives no events")
        stored, linear, reason = data.as_array(preprocess=False), None, ""
        try:
            linear = data.as_array(preprocess=True)
        except Exception as error:
            reason = reason_of(error)
        yield stored, linear, reason
        start += int(data.text.get("nextdata", "0"))


def read_fcsparser(path: str, sets: int) -> Iterator[tuple[Any, Any, str]]:
    """Read with fcsparser, which gives stored values only.

    Parameters
    ----------
    path : str
        The file.
    sets : int
        How many data sets to read; one too many would give the last one again.

    Yields
    ------
    tuple
        Stored values, None and nothing.
    """
    fcsparser = importlib.import_module("fcsparser")
    for number in range(sets):
        _, frame = fcsparser.parse(path, data_set=number, channel_naming="$PnN", dtype=None)
        yield frame.to_numpy(), None, ""


def read_flowcal(path: str, sets: int) -> Iterator[tuple[Any, Any, str]]:  # noqa: ARG001 - like the others
    """Read with FlowCal, which gives the stored values of the first data set.

    Parameters
    ----------
    path : str
        The file.
    sets : int
        Of no use here.

    Yields
    ------
    tuple
        Stored values, None and nothing.
    """
    yield importlib.import_module("FlowCal").io.FCSFile(path).data, None, ""


READERS = {"FlowIO": read_flowio, "fcsparser": read_fcsparser, "FlowCal": read_flowcal}


def reason_of(error: BaseException) -> str:
    """Tell an exception without what it quotes, which may be a patient's name.

    Parameters
    ----------
    error : BaseException
        Any.

    Returns
    -------
    str
        Its type, and its message from which quotations are cut.
    """
    text = re.sub(r"(['\"]).*\1", "…", str(error), flags=re.DOTALL)
    return f"{type(error).__name__}: {text}"[:LONGEST_REASON].rstrip(": ")


def installed() -> dict[str, str]:
    """Return the versions of the readers that this interpreter has, without importing them."""
    found = {}
    for reader, module in MODULES.items():
        if util.find_spec(module) is not None:
            found[reader] = "?"
            with suppress(metadata.PackageNotFoundError):
                found[reader] = metadata.version(module)
    return found


def limit_memory(size: int) -> None:
    """Let this process grow by no more than reading a file of `size` bytes takes.

    Parameters
    ----------
    size : int
        Bytes of the file.
    """
    import resource  # here, so that the rest works where there is none

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + ROOM + ROOM_PER_BYTE * size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def check_table(values: Any) -> None:
    """Refuse what a reader gives if it is no table of numbers.

    Parameters
    ----------
    values : object
        Should be an array, events in rows.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if kind not in {"u", "i", "f"} or values.ndim != 2:
        raise TypeError("it gives no table of numbers")


def dump(reader: str, path: str, folder: Path, sets: int) -> None:
    """Read a file and leave its arrays in a folder, with a report of what went wrong.

    Parameters
    ----------
    reader : str
        A key of `READERS`.
    path : str
        The file.
    folder : Path
        An empty one.
    sets : int
        How many data sets to read.
    """
    reasons: list[str] = []
    problem = ""
    try:
        numpy = importlib.import_module("numpy")
        importlib.import_module(MODULES[reader])
        with suppress(ImportError, OSError):
            limit_memory(Path(path).stat().st_size)
        for stored, linear, reason in READERS[reader](path, sets):
            for kind, values in (("stored", stored), ("linear", linear)):
                if values is not None:
                    check_table(values)
                    numpy.save(folder / f"{len(reasons)}-{kind}.npy", values)
            reasons.append(reason)
    except BaseException as error:
        problem = reason_of(error)
    report = {"sets": reasons, "problem": problem}
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Do what the cross-check asks for: list the readers, or read a file with one.

    Parameters
    ----------
    arguments : list of str
        A folder; then, to read a file, a reader, the file, and how many data sets.
    """
    here = Path(__file__).resolve().parent  # its modules must not stand in for a reader's own
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]
    warnings.simplefilter("ignore")
    folder = Path(arguments[0])
    if len(arguments) == 1:
        (folder / REPORT).write_text(json.dumps(installed()), encoding="utf-8")
    else:
        dump(arguments[1], arguments[2], folder, int(arguments[3]))


if __name__ == "__main__":
    main(sys.argv[1:])
