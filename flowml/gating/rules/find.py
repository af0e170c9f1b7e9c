"""All rules over the tubes of one case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from flowml.gating.rules.apl import apl_finding
from flowml.gating.rules.cells import Cells, open_cells
from flowml.gating.rules.evidence import Evidence, TubeEvents
from flowml.gating.rules.immature import immature_finding
from flowml.gating.rules.light_chains import light_chain_finding
from flowml.gating.rules.lineage import lineage_finding
from flowml.gating.rules.matutes import matutes_finding
from flowml.gating.rules.t_cells import t_cell_finding
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook

if TYPE_CHECKING:
    from flowml.gating.rules.finding import RuleFinding
    from flowml.knowledge.rules import Rulebook
    from flowml.records import Sample


def rule_findings(
    tubes: Sequence[Sample],
    specimen: str = "",
    *,
    compensation: str = "auto",
    book: Rulebook | None = None,
) -> tuple[RuleFinding, ...]:
    """Say what the laboratory's own rules say of a case; they never change its label.

    Parameters
    ----------
    tubes : sequence of Sample
        All tubes of the case, raw or compensated.
    specimen : str
        ``blood``, ``marrow``, or empty where it is not said.
    compensation : str
        For raw tubes, as in `flowml.preprocess.choose_unmixing`.
    book : Rulebook, optional
        A laboratory's own thresholds; flowml's if not given.

    Returns
    -------
    tuple of RuleFinding
        One for each of `RULES`, in their order, whether it could be assessed or not.

    Raises
    ------
    StateError
        If a tube is on a display scale.
    FcsError
        If a raw tube cannot be compensated.
    """
    return evidence_of([open_cells(tube, compensation) for tube in tubes], specimen, book).rules


def evidence_of(
    tubes: Sequence[Cells], specimen: str = "", book: Rulebook | None = None
) -> Evidence:
    """Say what the rules say of tubes that were opened for them, and what they stand on.

    Parameters
    ----------
    tubes : sequence of Cells
        All tubes of the case.
    specimen : str
        ``blood``, ``marrow``, or empty where it is not said.
    book : Rulebook, optional
        A laboratory's own thresholds; flowml's if not given.

    Returns
    -------
    Evidence
        One finding for each of `RULES`, and the events of each tube.
    """
    opened = [RuleTube(cells, book or load_rulebook(), specimen) for cells in tubes]
    events = tuple(TubeEvents(t.name, t.cells.n_events, t.n_intact) for t in opened)
    return Evidence(tuple(rule(opened) for rule in RULES.values()), events)


RULES: dict[str, Callable[[Sequence[RuleTube]], RuleFinding]] = {
    "light_chains": light_chain_finding,
    "matutes": matutes_finding,
    "apl": apl_finding,
    "immature_cells": immature_finding,
    "lineage": lineage_finding,
    "t_cells": t_cell_finding,
}
