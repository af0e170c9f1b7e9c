"""The file's own spillover matrix, checked before anyone divides by it.

Sources, in this order: ``$SPILLOVER`` (FCS 3.1), ``SPILLOVER``, ``SPILL``
and ``$SPILL`` (Diva and others), then Coulter's ``$DFCmTOn`` in percent, where m and n count
the fluorescence channels.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.keys import COMPENSATED_KEY, SPILLOVER_KEYS, real_number
from flowml.records import Channel, Finding, Role, Scale, Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

WORST_CONDITION = 1000.0
PERCENT = 100.0
MOST_DETECTORS = 1000  # inverting more takes minutes; instruments have up to 200
LARGEST_SHARE = 1e6
DIAGONAL_ROUNDING = 1e-3
COULTER_SOURCE = "$DFC"
_COULTER = re.compile(r"\$DFC(\d{1,3})TO(\d{1,3})", re.ASCII)
_SIZE = re.compile(r"\s*\d{1,5}\s*", re.ASCII)
_COMPENSATED_NAME = re.compile(r"^((FJ)?Comp-|<.+>$)", re.IGNORECASE)


def find_spillover(
    keywords: Mapping[str, str], channels: tuple[Channel, ...]
) -> tuple[Spillover | None, Scale, list[Finding]]:
    """Read the matrix that the file carries, and tell whether the data need it.

    Parameters
    ----------
    keywords : mapping of str to str
        The TEXT segment.
    channels : tuple of Channel
        Channels of the data set.

    Returns
    -------
    spillover : Spillover or None
        None where there is no matrix, or none that can be used.
    scale : Scale
        `Scale.COMPENSATED` where the file shows that its data are compensated already.
    findings : list of Finding
        What was found, and why a matrix cannot be used.
    """
    findings: list[Finding] = []
    compensated = COMPENSATED_KEY in keywords or any(
        _COMPENSATED_NAME.match(channel.name) for channel in channels
    )
    try:
        spillover = _from_keywords(keywords, channels, findings)
        if spillover is None:
            spillover = _from_coulter(keywords, channels)
        if spillover is None:
            findings.append(finding("SPILL-NONE"))
        elif spillover.source == COULTER_SOURCE:
            # Coulter's programs store compensated values beside the matrix they used; data
            # that another program wrote anew (floating point) deserve a look.
            rewritten = keywords.get("$DATATYPE", "").upper() != "I"
            findings.append(
                finding("SPILL-APPLIED" if rewritten else "SPILL-COULTER", COULTER_SOURCE)
            )
            return spillover, Scale.COMPENSATED, findings
    except FcsError as error:
        findings.append(finding("SPILL-UNUSABLE", str(error)))
        spillover = None
    if compensated and spillover is not None:
        findings.append(finding("SPILL-APPLIED", "names or keywords say so"))
    return spillover, Scale.COMPENSATED if compensated else Scale.RAW, findings


def _from_keywords(
    keywords: Mapping[str, str], channels: tuple[Channel, ...], findings: list[Finding]
) -> Spillover | None:
    """Read the first of the matrix keywords; report it if another one disagrees."""
    given = {key: keywords[key] for key in SPILLOVER_KEYS if keywords.get(key)}
    if not given:
        return None
    if len({_values(value) for value in given.values()}) > 1:
        findings.append(finding("SPILL-DIFFERENT", ", ".join(given)))
    key, text = next(iter(given.items()))
    names, values = _split_matrix(text, key, len(channels))
    _refuse_ambiguous(names, keywords, len(channels), key)
    return checked_spillover(_known(names, channels, key), values, key, findings)


def _refuse_ambiguous(
    names: Sequence[str], keywords: Mapping[str, str], n_channels: int, key: str
) -> None:
    """Refuse a detector whose name more than one channel has."""
    given = Counter(keywords.get(f"$P{n}N", "") for n in range(1, n_channels + 1))
    double = [name.strip() for name in names if given[name.strip()] > 1]
    if double:
        raise FcsError(
            f"{key} names the detectors {printable(', '.join(double), 120)}, and more than one "
            "channel of this file has that name",
            "FCS-SPILL",
        )


def _values(text: str) -> tuple[str | float, ...]:
    """Return names and numbers of a matrix keyword in a form that can be compared."""
    items = [item.strip() for item in text.split(",")]
    return tuple(item if (x := real_number(item)) is None else x for item in items)


def _split_matrix(text: str, key: str, n_channels: int) -> tuple[list[str], list[str]]:
    """Split ``n,name1,...,namen,value11,...,valuenn``."""
    size_text, _, rest = text.partition(",")
    size = int(size_text) if _SIZE.fullmatch(size_text) else -1
    most = min(n_channels, MOST_DETECTORS)
    if not 0 < size <= most:
        raise FcsError(
            f"{key} declares {printable(size_text, 20)!r} detectors, expected 1 to {most}",
            "FCS-SPILL",
        )
    items = rest.split(",")
    if len(items) != size + size * size:
        raise FcsError(
            f"{key} holds {len(items) - size} values for {size} detectors, expected {size**2}",
            "FCS-SPILL",
        )
    return items[:size], items[size:]


def _known(names: Sequence[str], channels: tuple[Channel, ...], key: str) -> list[str]:
    """Find each detector among the channels: by name, or by its number."""
    known = {channel.name: channel.name for channel in channels}
    known |= {str(n): channel.name for n, channel in enumerate(channels, 1)} | known
    unknown = [name for name in names if name.strip() not in known]
    if unknown:
        raise FcsError(
            f"{key} names the detectors {printable(', '.join(unknown), 120)}, which are not "
            "channels of this file",
            "FCS-SPILL",
        )
    return [known[name.strip()] for name in names]


def checked_spillover(
    names: Sequence[str], values: Sequence[str], source: str, findings: list[Finding]
) -> Spillover:
    """Turn texts into a matrix that can be inverted.

    Parameters
    ----------
    names : sequence of str
        Detectors.
    values : sequence of str
        The matrix, row by row.
    source : str
        Where it comes from, for messages.
    findings : list of Finding
        Gets what is odd.

    Returns
    -------
    Spillover
        With a diagonal of 1.

    Raises
    ------
    FcsError
        If a value is not a number, a detector stands twice, or the matrix is singular.
    """
    numbers = [real_number(value.strip()) for value in values]
    if None in numbers:
        raise FcsError(f"{source} holds a value that is not a finite number", "FCS-SPILL")
    if len(set(names)) < len(names):
        raise FcsError(f"{source} names a detector twice", "FCS-SPILL")
    matrix = np.array(numbers, dtype=np.float64).reshape(len(names), len(names))
    if np.allclose(np.diag(matrix), PERCENT):
        matrix = matrix / PERCENT
        findings.append(finding("SPILL-PERCENT", source))
    _check_values(matrix, source)
    if (condition := float(np.linalg.cond(matrix))) > WORST_CONDITION:
        findings.append(finding("SPILL-CONDITION", f"{source}, condition {condition:.3g}"))
    if np.array_equal(matrix, np.eye(len(names))):
        findings.append(finding("SPILL-IDENTITY", source))
    return Spillover(tuple(names), matrix, source)


def _check_values(matrix: NDArray[np.float64], source: str) -> None:
    """Refuse a matrix that is not one of shares, or that cannot be inverted."""
    if np.abs(matrix).max() > LARGEST_SHARE:
        raise FcsError(
            f"{source} holds the value {np.abs(matrix).max():g}, expected shares of a signal",
            "FCS-SPILL",
        )
    diagonal = np.diag(matrix)
    if np.linalg.matrix_rank(matrix) < len(matrix):
        raise FcsError(f"{source} is singular: it cannot be inverted", "FCS-SPILL")
    if not np.allclose(diagonal, 1.0, atol=DIAGONAL_ROUNDING):
        raise FcsError(
            f"{source} has a diagonal of {diagonal.min():g} to {diagonal.max():g}, expected 1 "
            "(or 100 percent)",
            "FCS-SPILL",
        )


def _from_coulter(
    keywords: Mapping[str, str], channels: tuple[Channel, ...]
) -> Spillover | None:
    """Read ``$DFCmTOn``: percent of fluorochrome m seen by the detector of n."""
    matches = [match for key in keywords if (match := _COULTER.fullmatch(key))]
    if not matches:
        return None
    dyes = [channel.name for channel in channels if channel.role is Role.FLUORESCENCE]
    if len(dyes) > MOST_DETECTORS:
        raise FcsError(
            f"{COULTER_SOURCE} stands beside {len(dyes)} fluorescence channels, expected up to "
            f"{MOST_DETECTORS}",
            "FCS-SPILL",
        )
    matrix = np.eye(len(dyes))
    found = False
    for match in matches:
        key = match[0]
        row, column = int(match[1]) - 1, int(match[2]) - 1
        share = real_number(keywords[key])
        if share is None:
            raise FcsError(f"{key} is not a number", "FCS-SPILL")
        if not (0 <= row < len(dyes) and 0 <= column < len(dyes)):
            if share:
                raise FcsError(f"{key} does not name two fluorescence channels", "FCS-SPILL")
            continue
        found = True
        matrix[row, column] += share / PERCENT
    return Spillover(tuple(dyes), matrix, COULTER_SOURCE) if found else None


def read_spillover_csv(path: Path | str) -> Spillover:
    """Read a spillover matrix from a CSV file.

    Parameters
    ----------
    path : path-like
        First row: detector names, after an optional empty or heading cell; then one row for
        each fluorochrome, optionally begun by its name.

    Returns
    -------
    Spillover
        The matrix.

    Raises
    ------
    FcsError
        If the file is not such a matrix, or the matrix cannot be inverted.
    """
    return load_spillover_csv(path)[0]


def load_spillover_csv(path: Path | str) -> tuple[Spillover, list[Finding]]:
    """Read a spillover matrix from a CSV file, and say what is odd about it.

    Parameters
    ----------
    path : path-like
        As in `read_spillover_csv`.

    Returns
    -------
    spillover : Spillover
        The matrix.
    findings : list of Finding
        A conversion from percent, a bad condition, an identity.
    """
    rows = _csv_rows(path)
    size = len(rows) - 1
    widths = {len(row) for row in rows[1:]}
    if not 1 <= size <= MOST_DETECTORS or widths not in ({size}, {size + 1}):
        raise FcsError(_not_square(path), "FCS-SPILL")
    names = [_detector(cell) for cell in rows[0][-size:]]
    if len(names) != size or "" in names or len(rows[0]) > size + 1:
        raise FcsError(_not_square(path), "FCS-SPILL")
    body = [row[-size:] for row in rows[1:]]
    if widths == {size + 1}:
        body = _in_order(body, [_detector(row[0]) for row in rows[1:]], names, path)
    findings: list[Finding] = []
    values = [cell for row in body for cell in row]
    return checked_spillover(names, values, printable(Path(path).name), findings), findings


def _csv_rows(path: Path | str) -> list[list[str]]:
    """Read the rows of a CSV file that are not blank."""
    try:
        if not Path(path).is_file():
            raise OSError("it is not there, or not a file")
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            return [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    except (OSError, ValueError, csv.Error) as error:
        raise FcsError(
            f"could not read the matrix {printable(path)}: {error}. Give a CSV file.",
            "FCS-SPILL",
        ) from error


def _detector(cell: str) -> str:
    """Return the name of a detector; FlowJo appends the marker."""
    return cell.strip().partition(" :: ")[0]


def _in_order(
    body: list[list[str]], labels: list[str], names: list[str], path: Path | str
) -> list[list[str]]:
    """Put rows that are begun by detectors in the order of the columns."""
    if labels == names or not set(labels) & set(names):
        return body
    if sorted(labels) != sorted(names):
        raise FcsError(
            f"the rows of {printable(path)} are begun by {printable(', '.join(labels), 120)}, "
            f"the columns by {printable(', '.join(names), 120)}. Name both alike.",
            "FCS-SPILL",
        )
    return [body[labels.index(name)] for name in names]


def _not_square(path: Path | str) -> str:
    return (
        f"{printable(path)} is not a square matrix of up to {MOST_DETECTORS} detectors with a "
        "row of their names above, expected commas between cells and one row for each detector."
    )
