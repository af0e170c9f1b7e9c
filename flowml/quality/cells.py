"""Checks of the cells and their light: doublets, debris, what compensation left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.quality.look import MOST_DETECTORS, TubeLook, not_assessed
from flowml.quality.records import RANK, Check, Verdict
from flowml.quality.spill import LEAST_PAIRS, SHARE, matrix_error
from flowml.records import Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.quality.spill import Residues

    Floats = NDArray[np.float64]

SURE = 5.0  # standard errors
RISE = 0.03  # residue from which on a pair is said to rise


def check_doublets(look: TubeLook) -> Check:
    """Ask how many events are two cells.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Not assessed without area and height of a scatter pulse, or its width.
    """
    name, code = "doublets", "QUALITY-DOUBLETS"
    if (found := look.doublets) is None:
        return not_assessed(name, code, "no scatter pulse has area and height, or a width")
    share = float(found.mask.mean())
    said = f"{100 * share:.1f} % of events look like two cells"
    verdict = look.by_book(name, share)
    return Check(name, code, verdict, said, {"share": share, "cut": found.cut})


def check_debris(look: TubeLook) -> Check:
    """Ask how many events are debris.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Not assessed where scatter does not show where the cells lie.
    """
    name, code = "debris", "QUALITY-DEBRIS"
    if look.debris is None or look.artefacts is None:
        return not_assessed(name, code, "there is no linear scatter, or it shows no cells")
    share = float(look.debris.mean())
    numbers = {"share": share, "smallest_cells_fsc": look.artefacts.cells.fsc}
    said = f"{100 * share:.1f} % of events are far smaller than the smallest cells"
    return Check(name, code, look.by_book(name, share), said, numbers)


def check_matrix(look: TubeLook) -> Check:
    """Ask whether the matrix that was applied fits the tube.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Its sentence names the pair that is overcompensated most.
    """
    name, code, left = "matrix", "QUALITY-MATRIX", look.residues
    unmixing = look.values.unmixing
    if left is None or not np.isfinite(left.slope).any():
        return not_assessed(name, code, _why_no_residue(look))
    numbers: dict[str, float] = {}
    verdict = Verdict.PASS
    said = "negatives lie where they should"
    over, pair = _overcompensated(left)
    if pair is not None:
        slope, depth = -float(left.slope[pair]), -float(left.depth[pair])
        numbers |= {"over_slope": slope, "over_depth": depth}
        steep = look.by_book(name, slope, "slope_warn", "slope_fail")
        verdict = min(
            steep, look.by_book(name, depth, "depth_warn", "depth_fail"), key=RANK.__getitem__
        )
        if verdict is not Verdict.PASS:
            said = f"{over} of {_pair_text(look, pair)} are taken away too much"
    if unmixing is not None:
        error, count = matrix_error(left.slope, _shares(look))
        numbers |= {"n_pairs": float(count)}
        if np.isfinite(error):
            numbers |= {"error": error}
            whole = _of_all_pairs(look, name, error)
            if RANK[whole] >= RANK[verdict] and whole is not Verdict.PASS:
                said = _error_text(error) + (f"; {said}" if verdict is not Verdict.PASS else "")
                verdict = whole
    elif verdict is Verdict.PASS and look.values.sample.scale is Scale.RAW:
        return not_assessed(name, code, "no matrix was applied", numbers)
    return Check(name, code, verdict, said, numbers)


def _of_all_pairs(look: TubeLook, name: str, error: float) -> Verdict:
    """Grade what all pairs agree in; what is left may be biology, and never fails."""
    if error < 0:
        return look.by_book(name, -error, "over_warn", "over_fail")
    return Verdict.WARN if error > look.book.number(name, "under_warn") else Verdict.PASS


def _why_no_residue(look: TubeLook) -> str:
    if look.values.in_decades:
        return "values are on a display scale"
    if len(look.values.fluorescence) > MOST_DETECTORS:
        return f"more than {MOST_DETECTORS} detectors"
    return "fewer than two fluorescence channels, or no bright cells"


def _overcompensated(left: Residues) -> tuple[str, tuple[int, int] | None]:
    """Return the pair whose negatives lie lowest, and its residue in words."""
    with np.errstate(invalid="ignore"):
        sure = (left.slope < -SURE * left.error) & np.isfinite(left.slope) & (left.slope < 0)
    depth = np.where(sure, left.depth, 0.0)
    if not (depth < 0).any():
        return "", None
    pair = tuple(int(i) for i in np.unravel_index(np.argmin(depth), depth.shape))
    return f"{-100 * float(left.slope[pair]):.1f} %", (pair[0], pair[1])


def _pair_text(look: TubeLook, pair: tuple[int, int]) -> str:
    names = [look.values.channels[look.values.fluorescence[i]].name for i in pair]
    return f"{printable(names[0], 30)} in {printable(names[1], 30)}"


def _error_text(error: float) -> str:
    amount = f"{100 * abs(error):.0f} % of the matrix's shares"
    if error < 0:
        return f"overcompensated: {amount} are taken away too much"
    return f"undercompensated: as much as {amount} is left"


def _shares(look: TubeLook) -> Floats:
    """Return the matrix over all fluorescence channels; none where it does not name one."""
    values, unmixing = look.values, look.values.unmixing
    shares = np.zeros((len(values.fluorescence),) * 2)
    if unmixing is None:
        return shares
    spill = np.linalg.inv(unmixing.inverse)
    place = {column: n for n, column in enumerate(unmixing.columns.tolist())}
    known = [(n, place[row]) for n, row in enumerate(values.fluorescence) if row in place]
    if known:
        here, there = (np.array(side) for side in zip(*known, strict=True))
        shares[np.ix_(here, here)] = spill[np.ix_(there, there)]
    np.fill_diagonal(shares, 0.0)
    return shares


def check_compensation(look: TubeLook) -> Check:
    """Ask whether fluorescence that was not compensated should be.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Passes where a matrix with spillover in a few pairs or more was applied; else by the
        pairs of channels in which one rises with the other.
    """
    name, code, values = "compensation", "QUALITY-COMPENSATION", look.values
    if values.declared:
        return Check(name, code, Verdict.PASS, "the user declared the values compensated")
    if np.count_nonzero(_shares(look) >= SHARE) >= LEAST_PAIRS:
        return Check(name, code, Verdict.PASS, "a spillover matrix was applied")
    given = (
        "hardly any spillover was taken away" if values.unmixing else "no matrix was applied"
    )
    left = look.residues
    tells = np.isfinite(left.slope) if left is not None else np.zeros(0, dtype=bool)
    count = int(np.count_nonzero(tells))
    if left is None or count < look.book.number(name, "least_pairs"):
        return not_assessed(name, code, f"{given}, and too few pairs tell")
    rising = float((left.slope[tells] > RISE).mean())
    light = values.unmixed[values.fluorescence]
    negative = float(np.count_nonzero(light < 0)) / max(light.size, 1)
    numbers = {"rising": rising, "negative": negative, "n_pairs": float(count)}
    raw = (
        values.sample.scale is Scale.RAW
        and rising >= look.book.number(name, "rising_warn")
        and negative <= look.book.number(name, "most_negative")
    )
    said = f"{given}; " + (
        f"in {100 * rising:.0f} % of the pairs of channels one rises with the other, and "
        "hardly any value is negative: give another matrix (--compensation CSV)"
        if raw
        else "the values look compensated"
    )
    return Check(name, code, Verdict.WARN if raw else Verdict.PASS, said, numbers)
