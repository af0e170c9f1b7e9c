"""What a file says of its own spillover: the matrix, and whether its data still need it.

Sources, in this order: ``$SPILLOVER`` (FCS 3.1), ``SPILLOVER``, ``SPILL`` and ``$SPILL`` (Diva
and others), Coulter's ``$DFCmTOn``. ``$COMP`` (FCS 3.0) is never applied: the standard calls it
a compensation matrix, and neither its direction, nor its unit, nor the sign of its elements can
be told from it. A matrix is one thing, and whether the data are compensated already another:
prefixes of channel names, Coulter's keywords and Diva's ``APPLY COMPENSATION`` are evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.coulter import coulter_shares, coulter_spillover, one_for_each_detector
from flowml.fcs.keys import (
    APPLY_KEYS,
    COMP_KEY,
    COMPENSATED_KEY,
    SPILLOVER_KEYS,
    real_number,
)
from flowml.fcs.matrix import MOST_DETECTORS, checked_spillover, shares_between
from flowml.findings import Finding
from flowml.records import Channel, Scale, Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAME_SHARE = 1e-5  # two keywords that differ by less were rounded differently
_SIZE = re.compile(r"\s*\d{1,5}\s*", re.ASCII)
_COMPENSATED_NAME = re.compile(r"(?:FJ)?Comp-(.+)|<(.+)>", re.IGNORECASE | re.DOTALL)

Found = tuple[Spillover | None, Scale, list[Finding]]


def find_spillover(keywords: Mapping[str, str], channels: tuple[Channel, ...]) -> Found:
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
    signs = _signs(keywords, channels)
    try:
        spillover = _from_keywords(keywords, channels, findings)
    except FcsError as error:
        findings.append(finding("SPILL-APPLIED" if signs else "SPILL-UNUSABLE", str(error)))
        return None, Scale.COMPENSATED if signs else Scale.RAW, findings
    if spillover is None:
        return _without_keywords(keywords, channels, signs, findings)
    copies = [c.name for c in channels if _base_name(c) and c.name not in spillover.channels]
    raw = not any(_COMPENSATED_NAME.fullmatch(name) for name in spillover.channels)
    if COMPENSATED_KEY not in keywords and copies and raw:
        findings.append(finding("SPILL-MIXED", printable(", ".join(copies), 120)))
        signs = ""
    signs = signs or _coulter_beside(keywords, channels, spillover, findings)
    if signs:
        findings.append(finding("SPILL-APPLIED", f"{spillover.source}; {signs}"))
    elif _apply(keywords) == "FALSE" and shares_between(spillover.matrix).any():
        findings.append(finding("SPILL-OFF", spillover.source))
    return spillover, Scale.COMPENSATED if signs else Scale.RAW, findings


def _without_keywords(
    keywords: Mapping[str, str],
    channels: tuple[Channel, ...],
    signs: str,
    findings: list[Finding],
) -> Found:
    """Look for Coulter's matrix, then for `$COMP`, then for hints that one was lost."""
    if (beside := _of_coulter(keywords, channels, findings)) is not None:
        return beside
    copied = {c.name for c in channels} & {_base_name(c) for c in channels}
    if copied:
        findings.append(finding("SPILL-MIXED", printable(", ".join(sorted(copied)), 120)))
    if keywords.get(COMP_KEY, "").strip():
        findings.append(_about_comp(keywords[COMP_KEY]))
    elif not any(item.code == "SPILL-EMPTY" for item in findings):
        findings.append(finding("SPILL-NONE"))
    if not signs and _apply(keywords) == "TRUE":
        findings.append(finding("SPILL-LOST"))
    diva = "facsdiva" in keywords.get("CREATOR", "").replace(" ", "").casefold()
    if not signs and diva and keywords.get("$DATATYPE", "").strip().upper() == "I":
        findings.append(finding("SPILL-EXPORT"))
    return None, Scale.COMPENSATED if signs else Scale.RAW, findings


def _signs(keywords: Mapping[str, str], channels: Sequence[Channel]) -> str:
    """Say why the data seem to be compensated already; empty where nothing says so."""
    if COMPENSATED_KEY in keywords:
        return f"{COMPENSATED_KEY} says so"
    named = [channel.name for channel in channels if _base_name(channel)]
    return f"named {printable(', '.join(named), 80)}" if named else ""


def _base_name(channel: Channel) -> str:
    """Return FITC-A for ``Comp-FITC-A``, ``FJComp-FITC-A`` and ``<FITC-A>``, or nothing."""
    match = _COMPENSATED_NAME.fullmatch(channel.name)
    return (match[1] or match[2]) if match else ""


def _apply(keywords: Mapping[str, str]) -> str:
    """Return whether compensation was on when the file was written: TRUE, FALSE or nothing."""
    said = next((keywords[key] for key in APPLY_KEYS if key in keywords), "")
    return said.strip().upper()


def _from_keywords(
    keywords: Mapping[str, str], channels: tuple[Channel, ...], findings: list[Finding]
) -> Spillover | None:
    """Read the first of the matrix keywords; report it if another one disagrees."""
    given = {key: keywords[key] for key in SPILLOVER_KEYS if keywords.get(key, "").strip()}
    given = {key: text for key, text in given.items() if not _holds_nothing(text)}
    empty = [key for key, text in given.items() if _holds_names_only(text)]
    if empty:
        findings.append(finding("SPILL-EMPTY", ", ".join(empty)))
    given = {key: text for key, text in given.items() if key not in empty}
    if not given:
        return None
    first, *others = given
    try:
        spillover = _one_keyword(first, keywords, channels, findings)
    except FcsError:
        if any(_values(given[first]) != _values(given[key]) for key in others):
            findings.append(finding("SPILL-DIFFERENT", ", ".join(given)))
        raise
    if any(not _agrees(spillover, key, keywords, channels) for key in others):
        findings.append(finding("SPILL-DIFFERENT", ", ".join(given)))
    return spillover


