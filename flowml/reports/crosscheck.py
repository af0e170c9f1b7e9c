"""What other readers make of the same files, as a table and as CSV."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowml.fcs.crosscheck import Verdict
from flowml.reports.results import csv_text
from flowml.reports.tables import aligned
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowml.fcs.crosscheck import Comparison

COLUMNS = (
    "file", "dataset", "reader", "version", "verdict", "n_events", "n_channels",
    "n_different", "detail",
)  # fmt: skip
WRONG = {Verdict.DIFFERS, Verdict.WE_REFUSE, Verdict.NEITHER}
LONGEST_DETAIL = 600


def is_wrong(found: Iterable[Comparison]) -> bool:
    """Tell whether something differs, or cannot be read by us.

    Parameters
    ----------
    found : iterable of Comparison
        Any number of files.

    Returns
    -------
    bool
        A peer that cannot read a file which we can read is not wrong.
    """
    return any(item.verdict in WRONG for item in found)


def comparison_row(item: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values, harmless to show.

    Parameters
    ----------
    item : Comparison
        One data set and reader.

    Returns
    -------
    dict
        A value for each of `COLUMNS`.
    """
    row = asdict(item)
    row["file"] = row.pop("name")
    row["verdict"] = item.verdict.value
    row["detail"] = printable(item.detail, LONGEST_DETAIL)
    return {column: row[column] for column in COLUMNS}


def crosscheck_csv(found: Sequence[Comparison]) -> str:
    """Write comparisons as CSV, a row for each data set and reader.

    Parameters
    ----------
    found : sequence of Comparison
        All of them.

    Returns
    -------
    str
        With a heading row.
    """
    rows = [comparison_row(item) for item in found]
    return csv_text(COLUMNS, [{k: str(v) for k, v in row.items()} for row in rows])


def crosscheck_text(found: Sequence[Comparison]) -> str:
    """Write comparisons for a terminal.

    Parameters
    ----------
    found : sequence of Comparison
        All of them.

    Returns
    -------
    str
        A row for each data set with a column for each reader, then what is to be said of
        single ones.
    """
    readers = list(dict.fromkeys(f"{item.reader} {item.version}" for item in found))
    rows: dict[tuple[str, int], list[str]] = {}
    for item in found:
        size = [str(n) if item.n_channels else "-" for n in (item.n_events, item.n_channels)]
        start = [item.name, str(item.dataset), *size]
        row = rows.setdefault((item.name, item.dataset), start + ["-"] * len(readers))
        row[4 + readers.index(f"{item.reader} {item.version}")] = item.verdict.value
    lines = [aligned(("file", "set", "events", "channels", *readers), list(rows.values()))]
    lines += [
        f"{printable(item.name)}, set {item.dataset}, {item.reader} ({item.verdict}): "
        f"{printable(item.detail, LONGEST_DETAIL)}"
        for item in found
        if item.detail
    ]
    return "\n".join(lines)


def crosscheck_summary(found: Sequence[Comparison], peers: Mapping[str, str]) -> list[str]:
    """Count the verdicts of each reader.

    Parameters
    ----------
    found : sequence of Comparison
        All of them.
    peers : mapping of str to str
        Reader to version.

    Returns
    -------
    list of str
        A line for each reader.
    """
    counts = Counter((item.reader, item.verdict) for item in found)
    return [
        f"{reader} {version}: "
        + ", ".join(f"{counts[reader, v]} {v}" for v in Verdict if counts[reader, v])
        for reader, version in peers.items()
    ]
