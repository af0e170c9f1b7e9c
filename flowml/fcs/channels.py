"""Channels of a data set: unique names, markers, roles, and the way to linear values.

Linear values (FCS 3.1, ``$PnE`` and ``$PnG``): an integer channel written by
a logarithmic amplifier of ``d`` decades and offset ``o`` holds ``x`` for
``o * 10 ** (d * x / $PnR)``; a linear channel holds ``x`` for ``x / $PnG``. Never both. The
time channel keeps its stored values, whose unit is ``$TIMESTEP``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.fcs.codes import finding
from flowml.fcs.keys import FLOWCORE_SCALED, real_number
from flowml.knowledge.markers import LONGEST_NAME, MarkerName, name_channel
from flowml.records import Channel, Role
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.fcs.layout import Field
    from flowml.records import Finding

DEFAULT_TOP = 262144.0  # 18 bits, what most instruments declare
LARGEST_TOP = 2.0**64  # no integer is wider
SMALLEST_TOP = 1e-6
MOST_DECADES = 10.0  # real amplifiers have 3 to 7
LOG_OFFSETS = (1e-6, 1e6)
GAINS = (1e-6, 1e6)
# a copy of a file keeps the name of a channel, but not always its amplifier: SS Log, FSC LogH
LOG_WORD = re.compile(r"(?<![A-Za-z])(log|Log|LOG)(?![a-z])")


@dataclass(frozen=True, slots=True)
class Amplifier:
    """How stored values of one channel become linear ones.

    Parameters
    ----------
    decades : float
        0 for a linear channel.
    offset : float
        Linear value of the stored value 0, where `decades` is not 0.
    span : float
        ``$PnR``: number of stored values that cover the decades.
    gain : float
        Divisor of a linear channel.
    """

    decades: float = 0.0
    offset: float = 1.0
    span: float = DEFAULT_TOP
    gain: float = 1.0

    @property
    def top(self) -> float:
        """Upper end of the linear scale."""
        if self.decades:
            return float(self.offset * 10**self.decades)
        return self.span / self.gain


def describe_channels(
    keywords: Mapping[str, str], fields: tuple[Field, ...]
) -> tuple[tuple[Channel, ...], tuple[Amplifier, ...], list[Finding]]:
    """Name every channel, and say how its values become linear.

    Parameters
    ----------
    keywords : mapping of str to str
        The TEXT segment.
    fields : tuple of Field
        How each channel is written.

    Returns
    -------
    channels : tuple of Channel
        One for each field.
    amplifiers : tuple of Amplifier
        One for each field.
    findings : list of Finding
        What was odd.
    """
    findings: list[Finding] = []
    names = _unique_names(keywords, len(fields), findings)
    channels, amplifiers, unknown = [], [], []
    for n, (name, field) in enumerate(zip(names, fields, strict=True), start=1):
        label = keywords.get(f"$P{n}S", "")
        meaning = name_channel(name, label)
        amplifier = _amplifier(keywords, n, field, meaning.role, findings)
        noted = _flowcore_top(keywords, n, meaning)
        top = amplifier.top if noted is None else noted / amplifier.gain
        logarithmic = amplifier.decades > 0 or LOG_WORD.search(name) is not None
        channels.append(
            Channel(name, label, meaning.marker, meaning.role, meaning.pulse, top, logarithmic)
        )
        amplifiers.append(amplifier)
        if not meaning.known:
            unknown.append(meaning.marker)
    if unknown:
        findings.append(finding("FCS-MARKER-01", printable(", ".join(unknown), 120)))
    if keywords.get(FLOWCORE_SCALED, "").lower() == "applied":
        findings.append(finding("FCS-RANGE-01"))
    return tuple(channels), tuple(amplifiers), _merged(findings)


def _unique_names(
    keywords: Mapping[str, str], n_channels: int, findings: list[Finding]
) -> list[str]:
    """Return ``$PnN``, blank ones named by number and double ones numbered."""
    given = [keywords.get(f"$P{n}N", "")[:LONGEST_NAME] for n in range(1, n_channels + 1)]
    bases = [name or f"channel {n}" for n, name in enumerate(given, start=1)]
    taken, copies = set(bases), dict.fromkeys(bases, -1)
    names: list[str] = []
    for base in bases:
        copies[base] += 1
        name = f"{base}-{copies[base]}" if copies[base] else base
        while copies[base] and name in taken:
            copies[base] += 1
            name = f"{base}-{copies[base]}"
        taken.add(name)
        names.append(name)
    if names != given:
        changed = [new for new, old in zip(names, given, strict=True) if new != old]
        findings.append(finding("FCS-NAME-01", printable(", ".join(changed), 120)))
    return names


def _amplifier(
    keywords: Mapping[str, str], n: int, field: Field, role: Role, findings: list[Finding]
) -> Amplifier:
    span = real_number(keywords.get(f"$P{n}R", "")) or 0.0
    whole = field.kind == "I"
    if not (2.0 if whole else SMALLEST_TOP) <= span <= LARGEST_TOP:
        span = float(2**field.bits) if whole else DEFAULT_TOP
        if not whole:  # that of an integer is reported with its mask
            findings.append(finding("FCS-KEY-05", f"$P{n}R"))
    decades, offset = _log_scale(keywords, n, field, findings)
    gain = 1.0 if role is Role.TIME else _gain(keywords, n, findings)
    return Amplifier(decades, offset, span, gain)


def _log_scale(
    keywords: Mapping[str, str], n: int, field: Field, findings: list[Finding]
) -> tuple[float, float]:
    """Read ``$PnE``; floating point data are linear whatever it says (FCS 3.1)."""
    text = keywords.get(f"$P{n}E", "")[:LONGEST_NAME]
    parts = [real_number(part.strip()) for part in text.split(",")]
    decades, offset = (*parts, None)[:2]
    if len(parts) != 2 or decades is None or offset is None or not 0 <= decades <= MOST_DECADES:
        findings.append(finding("FCS-KEY-03", f"$P{n}E"))
        return 0.0, 1.0
    if field.kind != "I" or decades == 0:
        return 0.0, 1.0
    if offset == 0:
        findings.append(finding("FCS-KEY-06", f"$P{n}E"))
        offset = 1.0
    if not LOG_OFFSETS[0] <= offset <= LOG_OFFSETS[1]:
        findings.append(finding("FCS-KEY-03", f"$P{n}E"))
        return 0.0, 1.0
    return decades, offset


def _gain(keywords: Mapping[str, str], n: int, findings: list[Finding]) -> float:
    text = keywords.get(f"$P{n}G", "")
    gain = real_number(text) if text else 1.0
    if gain is None or not GAINS[0] <= gain <= GAINS[1]:
        findings.append(finding("FCS-KEY-04", f"$P{n}G"))
        return 1.0
    return gain


def _flowcore_top(keywords: Mapping[str, str], n: int, meaning: MarkerName) -> float | None:
    """Return the range that flowCore noted when it put the values on another scale."""
    if keywords.get(FLOWCORE_SCALED, "").lower() != "applied" or meaning.role is Role.TIME:
        return None
    top = real_number(keywords.get(f"FLOWCORE_$P{n}RMAX", ""))
    return top if top is not None and SMALLEST_TOP <= top <= LARGEST_TOP else None


def _merged(findings: list[Finding]) -> list[Finding]:
    """Report a code that many channels share once, with all the keywords."""
    by_code: dict[str, list[Finding]] = {}
    for item in findings:
        by_code.setdefault(item.code, []).append(item)
    merged = []
    for code, items in by_code.items():
        details = [item.message.rpartition(" (")[2].rstrip(")") for item in items]
        merged.append(items[0] if len(items) == 1 else finding(code, ", ".join(details[:20])))
    return merged
