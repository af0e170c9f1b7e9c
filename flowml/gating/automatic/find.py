"""All automatic gates of one tube."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowml.errors import FlowmlError
from flowml.findings import Finding, Severity
from flowml.gating.automatic.lineages import find_b_cells, find_t_cells
from flowml.gating.automatic.names import (
    B_CELLS,
    BLASTS,
    CD4_T_CELLS,
    CD8_T_CELLS,
    CELLS,
    DEBRIS,
    GRANULOCYTES,
    KAPPA_B_CELLS,
    LAMBDA_B_CELLS,
    LYMPHOCYTES,
    MATURE_GATE,
    MONOCYTES,
    SINGLETS,
    T_CELLS,
)
from flowml.gating.automatic.reference import find_reference
from flowml.gating.automatic.scatter import find_blasts, find_mature_gate, find_myeloid
from flowml.gating.populations import SURE, Populations
from flowml.gating.rules.cells import open_cells
from flowml.gating.rules.populations import B_MARKERS
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowml.gating.automatic.found import Found
    from flowml.gating.rules.cells import Cells
    from flowml.gating.rules.cuts import Mask
    from flowml.knowledge.rules import Rulebook
    from flowml.records import Sample

AUTO, MATURE, ACUTE = "auto", "mature", "acute"
DEFAULT_GATE = {MATURE: MATURE_GATE, ACUTE: CELLS}
OF_ACUTE = frozenset({"CD34", "CD117", "TdT", "MPO", "cyCD3", "cyCD79a", "CD138"})
OF_MATURE = frozenset({*B_MARKERS, "kappa", "lambda", "CD3", "CD4", "CD5", "CD8"})
NEEDS = {  # of every population that is left out where it has no channels
    SINGLETS: "FSC-A and FSC-H",
    DEBRIS: "FSC",
    LYMPHOCYTES: "CD45 or SSC",
    MONOCYTES: "CD45 and SSC",
    GRANULOCYTES: "CD45 and SSC",
    BLASTS: "CD45 and SSC, CD34 or CD117",
    B_CELLS: "CD19, CD20 or CD22",
    KAPPA_B_CELLS: "kappa and lambda",
    LAMBDA_B_CELLS: "kappa and lambda",
    T_CELLS: "CD3",
    CD4_T_CELLS: "CD4 and CD8",
    CD8_T_CELLS: "CD4 and CD8",
}


def auto_gate(
    sample: Sample,
    panel: str = AUTO,
    *,
    compensation: str = "auto",
    book: Rulebook | None = None,
) -> Populations:
    """Gate a tube without a person.

    Parameters
    ----------
    sample : Sample
        Linear values, raw or compensated.
    panel : str
        ``mature``: the cells of interest are CD45+ events of low side scatter; ``acute``:
        they are all intact singlets, CD45-negative ones included; ``auto``: by the markers.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.
    book : Rulebook, optional
        A laboratory's own thresholds; flowml's if not given.

    Returns
    -------
    Populations
        Each with a score; those below `flowml.gating.populations.SURE` have a finding that
        says why. What the tube has no channels for is not there.

    Raises
    ------
    FlowmlError
        If the panel is none of the three.
    StateError
        If the sample is on a display scale.
    FcsError
        If it cannot be compensated.
    """
    check_panel(panel)
    return gate_tube(open_cells(sample, compensation), panel, book=book)


def check_panel(panel: str) -> None:
    """Refuse a panel that is not known.

    Parameters
    ----------
    panel : str
        As in `auto_gate`.

    Raises
    ------
    FlowmlError
        If it is none of the three.
    """
    if panel not in (AUTO, MATURE, ACUTE):
        raise FlowmlError(
            f"panel is {printable(panel, 40)!r}, expected {AUTO!r}, {MATURE!r} or {ACUTE!r}."
        )


def gate_tube(cells: Cells, panel: str = AUTO, *, book: Rulebook | None = None) -> Populations:
    """Gate a tube that was opened for the rules already.

    Parameters
    ----------
    cells : Cells
        Its events.
    panel : str
        As in `auto_gate`.
    book : Rulebook, optional
        A laboratory's own thresholds; flowml's if not given.

    Returns
    -------
    Populations
        As of `auto_gate`.

    Raises
    ------
    FlowmlError
        If the panel is none of the three.
    """
    check_panel(panel)
    tube = RuleTube(cells, book or load_rulebook())
    noticed: tuple[Finding, ...] = ()
    if panel == AUTO:
        panel, noticed = _panel_of(cells)
    found = list(_all(tube, panel))
    populations = Populations(
        _within_parents(found),
        {item.name: item.parent for item in found},
        {item.name: item.sign.score for item in found},
    )
    told = (*noticed, *_left_out(found), *_unsure(found, populations))
    return replace(populations, findings=told)


def _panel_of(cells: Cells) -> tuple[str, tuple[Finding, ...]]:
    """Tell the kind of a panel by its markers; where they do not tell, nothing is gated out."""
    markers = {marker for key in cells.levels for marker in key.split("+")}
    if markers & OF_ACUTE:
        return ACUTE, ()
    if markers & OF_MATURE:
        return MATURE, ()
    message = (
        "no marker tells whether the panel is for acute leukemias or for mature lymphocytes; "
        "all intact cells are looked at"
    )
    return ACUTE, (Finding("GATE-PANEL", message, Severity.WARN),)


def _all(tube: RuleTube, panel: str) -> Iterator[Found]:
    """Yield every population that the tube has channels for, parents first."""
    has_scatter = tube.cells.has("CD45", "SSC")
    yield from find_reference(tube)
    if panel == MATURE:
        yield find_mature_gate(tube)
    myeloid = list(find_myeloid(tube)) if has_scatter else []
    yield from myeloid
    if has_scatter or tube.cells.has("CD34") or tube.cells.has("CD117"):
        yield find_blasts(tube, myeloid[0].cells if myeloid else tube.cells.nothing())
    yield from find_b_cells(tube)
    yield from find_t_cells(tube)


def _within_parents(found: Sequence[Found]) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    for item in found:
        masks[item.name] = item.cells & masks[item.parent] if item.parent else item.cells
    return masks


def _left_out(found: Sequence[Found]) -> Iterator[Finding]:
    """Say what could not be gated for lack of channels."""
    names = {item.name for item in found}
    lacking = [f"{name} ({needs})" for name, needs in NEEDS.items() if name not in names]
    if lacking:
        message = f"not gated for lack of channels: {', '.join(lacking)}"
        yield Finding("GATE-NO-CHANNEL", message)


def _unsure(found: Sequence[Found], populations: Populations) -> Iterator[Finding]:
    """Say which gates are not sure by themselves, and which hang on one that is not."""
    for item in found:
        if populations.is_sure(item.name):
            continue
        score = populations.score(item.name)
        words = item.sign.words if item.sign.score < SURE else f"as {item.parent} are not"
        message = f"the gate of {item.name} is not sure (score {score:.2f}): {words}"
        yield Finding("GATE-UNSURE", message, Severity.WARN)
