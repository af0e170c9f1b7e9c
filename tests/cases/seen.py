"""What was found, in a form that is easy to compare."""

from __future__ import annotations


def shape(cases):
    return {case.case_id: [tube.name for tube in case.tubes] for case in cases}


def codes(findings):
    """Code of each thing passed over to its names, in order."""
    found = {}
    for item in findings:
        found.setdefault(item.code, []).append(item.message.rpartition(" (")[2][:-1])
    return found
