"""Read the whole corpus in one process that may not allocate much; write down what came.

Run by the tests: ``python -m hazards.run MANIFEST OUTCOMES`` (JSON; one line an outcome).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from flowml.errors import FcsError, FlowmlError
from flowml.fcs import read_fcs
from flowml.preprocess import compensate

ROOM = 192 << 20  # bytes of address space beyond what the imports took
SECONDS = 10
BLOCKS = (1, 2, 7, 1_000_000)
NOBODY = 65534


class HangError(BaseException):
    """The alarm; no handler of exceptions may swallow it."""


def _on_alarm(*_: object) -> None:
    raise HangError


def limit() -> None:
    """Leave `ROOM` to this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def describe(path: str, how: dict[str, Any]) -> dict[str, Any]:
    """Read one file, and say all that can be said of it."""
    sample = read_fcs(path, dataset=how["dataset"], strict=how["strict"])
    stored, linear = sample.stored, sample.linear
    spillover = sample.spillover
    return {
        "findings": [[item.code, str(item.severity)] for item in sample.findings],
        "stored": stored.tolist(),
        "linear": linear.tolist(),
        "shape": list(stored.shape),
        "blocks": [size for size in how["blocks"] if not _same_blocks(sample, linear, size)],
        "names": list(sample.channel_names),
        "labels": [channel.label for channel in sample.channels],
        "markers": list(sample.markers),
        "roles": [str(channel.role) for channel in sample.channels],
        "tops": [channel.top for channel in sample.channels],
        "scale": sample.scale.value,
        "spillover": spillover and {
            "channels": list(spillover.channels), "matrix": spillover.matrix.tolist(),
            "source": spillover.source,
        },
        "keywords": {key: sample.keywords.get(key) for key in how["keywords"]},
        "name": sample.name,
        "compensated": _compensated(sample),
    }  # fmt: skip


def _same_blocks(sample: Any, linear: Any, size: int) -> bool:
    """Tell whether blocks of a size, one behind the other, are all events."""
    parts = [block.copy() for block in sample.blocks(size)]
    joined = np.concatenate(parts) if parts else linear[:0]
    sizes = all(len(part) == size for part in parts[:-1])
    return sizes and joined.dtype == linear.dtype and joined.tobytes() == linear.tobytes()


def _compensated(sample: Any) -> Any:
    try:
        return compensate(sample).linear.tolist()
    except FlowmlError as error:
        return type(error).__name__ + " " + getattr(error, "code", "")


def outcome(path: str, how: dict[str, Any]) -> dict[str, Any]:
    """Return what came of one entry."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    other = how["nobody"] and os.geteuid() == 0
    try:
        if other:
            os.seteuid(NOBODY)
        return describe(path, how)
    except FcsError as error:
        return {"refused": error.code, "message": str(error)}
    except HangError:
        return {"failed": f"HangError: nothing after {SECONDS} s"}
    except BaseException as error:
        return {"failed": f"{type(error).__name__}: {error}"[:300]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if other:
            os.seteuid(0)


def main(manifest: str, out: str) -> None:
    """Read every entry of a manifest."""
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, _on_alarm)
    entries = json.loads(Path(manifest).read_text(encoding="utf-8"))
    limit()
    with Path(out).open("w", encoding="utf-8") as stream:
        try:
            np.ones(ROOM + (64 << 20), dtype=np.uint8)
            bites = False
        except MemoryError:
            bites = True
        stream.write(json.dumps({"name": "limit", "bites": bites}) + "\n")
        for entry in entries:
            found = outcome(entry["path"], entry)
            stream.write(json.dumps({"entry": entry["name"], **found}) + "\n")
            stream.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
