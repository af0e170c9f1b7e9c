"""Channels of a data set: unique names, markers, roles, and the way to linear values.

Linear values (FCS 3.1, ``$PnE`` and ``$PnG``): an integer channel written by
a logarithmic amplifier of ``d`` decades and offset ``o`` holds ``x`` for
``o * 10 ** (d * x / $PnR)``; a linear channel holds ``x`` for ``x / $PnG``. Never both. The
time channel keeps its stored values, whose unit is ``$TIMESTEP``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.codes import finding, merged
from flowml.fcs.keys import FLOWCORE_SCALED, real_number
from flowml.knowledge.markers import LONGEST_NAME, MarkerName, name_channels
from flowml.records import Channel, Role
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.fcs.layout import Field
    from flowml.findings import Finding

DEFAULT_TOP = 262144.0  # 18 bits, what most instruments declare
LARGEST_TOP = 2.0**64  # no integer is wider
SMALLEST_TOP = 1e-6
MOST_DECADES = 10.0  # real amplifiers have 3 to 7
LOG_OFFSETS = (1e-6, 1e6)
GAINS = (1e-6, 1e6)
TIME_STEPS = (1e-12, 1e6)  # seconds
# a copy of a file keeps the name of a channel, but not always its amplifier: SS Log, FSC LogH
LOG_WORD = re.compile(r"(?<![A-Za-z])(log|Log|LOG)(?![a-z])")
# all keywords that the functions of this module look at
_TELLS_OF_CHANNELS = re.compile(
    rf"\$P\d+[NSREG]|FLOWCORE_\$P\d+RMAX|{FLOWCORE_SCALED}|\$TIMESTEP", re.ASCII
)


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
    told = tuple(pair for pair in keywords.items() if _TELLS_OF_CHANNELS.fullmatch(pair[0]))
    channels, amplifiers, findings = _described(told, fields)
    return channels, amplifiers, list(findings)


@lru_cache(maxsize=64)  # the files of a panel tell the same
def _described(
    told: tuple[tuple[str, str], ...], fields: tuple[Field, ...]
) -> tuple[tuple[Channel, ...], tuple[Amplifier, ...], tuple[Finding, ...]]:
    keywords = dict(told)
    findings: list[Finding] = []
    names = _unique_names(keywords, len(fields), findings)
    channels, amplifiers = [], []
    labels = [keywords.get(f"$P{n}S", "") for n in range(1, len(fields) + 1)]
    meanings = name_channels(zip(names, labels, strict=True))
    together = zip(names, labels, meanings, fields, strict=True)
    for n, (name, label, meaning, field) in enumerate(together, start=1):
        amplifier = _amplifier(keywords, n, field, meaning.role, findings)
        noted = _flowcore_top(keywords, n, meaning)
        top = amplifier.top if noted is None else noted / amplifier.gain
        logarithmic = amplifier.decades > 0 or LOG_WORD.search(name) is not None
        channels.append(
            Channel(name, label, meaning.marker, meaning.role, meaning.pulse, top, logarithmic)
        )
        amplifiers.append(amplifier)
    if keywords.get(FLOWCORE_SCALED, "").lower() == "applied":
        findings.append(finding("FCS-RANGE-01"))
    step = keywords.get("$TIMESTEP", "")
    if step and not TIME_STEPS[0] <= (real_number(step) or 0) <= TIME_STEPS[1]:
        findings.append(finding("FCS-KEY-09"))
    if step and all(channel.role is not Role.TIME for channel in channels):
        findings.append(finding("FCS-KEY-14"))
    return tuple(channels), tuple(amplifiers), tuple(merged(findings))


def _unique_names(
    keywords: Mapping[str, str], n_channels: int, findings: list[Finding]
) -> list[str]:
    """Return ``$PnN``, blank ones named by place and all of several equal ones numbered."""
    given = [keywords.get(f"$P{n}N", "")[:LONGEST_NAME] for n in range(1, n_channels + 1)]
    bases = [name or f"channel {n}" for n, name in enumerate(given, start=1)]
    often, taken = Counter(bases), set(bases)
    numbers = {base: count(1) for base in often}
    names: list[str] = []
    for base in bases:
        free = (f"{base}-{number}" for number in numbers[base])
        name = base if often[base] == 1 else next(name for name in free if name not in taken)
        taken.add(name)
        names.append(name)
    if names != given:
        changed = [new for new, old in zip(names, given, strict=True) if new != old]
        findings.append(finding("FCS-NAME-01", printable(", ".join(changed), 120)))
    return names


def _amplifier(
    keywords: Mapping[str, str], n: int, field: Field, role: Role, findings: list[Finding]
) -> Amplifier:
    text = keywords.get(f"$P{n}R", "")
    span = real_number(text) or 0.0
    whole = field.kind == "I"
    decades, offset = _log_scale(keywords, n, field, findings)
    if not (2.0 if whole else SMALLEST_TOP) <= span <= LARGEST_TOP:
        if decades:
            raise FcsError(
                f"$P{n}R is {printable(text, 40)!r} for a logarithmic channel, whose scale "
                "cannot be told without it; expected the number of its steps. Export again.",
                "FCS-KEY",
            )
        span = float(2**field.bits) if whole else DEFAULT_TOP
        if not whole:  # that of an integer is reported with its mask
            findings.append(finding("FCS-KEY-05", f"$P{n}R"))
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
    if field.kind != "I" and decades:
        findings.append(finding("FCS-KEY-10", f"$P{n}E"))
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
    gain = real_number(text) if f"$P{n}G" in keywords else 1.0
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
