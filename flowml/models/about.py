"""What training cases were, for the bundle: kind of data, scales, files, panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowml.errors import ModelError
from flowml.models.panels import panel_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.features import CaseFeatures

SYNTHETIC, UNKNOWN = "synthetic", "unknown"
DATA_KINDS = ("real", "simulated-from-real", "resampled", SYNTHETIC, UNKNOWN)
# Decades between the tops of scales. Features are measured from the top, so that cytometers
# with other tops (2^18, 2^20) show a cell in about the same place, but not quite.
SCALE_GAP = 0.3


def training_record(cases: Sequence[CaseFeatures], data_kind: str | None) -> dict[str, Any]:
    """Record of training cases what later cases are held against.

    Parameters
    ----------
    cases : sequence of CaseFeatures
        With the tubes that were read.
    data_kind : str or None
        What the caller says of them; found from the files if None.

    Returns
    -------
    dict
        Plain values for the bundle: ``data_kind``, ``n_events``, ``scales`` (lowest and
        highest top of each marker), ``compensated``, ``inputs`` (SHA-256 of the files),
        ``masked`` where events were left out for their quality, and what
        `flowml.models.panels.panel_record` adds.

    Raises
    ------
    ModelError
        If simulated and other files are mixed, or simulated ones are called real.
    """
    tubes = [tube for case in cases for tube in case.tubes]
    scales: dict[str, list[float]] = {}
    for tube in tubes:
        for marker, top in tube.tops.items():
            low, high = scales.setdefault(marker, [top, top])
            scales[marker] = [min(low, top), max(high, top)]
    masked = {"masked": True} if any(tube.masked for tube in tubes) else {}
    return {
        **masked,
        **panel_record(cases),
        "data_kind": _data_kind([tube.simulated for tube in tubes], data_kind),
        "n_events": sum(tube.n_events for tube in tubes),
        "scales": scales,
        "compensated": sorted({tube.compensated for tube in tubes}),
        "inputs": sorted({tube.sha256 for tube in tubes if tube.sha256}),
    }


def mixed_scales(training: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the markers that were measured on scales that are not comparable.

    Parameters
    ----------
    training : mapping
        As `training_record` makes it.

    Returns
    -------
    tuple of str
        Markers whose tops lie more than `SCALE_GAP` decades apart.
    """
    scales = training.get("scales", {})
    return tuple(m for m, (low, high) in scales.items() if high > low * 10**SCALE_GAP)


def check_data_kind(said: str | None) -> None:
    """Refuse a kind of data that there is not, before any work is done for it.

    Parameters
    ----------
    said : str or None
        None leaves it to the files.

    Raises
    ------
    ModelError
        If it is none of `DATA_KINDS`.
    """
    if said is not None and said not in DATA_KINDS:
        raise ModelError(f"unknown data kind {said!r}; choose from {', '.join(DATA_KINDS)}.")


def _data_kind(simulated: Sequence[bool], said: str | None) -> str:
    """Find the kind of data, or check what was said of it against what the files say."""
    if said is None and any(simulated) and not all(simulated):
        raise ModelError(
            f"{sum(simulated)} of {len(simulated)} training files say that they were "
            "simulated, the others do not. Train on one kind, or say what the cases are "
            "(--data-kind synthetic)."
        )
    found = (SYNTHETIC if all(simulated) else "real") if simulated else UNKNOWN
    check_data_kind(said)
    if said not in {None, SYNTHETIC} and any(simulated):
        raise ModelError(
            f"the data kind is given as {said}, but {sum(simulated)} of {len(simulated)} "
            "training files say that they were simulated. Leave the kind out, or say synthetic."
        )
    return said or found
