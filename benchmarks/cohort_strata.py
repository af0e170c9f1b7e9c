"""Acute leukemias that are easily missed, on an instrument that training has not seen.

The strata are the simulator's own patients: their entity, and, where the phenotype matters,
those whose variant or clone shows it; none is made to order. Beside them stand cases that are
not acute, measured on the same instrument. Shares are those of the entity, or fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from flowml.knowledge.labels import load_label_tree
from flowml.records import Case
from flowml.simulator import Cohort, simulate
from flowml.simulator.cohort import Design
from flowml.simulator.draft import Draft
from flowml.simulator.instrument import Unit

ACUTE = "acute_leukemia"  # a category of the label tree
NOT_ACUTE = "not acute"  # the stratum beside
CANDIDATES = 60  # drafts for each case that is wanted; the rarest stratum takes about eight
# Added to the seed of the cohorts, and one more for each stratum. It was 100 until the way in
# which an acute leukemia is excluded was changed after a look at these strata.
OWN_SEED = 1_100
EXPRESSED = 1.0  # decades above a negative cell: more than a trace
NEGATIVE = 0.20  # a clone is called negative if fewer of its cells have the antigen


def anyone(_: Draft) -> bool:
    """Take every patient."""
    return True


def lacks(marker: str) -> Callable[[Draft], bool]:
    """Take patients of whose clone fewer than `NEGATIVE` of the cells have an antigen."""
    return lambda draft: expressing(draft, marker) < NEGATIVE


def is_variant(*names: str) -> Callable[[Draft], bool]:
    """Take patients with one of these variants."""
    return lambda draft: draft.details["variant"] in names


@dataclass(frozen=True)
class Stratum:
    """Cases that are alike.

    Parameters
    ----------
    name : str
        As tables call it.
    entities : tuple of str
        In equal numbers, before any are chosen; empty for all acute leukemias of the panel.
    chosen : callable
        Which of them are taken.
    share : float or None
        Neoplastic share of intact cells; the entity's own if not given.
    """

    name: str
    entities: tuple[str, ...] = ()
    chosen: Callable[[Draft], bool] = anyone
    share: float | None = None


STRATA = (
    Stratum("5 % blasts", share=0.05),
    Stratum("10 % blasts", share=0.10),
    Stratum("20 % blasts", share=0.20),
    Stratum("CD45-negative ALL", ("B-ALL",), lacks("CD45")),
    Stratum("CD34-negative AML", ("AML",), lacks("CD34")),
    Stratum("monocytic AML", ("AML",), is_variant("monoblastic", "monocytic")),
    Stratum("microgranular APL", ("APL",), is_variant("microgranular")),
    Stratum("ETP-ALL", ("ETP-ALL",)),
)


def expressing(draft: Draft, marker: str) -> float:
    """Return the share of a patient's clone that has an antigen, as the simulator knows it."""
    tube = next(tube for tube in draft.tubes if marker in tube.design.markers)
    plan, column = tube.plan, tube.design.markers.index(marker)
    above = plan.path[:, :, column] - plan.negative[column] > EXPRESSED
    having = above.mean(axis=1) * plan.cells[:, column]
    return float(np.average(having[plan.neoplastic], weights=plan.weights[plan.neoplastic]))


def drawn_strata(
    training: Design, seed: int, each: int, others: int
) -> Iterator[tuple[Case, str]]:
    """Draw all strata, and cases that are not acute.

    Parameters
    ----------
    training : Design
        Of the cohort that models are trained on: same panel and laboratory.
    seed : int
        Of the cohorts; each stratum has its own, so that no patient is in two.
    each, others : int
        Cases of each stratum, and of those that are not acute.

    Yields
    ------
    Case
        With an id that is unique over the strata.
    str
        Its stratum.
    """
    acute, rest = told_apart(training.panel.entities)
    beside = Stratum(NOT_ACUTE, rest)
    for number, stratum in enumerate((*STRATA, beside)):
        wanted = others if stratum is beside else each
        own = replace(training, seed=seed + OWN_SEED + number, units=(left_out(training),))
        for case in drawn(stratum, own, stratum.entities or acute, wanted):
            yield replace(case, case_id=f"{number}-{case.case_id}"), stratum.name


def told_apart(entities: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the acute leukemias of a panel, and its other entities."""
    known = load_label_tree().entities
    acute = tuple(name for name in entities if known[name].category == ACUTE)
    return acute, tuple(name for name in entities if name not in acute)


def left_out(training: Design) -> Unit:
    """Return a further instrument of the same laboratory."""
    last = training.units[-1]
    return replace(last, number=last.number + 1)


def drawn(
    stratum: Stratum, design: Design, entities: tuple[str, ...], wanted: int
) -> Iterator[Case]:
    """Draw as many cases of a stratum as are wanted, one a patient."""
    share = None if stratum.share is None else (stratum.share, stratum.share)
    candidates = simulate(
        design.panel.name, cases=wanted * CANDIDATES, entities=entities, seed=design.seed
    )
    cohort = Cohort(replace(design, share=share, repeated=0.0), candidates.places)
    found = 0
    for place in cohort.places:
        draft = cohort.draft(place)
        if stratum.chosen(draft):
            yield draft.case()
            found += 1
        if found == wanted:
            return
    raise SystemExit(f"{stratum.name}: {found} cases of {len(cohort)} drawn, wanted {wanted}")
