"""What was given with a case, understood or told; nothing is guessed, and no value is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from flowml.findings import Finding, Severity
from flowml.knowledge.given import CHOICE, Column, Giveable, folded, load_giveable

if TYPE_CHECKING:
    from collections.abc import Mapping

TREATED, SPECIMEN = "treated", "specimen"
YES, NO = "yes", "no"
# a counter of the blood and a cytometer do not agree to the last digit
TOLERANCE = 1.1
PLAIN = re.compile(r"\d{1,9}([.,]\d{1,9})?", re.ASCII)
# one thousand and more, or one and a bit: English and German write it the same way
AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}", re.ASCII)


@dataclass(frozen=True)
class Given:
    """What was given with a case.

    Parameters
    ----------
    choices : mapping of str to str
        ``specimen``, ``distribution``, ``treated``, ...: those that were given.
    numbers : mapping of str to float
        In the units of the knowledge file: those that were given.
    hidden : tuple of str
        Markers that a treatment may have taken away.
    agent : str
        What the treatment is directed against, where it is a known one.
    """

    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    hidden: tuple[str, ...] = ()
    agent: str = ""

    @property
    def specimen(self) -> str:
        """``blood``, ``marrow``, ``tissue`` or ``fluid``; empty where it is not said."""
        return self.choices.get(SPECIMEN, "")

    @property
    def was_treated(self) -> bool:
        """Whether the patient was treated, as far as it was said."""
        return self.choices.get(TREATED, NO) != NO


def specimen_of(details: Mapping[str, str]) -> str:
    """Return the specimen of a case.

    Parameters
    ----------
    details : mapping of str to str
        As a manifest gives them.

    Returns
    -------
    str
        ``blood``, ``marrow``, ``tissue`` or ``fluid``; empty where it is not said.
    """
    return given_of(details)[0].specimen


def given_of(details: Mapping[str, str]) -> tuple[Given, tuple[Finding, ...]]:
    """Understand what was given with a case.

    Parameters
    ----------
    details : mapping of str to str
        As a manifest gives them, under any name of the knowledge file; others are passed over.

    Returns
    -------
    given : Given
        What was understood, and does not contradict itself.
    findings : tuple of Finding
        What was not, each for review. Values are not shown: they may name a patient.
    """
    known = load_giveable()
    said: dict[str, set[str | float]] = {}
    findings: list[Finding] = []
    treatments: list[str] = []
    for name, text in details.items():
        column, factor = known.columns.get(folded(name), (None, 1.0))
        if column is None or not text.strip() or folded(text) in known.unknown:
            continue
        value = _value(column, text.strip(), factor)
        if value is None:
            findings.append(_not_understood(column))
        else:
            said.setdefault(column.key, set()).add(value)
            treatments += [text] if column.key == TREATED else []
    double = [key for key, values in said.items() if len(values) > 1]
    findings += [_twice(key) for key in double]
    one = {key: next(iter(values)) for key, values in said.items() if key not in double}
    for pair in _impossible(one):
        findings.append(_contradiction(*pair))
        one = {key: value for key, value in one.items() if key not in pair}
    agent, hidden = _agent(known, treatments)
    choices = {key: value for key, value in one.items() if isinstance(value, str)}
    numbers = {key: value for key, value in one.items() if isinstance(value, float)}
    if TREATED in double:  # in doubt, treated
        choices[TREATED] = YES
    return Given(choices, numbers, hidden, agent), tuple(findings)


def _value(column: Column, text: str, factor: float) -> str | float | None:
    """Return what a field says; None where it says nothing that can be used."""
    if column.kind == CHOICE:
        other = YES if column.key == TREATED else None  # the name of a treatment
        return column.values.get(folded(text), other)
    bare = text.removesuffix(column.unit).strip()
    if not PLAIN.fullmatch(bare) or AMBIGUOUS.fullmatch(bare):
        return None
    number = float(bare.replace(",", ".")) * factor
    return number if column.low <= number <= column.high else None


def _not_understood(column: Column) -> Finding:
    what = (
        f"one of {', '.join(dict.fromkeys(column.values.values()))}"
        if column.kind == CHOICE
        else f"a number from {column.low:g} to {column.high:g} {column.unit}, written like 5.2"
    )
    message = f"{column.key} ({column.title}) is not {what}; it was not used"
    return Finding("GIVEN-VALUE", message, Severity.REVIEW)


def _twice(key: str) -> Finding:
    message = f"{key} was given twice, with different values; none was used"
    return Finding("GIVEN-CONTRADICTION", message, Severity.REVIEW)


def _contradiction(part: str, whole: str) -> Finding:
    message = f"{part} are more than {whole}, of which they are a part; neither was used"
    return Finding("GIVEN-CONTRADICTION", message, Severity.REVIEW)


def _impossible(values: Mapping[str, str | float]) -> list[tuple[str, str]]:
    """List parts that are more than their whole."""
    in_a_microliter = {"clonal_b_cells": 1000.0, "abnormal_t_per_ul": 1.0}
    whole = values.get("lymphocytes")
    if not isinstance(whole, float):
        return []
    return [
        (part, "lymphocytes")
        for part, factor in in_a_microliter.items()
        if isinstance(number := values.get(part), float)
        and number * factor > whole * 1000 * TOLERANCE
    ]


def _agent(known: Giveable, treatments: list[str]) -> tuple[str, tuple[str, ...]]:
    """Name what a known treatment is directed against, and what it hides."""
    found = [known.agents[folded(t)] for t in treatments if folded(t) in known.agents]
    hidden = dict.fromkeys(marker for _, markers in found for marker in markers)
    return ", ".join(name for name, _ in found), tuple(hidden)
