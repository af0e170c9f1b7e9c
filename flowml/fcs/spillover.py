"""The file's own spillover matrix, checked before anyone divides by it.

Sources, in this order: ``$SPILLOVER`` (FCS 3.1, section 3.2.18), ``SPILLOVER``, ``SPILL``
and ``$SPILL`` (Diva and others), then Coulter's ``$DFCmTOn`` in percent, where m and n count
the fluorescence channels.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.keys import real_number
from flowml.records import Channel, Finding, Role, Scale, Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPILLOVER_KEYS = ("$SPILLOVER", "SPILLOVER", "SPILL", "$SPILL")
WORST_CONDITION = 1000.0
PERCENT = 100.0
COULTER_SOURCE = "$DFC"
_COULTER = re.compile(r"^\$DFC(\d{1,3})TO(\d{1,3})$")
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
    compensated = any(_COMPENSATED_NAME.match(channel.name) for channel in channels)
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
        findings.append(finding("SPILL-APPLIED", "channel names say so"))
    return spillover, Scale.COMPENSATED if compensated else Scale.RAW, findings


def _from_keywords(
    keywords: Mapping[str, str], channels: tuple[Channel, ...], findings: list[Finding]
) -> Spillover | None:
    """Read the first of the matrix keywords; report it if another one disagrees."""
    given = {key: keywords[key] for key in SPILLOVER_KEYS if keywords.get(key)}
    if not given:
        return None
    if len({value.replace(" ", "") for value in given.values()}) > 1:
        findings.append(finding("SPILL-DIFFERENT", ", ".join(given)))
    key, text = next(iter(given.items()))
    names, values = _split_matrix(text, key, len(channels))
    return checked_spillover(_known(names, channels, key), values, key, findings)


def _split_matrix(text: str, key: str, n_channels: int) -> tuple[list[str], list[str]]:
    """Split ``n,name1,...,namen,value11,...,valuenn``."""
    size_text, _, rest = text.partition(",")
    size = int(size_text) if size_text.strip().isdigit() and len(size_text) < 6 else -1
    if not 0 < size <= n_channels:
        raise FcsError(
            f"{key} declares {printable(size_text, 20)!r} detectors, "
            f"expected 1 to {n_channels}",
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
    if (np.diag(matrix) <= 0).any() or np.linalg.matrix_rank(matrix) < len(names):
        raise FcsError(f"{source} is singular: it cannot be inverted", "FCS-SPILL")
    if (condition := float(np.linalg.cond(matrix))) > WORST_CONDITION:
        findings.append(finding("SPILL-CONDITION", f"{source}, condition {condition:.3g}"))
    if np.array_equal(matrix, np.eye(len(names))):
        findings.append(finding("SPILL-IDENTITY", source))
    return Spillover(tuple(names), matrix, source)


def _from_coulter(
    keywords: Mapping[str, str], channels: tuple[Channel, ...]
) -> Spillover | None:
    """Read ``$DFCmTOn``: percent of fluorochrome m seen by the detector of n."""
    dyes = [channel.name for channel in channels if channel.role is Role.FLUORESCENCE]
    matrix = np.eye(len(dyes))
    found = False
    for key, text in keywords.items():
        match = _COULTER.match(key)
        if match is None:
            continue
        row, column = int(match[1]) - 1, int(match[2]) - 1
        share = real_number(text)
        if share is None or not (0 <= row < len(dyes) and 0 <= column < len(dyes)):
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
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FcsError(f"could not read the matrix {printable(path)}: {error}.") from error
    size = len(rows) - 1
    body = [row[-size:] for row in rows[1:]] if size > 0 else []
    names = [cell.strip() for cell in rows[0][-size:]] if size > 0 else []
    if len(names) != size or size < 1 or any(len(row) != size for row in body):
        raise FcsError(
            f"{printable(path)} is not a square matrix with a row of detector names above.",
            "FCS-SPILL",
        )
    names = [name.partition(" :: ")[0] for name in names]  # FlowJo appends the marker
    return checked_spillover(names, [cell for row in body for cell in row], str(path), [])
