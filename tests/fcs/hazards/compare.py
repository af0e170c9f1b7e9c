"""What came against what was declared."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from hazards.entry import NO_MATRIX, Exact, Matrix, Refused

PLAIN = ("names", "labels", "markers", "roles")


def differences(expected: Exact | Refused, found: dict[str, Any]) -> list[str]:
    """Return how an outcome differs from what was declared; empty where it does not."""
    if "failed" in found:
        return [found["failed"]]
    if isinstance(expected, Refused):
        if found.get("refused") in expected.codes:
            return []
        got = found.get("refused", f"read, with {found.get('findings')}")
        return [f"expected {sorted(expected.codes)}, got {got}: {found.get('message', '')}"]
    if "refused" in found:
        return [f"refused: {found['refused']}: {found['message']}"]
    return [*_values(expected, found), *_codes(expected, found), *_rest(expected, found)]


def same(expected: Any, found: Any, tolerance: float = 0.0) -> bool:
    """Tell whether two tables hold the same numbers, NaN included."""
    one, other = (np.array(rows, dtype=object) for rows in (expected, found))
    if one.shape != other.shape and one.size + other.size:
        return False
    if tolerance == 0 and all(isinstance(item, int) for item in one.flat):
        return one.tolist() == other.tolist()  # beyond 53 bits
    pair = one.astype(float), other.astype(float)
    return bool(np.allclose(*pair, rtol=tolerance, atol=0, equal_nan=True))


def _values(expected: Exact, found: dict[str, Any]) -> list[str]:
    odd = []
    if not same(expected.stored, found["stored"]):
        odd.append(f"stored {str(found['stored'])[:200]}, not {str(expected.stored)[:200]}")
    linear = expected.stored if expected.linear is None else expected.linear
    tolerance = 0.0 if expected.linear is None else 1e-6
    wide = [[float(x) for x in row] for row in linear]
    if not same(wide, found["linear"], tolerance):
        odd.append(f"linear {str(found['linear'])[:200]}, not {str(linear)[:200]}")
    if found["blocks"]:
        odd.append(f"blocks of {found['blocks']} are not all events")
    given = expected.compensated
    if given is not None and not same(
        given, found["compensated"], max(expected.tolerance, 1e-5)
    ):
        odd.append(f"compensated {str(found['compensated'])[:200]}, not {str(given)[:200]}")
    return odd


def _codes(expected: Exact, found: dict[str, Any]) -> list[str]:
    odd = []
    given = [code for code, _ in found["findings"]]
    for code, severity in found["findings"]:
        if severity != "info" and not any(fnmatchcase(code, item) for item in expected.codes):
            odd.append(f"{code} ({severity}) was not expected")
    odd += [
        f"{item} is missing among {given}"
        for item in sorted(expected.codes)
        if not any(fnmatchcase(code, item) for code in given)
    ]
    return odd


def _rest(expected: Exact, found: dict[str, Any]) -> list[str]:
    odd = []
    for name in PLAIN:
        wanted = getattr(expected, name)
        if wanted is not None and list(wanted) != found[name]:
            odd.append(f"{name} {str(found[name])[:200]}, not {str(wanted)[:200]}")
    if expected.tops is not None and not same([expected.tops], [found["tops"]], 1e-6):
        odd.append(f"tops {found['tops']}, not {expected.tops}")
    if expected.scale is not None and expected.scale != found["scale"]:
        odd.append(f"scale {found['scale']}, not {expected.scale}")
    for key, value in expected.keywords.items():
        if found["keywords"][key] != value:
            odd.append(f"{key} is {found['keywords'][key]!r}, not {value!r}")
    return odd + _matrix(expected.spillover, found)


def _matrix(expected: Matrix | str | None, found: dict[str, Any]) -> list[str]:
    got = found["spillover"]
    if expected is None:
        return []
    if isinstance(expected, str):
        refused = str(found["compensated"]).startswith(("FcsError FCS-SPILL", "StateError"))
        return [] if expected == NO_MATRIX and got is None and refused else [f"matrix {got}"]
    if got is None or got["channels"] != list(expected.channels):
        return [f"matrix {got}, not of {expected.channels}"]
    odd = [] if same(expected.rows, got["matrix"], 1e-9) else [f"matrix {got['matrix']}"]
    if expected.source not in {None, got["source"]}:
        odd.append(f"matrix of {got['source']}, not {expected.source}")
    return odd
