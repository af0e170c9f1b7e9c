"""Files become cases: by file, by folder, or by a pattern of names."""

from __future__ import annotations

import re
import warnings
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from flowml.cases.codes import listed, skip
from flowml.cases.details import Details
from flowml.errors import CaseError
from flowml.records import Case, Tube
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.cases.entries import Found
    from flowml.findings import Finding

LAYOUTS = ("auto", "file", "folder")
CASE, TUBE, PATIENT = "case", "tube", "patient"  # groups of a pattern
EXAMPLE = r"(?P<case>[^_/]+)_(?P<tube>[^/]+)\.(fcs|lmd)"
MOST_SHOWN = 3  # names in a message


def by_layout(files: Sequence[Found], case_per: str, place_name: str) -> list[Case]:
    """Group files by their folders.

    Parameters
    ----------
    files : sequence of Found
        All files.
    case_per : str
        One of `LAYOUTS`.
    place_name : str
        Name of the folder given, for a case of the files that lie directly in it.

    Returns
    -------
    list of Case
        In the order of their first files.
    """
    groups: dict[str, list[Found]] = {}  # by file or folder, relative to the place
    for file in files:
        folder, _, _ = file.name.rpartition("/")
        alone = case_per == "file" or (case_per == "auto" and not folder)
        if case_per == "auto":
            folder = folder.partition("/")[0]
        groups.setdefault(file.name if alone else f"{folder or '.'}/", []).append(file)
    ids = _case_ids(list(groups), place_name)
    return [
        Case(ids[key], tuple(Tube(name, origin) for name, origin in group))
        for key, group in groups.items()
    ]


def _case_ids(groups: Sequence[str], place_name: str) -> dict[str, str]:
    """Name cases by file without its ending, or by folder; in full where two would be equal."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for key in groups:  # A01.fcs beside A01.LMD or a folder A01: the first has the short name
        if key == "./":
            short = place_name
        else:
            short = (
                key[:-1] if key.endswith("/") else key.removesuffix(PurePosixPath(key).suffix)
            )
        ids[key] = key if short in taken else short
        taken.add(ids[key])
    return ids


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of names, and see that it finds cases.

    Parameters
    ----------
    pattern : str
        A regular expression with a group ``case``.

    Returns
    -------
    re.Pattern
        Ready to match.

    Raises
    ------
    CaseError
        If it is no regular expression, or lacks the group.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a later Python may understand
            found = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise CaseError(
            f"the pattern {printable(pattern)!r} is not a regular expression: "
            f"{printable(error)}. Write it like {EXAMPLE!r}."
        ) from error
    if CASE not in found.groupindex:
        known = ", ".join(found.groupindex) or "none that has a name"
        raise CaseError(
            f"the pattern {printable(pattern)!r} has no group 'case'; its groups: "
            f"{printable(known)}. Write it like {EXAMPLE!r}."
        )
    return found


def by_pattern(files: Sequence[Found], pattern: str) -> tuple[list[Case], list[Finding]]:
    """Group files by what a pattern finds in their names.

    Parameters
    ----------
    files : sequence of Found
        All files.
    pattern : str
        Must match the whole of a name, which is the path relative to the folder given; its
        ending may be written in any letter case. The group ``case`` is the id, ``tube`` the
        tube's label, ``patient`` the detail ``patient_id``; any other is a detail of its name.

    Returns
    -------
    cases : list of Case
        In the order of their first files.
    findings : list of Finding
        Files without a case, and tubes that stand twice in one.

    Raises
    ------
    CaseError
        If the pattern cannot be used, matches nothing, or contradicts itself about a case.
    """
    expression = compiled(pattern)
    findings: list[Finding] = []
    tubes: dict[str, list[Tube]] = {}
    details: dict[str, Details] = {}
    errors: list[str] = []
    for file in files:
        groups = _groups(expression, file.name)
        if not (case_id := groups.pop(CASE, "")):
            findings.append(skip("FIND-PATTERN", file.name))
            continue
        label = groups.pop(TUBE, "")
        if differing := details.setdefault(case_id, Details()).add(groups):
            what = f"{printable(file.name)}: other {', '.join(differing)} than before"
            errors.append(f"{what} for {printable(case_id)!r}")
        own = details[case_id].of_tube(groups)
        tubes.setdefault(case_id, []).append(Tube(file.name, file.origin, label, own))
    if not tubes:
        raise CaseError(_nothing_matched(files, pattern))
    if errors:
        raise CaseError(
            f"the pattern finds {listed(errors, MOST_SHOWN, '; ')}. A case has one patient, "
            "and one of every other detail."
        )
    for group in tubes.values():
        findings += doubled(group)
    cases = [Case(key, tuple(group), details[key].of_case()) for key, group in tubes.items()]
    return cases, findings


def _groups(expression: re.Pattern[str], name: str) -> dict[str, str]:
    """Return the named groups, or nothing; ``patient`` under the name of its column."""
    path = PurePosixPath(name)
    lowered = name.removesuffix(path.suffix) + path.suffix.lower()
    match = expression.fullmatch(name) or expression.fullmatch(lowered)
    if match is None:
        return {}
    found = {key: (value or "").strip() for key, value in match.groupdict().items()}
    if PATIENT in found:
        found["patient_id"] = found.pop(PATIENT)
    return found


def doubled(tubes: Sequence[Tube]) -> list[Finding]:
    """Tell tubes of a case whose label another one has, too.

    Parameters
    ----------
    tubes : sequence of Tube
        Of one case; those without a label are told apart by their names.

    Returns
    -------
    list of Finding
        One for each but the first of that label.
    """
    seen: set[str] = set()
    findings = []
    for tube in tubes:
        if tube.label and tube.label in seen:
            findings.append(skip("FIND-TUBE-TWICE", tube.name))
        seen.add(tube.label)
    return findings


def _nothing_matched(files: Sequence[Found], pattern: str) -> str:
    names = [repr(printable(file.name)) for file in files]
    return (
        f"the pattern {printable(pattern)!r} finds no case in any of {len(files)} names, such "
        f"as {', '.join(names[:MOST_SHOWN])}. It must match the whole path within the folder "
        f"given, like {EXAMPLE!r}."
    )
