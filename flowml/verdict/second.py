"""A second abnormal population, where the rules see one beside the leading answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.findings import Finding, Severity
from flowml.gating.rules.clones import WITHOUT
from flowml.gating.rules.finding import PRESENT
from flowml.models.levels import ACUTE, NORMAL
from flowml.verdict.note import REVIEW, Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.gating.rules.evidence import Evidence
    from flowml.models import Prediction

# a skewed CD4:CD8 and a shift of CD3 between the two are often reactive, and many CD4+ CD3-
# cells may be monocytes: no population by themselves
NO_POPULATION = {"ratio", "cd3_difference", "cd4_without_cd3"}
LEAST_CD34 = 0.1  # of intact cells; ICC 2022: from as many on a disease of its own
MATURE = {"leukemia_lymphoma_overlap", "lymphoma", "aggressive_mature_leukemia"}


def second_population(prediction: Prediction, evidence: Evidence) -> tuple[str, list[Note]]:
    """Name abnormal populations that the leading answer does not account for.

    Parameters
    ----------
    prediction : Prediction
        The answer; without a lineage nothing is second.
    evidence : Evidence
        What the rules say.

    Returns
    -------
    text : str
        ``B (kappa restricted)``, ...; empty where there is none.
    notes : list of Note
        For review.
    """
    if not prediction.lineage or prediction.category in {"", NORMAL}:
        return "", []
    found = list(_populations(prediction, evidence))
    if not found:
        return "", []
    text = "; ".join(name for name, _ in found)
    clause = f"a second abnormal population: {text} ({' '.join(why for _, why in found)})"
    finding = Finding("SECOND-POPULATION", clause, Severity.REVIEW)
    return text, [Note(clause, REVIEW, finding)]


def _populations(prediction: Prediction, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield each with the evidence for it."""
    light = evidence.of("light_chains")
    if light and light.status == PRESENT:
        chains = [sign for sign in light.signs if sign != WITHOUT]
        if prediction.lineage != "B" and chains:
            yield f"B ({' and '.join(chains)} restricted)", light.summary
        elif prediction.category != ACUTE and len(chains) > 1:
            yield f"B ({chains[1]} restricted beside {chains[0]})", light.summary
    cells = evidence.of("t_cells")
    if cells and cells.status == PRESENT and prediction.lineage != "T":
        signs = [_in_words(sign) for sign in cells.signs if sign not in NO_POPULATION]
        yield from [(f"T ({', '.join(signs)})", cells.summary)] if signs else []
    early = evidence.of("immature_cells")
    is_mature = prediction.category in MATURE
    if early and is_mature and early.numbers.get("cd34_share", 0.0) >= LEAST_CD34:
        yield "immature cells (CD34+)", early.summary


def _in_words(sign: str) -> str:
    marker, _, what = sign.partition("_")
    if what == "low":
        return f"{marker.upper()} low or absent"
    return f"{marker.upper()} one-sided"