def _holds_nothing(text: str) -> bool:
    """Tell ``0``: a matrix of no detectors."""
    return text.strip(" ,0") == ""


def _holds_names_only(text: str) -> bool:
    """Tell a keyword that names its detectors and leaves it at that, as MACSQuant's do."""
    size_text, _, rest = text.partition(",")
    if not _SIZE.fullmatch(size_text):
        return False
    items = [item.strip() for item in rest.split(",")]
    names, values = items[: int(size_text)], items[int(size_text) :]
    return len(names) == int(size_text) > 0 and all(names) and not any(values)


def _one_keyword(
    key: str,
    keywords: Mapping[str, str],
    channels: tuple[Channel, ...],
    findings: list[Finding],
) -> Spillover:
    own = tuple(channel.name for channel in channels)
    given = tuple(keywords.get(f"$P{n}N", "") for n in range(1, len(own) + 1))
    found, noticed = _parsed(key, keywords[key], own, given)
    findings.extend(noticed)
    if isinstance(found, Spillover):
        return found
    raise FcsError(*found)


@lru_cache(maxsize=64)  # the tubes of a panel and a day have the same matrix
def _parsed(
    key: str, text: str, own: tuple[str, ...], given: tuple[str, ...]
) -> tuple[Spillover | tuple[str, str], tuple[Finding, ...]]:
    """Return the matrix, or message and code of why there is none, and what was noticed.

    No error is kept: its traceback would keep the keywords of every file it was raised for.
    """
    findings: list[Finding] = []
    try:
        names, values = _split_matrix(text, key, len(own))
        _refuse_ambiguous(names, given, key)
        known = _known(names, own, key)
        if known != sorted(known, key=own.index):
            findings.append(finding("SPILL-ORDER", key))
        return checked_spillover(known, values, key, findings), tuple(findings)
    except FcsError as error:
        return (str(error), error.code), tuple(findings)


def _agrees(
    spillover: Spillover, key: str, keywords: Mapping[str, str], channels: tuple[Channel, ...]
) -> bool:
    """Tell whether a second keyword holds the same matrix, in any order and unit."""
    try:
        return _same_matrix(spillover, _one_keyword(key, keywords, channels, []))
    except FcsError:
        return False


def _same_matrix(one: Spillover, other: Spillover) -> bool:
    if set(one.channels) != set(other.channels):
        return False
    order = [other.channels.index(name) for name in one.channels]
    turned = other.matrix[np.ix_(order, order)]
    return bool(np.allclose(one.matrix, turned, rtol=0, atol=SAME_SHARE))


def _refuse_ambiguous(names: Sequence[str], given: Sequence[str], key: str) -> None:
    """Refuse a detector whose name more than one channel has."""
    often = Counter(given)
    double = [name.strip() for name in names if often[name.strip()] > 1]
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


def _known(names: Sequence[str], own: Sequence[str], key: str) -> list[str]:
    """Find each detector among the channels: by name, or by its number."""
    known = {name: name for name in own}
    known |= {str(n): name for n, name in enumerate(own, 1)} | known
    unknown = [name for name in names if name.strip() not in known]
    if unknown:
        raise FcsError(
            f"{key} names the detectors {printable(', '.join(unknown), 120)}, which are not "
            "channels of this file",
            "FCS-SPILL",
        )
    return [known[name.strip()] for name in names]


def _of_coulter(
    keywords: Mapping[str, str], channels: tuple[Channel, ...], findings: list[Finding]
) -> Found | None:
    """Read the matrix that stands beside data which Coulter's program compensated with it."""
    # Data that another program wrote anew (floating point) deserve a look.
    own = keywords.get("$DATATYPE", "").strip().upper() == "I"
    code = "SPILL-COULTER" if own else "SPILL-APPLIED"
    try:
        found = coulter_spillover(keywords, one_for_each_detector(channels), findings)
    except FcsError as error:  # of no consequence: nobody is going to apply it
        return None, Scale.COMPENSATED, [*findings, finding(code, str(error))]
    if found is None:
        return None
    return found, Scale.COMPENSATED, [*findings, finding(code, found.source)]


def _coulter_beside(
    keywords: Mapping[str, str],
    channels: tuple[Channel, ...],
    spillover: Spillover,
    findings: list[Finding],
) -> str:
    """Say that a matrix of Coulter's, too, stands in the file; compare the two."""
    try:
        if not any(coulter_shares(keywords).values()):
            return ""
        other = coulter_spillover(keywords, one_for_each_detector(channels))
        differ = other is None or not _same_matrix(spillover, other)
    except FcsError:
        differ = True
    if differ:
        findings.append(finding("SPILL-DIFFERENT", f"{spillover.source}, $DFC"))
    return "$DFC is what Coulter's programs write beside data that they compensated"


def _about_comp(text: str) -> Finding:
    """Tell a `$COMP` that says nothing from one that cannot be understood."""
    size_text, _, rest = text.partition(",")
    numbers = [real_number(item.strip()) for item in rest.split(",")]
    size = int(size_text) if _SIZE.fullmatch(size_text) else 0
    if 0 < size <= MOST_DETECTORS and len(numbers) == size * size and None not in numbers:
        matrix = np.array(numbers, dtype=np.float64).reshape(size, size)
        if not np.any(matrix - np.diag(np.diag(matrix))):
            return finding("SPILL-IDENTITY", COMP_KEY)
    return finding("SPILL-COMP")
