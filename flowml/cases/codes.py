"""Stable codes of what was met on the way to the cases: nothing is skipped in silence.

The table in the documentation is made from this one. A code is never given a new meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowml.findings import Finding, Severity
from flowml.safety import printable

MOST_NAMED = 3  # files in a line
LONGEST_NAME = 120  # characters

# code: (severity, what it means)
SKIPS: dict[str, tuple[Severity, str]] = {
    "FIND-LINK": (Severity.WARN, "a symbolic link, not followed"),
    "FIND-BROKEN": (Severity.WARN, "a symbolic link that leads to nothing that can be reached"),
    "FIND-LOOP": (Severity.WARN, "a symbolic link back to a folder that holds it"),
    "FIND-TWICE": (Severity.WARN, "found already in another way, as a link was followed"),
    "FIND-SPECIAL": (Severity.WARN, "no regular file: a pipe, a socket or a device"),
    "FIND-HIDDEN": (Severity.WARN, "hidden: the name begins with a dot"),
    "FIND-PATTERN": (Severity.WARN, "the pattern does not match, or finds no case in the name"),
    "FIND-UNREADABLE": (Severity.FAIL, "a folder that cannot be read: cases may be missing"),
    "FIND-ENDING": (Severity.INFO, "no measurement by its ending"),
    "FIND-TUBE-TWICE": (Severity.REVIEW, "case and tube are those of another file; both kept"),
}


def skip(code: str, name: object) -> Finding:
    """Make a finding about a file or folder.

    Parameters
    ----------
    code : str
        A key of `SKIPS`.
    name : object
        Which one, relative to the folder given.

    Returns
    -------
    Finding
        With the severity and meaning of its code, and the name.
    """
    severity, meaning = SKIPS[code]
    return Finding(code, f"{meaning} ({printable(name, LONGEST_NAME)})", severity)


def counted(
    findings: Iterable[Finding], *, verbose: bool = False, named: bool = True
) -> list[str]:
    """Count findings by their code.

    Parameters
    ----------
    findings : iterable of Finding
        Made by `skip`.
    verbose : bool
        Whether to count those of severity ``info``, too.
    named : bool
        Whether to name the first few of each.

    Returns
    -------
    list of str
        A line for each code, the gravest first.
    """
    names: dict[str, list[str]] = {}
    for item in findings:
        name = item.message.removeprefix(SKIPS[item.code][1])[2:-1]  # " (...)"
        names.setdefault(item.code, []).append(name)
    rank = list(Severity)
    codes = sorted(names, key=lambda code: -rank.index(SKIPS[code][0]))
    return [
        _line(code, names[code], named=named)
        for code in codes
        if verbose or SKIPS[code][0] is not Severity.INFO
    ]


def _line(code: str, names: Sequence[str], *, named: bool) -> str:
    shown = f" ({listed(names, MOST_NAMED)})" if named else ""
    times = f", {len(names)} times" if len(names) > 1 else ""
    return f"{code}{times}: {SKIPS[code][1]}{shown}"


def listed(items: Sequence[str], most: int, between: str = ", ") -> str:
    """Join the first few of many.

    Parameters
    ----------
    items : sequence of str
        Fit to be shown.
    most : int
        How many to show.
    between : str
        What stands between two.

    Returns
    -------
    str
        With the number of those that are not shown.
    """
    more = [f"and {len(items) - most} more"] if len(items) > most else []
    return between.join([*items[:most], *more])
