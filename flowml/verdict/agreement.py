"""The laboratory's own rules, held against the answer: they change its release, never it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flowml.findings import Finding, Severity
from flowml.gating.rules.apl import UNDECIDED
from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT
from flowml.gating.rules.immature import MANY, NEEDED, SOME
from flowml.gating.rules.matutes import AGAINST_CLL, FOR_CLL
from flowml.knowledge.rules import load_rulebook
from flowml.models.levels import ACUTE, NORMAL
from flowml.verdict.note import AUTO, DENDRITIC, REVIEW, URGENT, Note

if TYPE_CHECKING:
    from flowml.gating.rules import RuleFinding
    from flowml.gating.rules.evidence import Evidence
    from flowml.models import Prediction

# rule: its code, its name in a sentence
NAMES = {
    "light_chains": ("RULE-LIGHT-CHAINS", "light chains"),
    "matutes": ("RULE-MATUTES", "Matutes score"),
    "apl": ("RULE-APL", "APL alert"),
    "immature_cells": ("RULE-IMMATURE", "immature cells"),
    "lineage": ("RULE-LINEAGE", "lineage of blasts"),
    "t_cells": ("RULE-T-CELLS", "T cells"),
}
TOLD = "told"  # beside the decisions: neither agrees nor holds back
MIXED = "ambiguous"
CLL = "CLL"


def notes_on_rules(prediction: Prediction, evidence: Evidence) -> Iterator[Note]:
    """Say of each rule whether it agrees with the answer, and what that makes of the release.

    Parameters
    ----------
    prediction : Prediction
        The answer.
    evidence : Evidence
        What the rules say.

    Yields
    ------
    Note
        Of every rule that has something to say.
    """
    if evidence.problem:
        text = f"the rules could not be asked: {evidence.problem}"
        yield Note(text, REVIEW, Finding("RULE-NOT-ASKED", text, Severity.REVIEW))
    for found in evidence.rules:
        verdict = VERDICTS[found.rule](found, prediction)
        if verdict:
            yield _note(found, verdict)


def _note(found: RuleFinding, decision: str) -> Note:
    """Tell a rule that agrees by its name, one that does not by what it says."""
    code, name = NAMES[found.rule]
    text = found.summary.rstrip(".")
    if decision == AUTO:
        return Note(finding=Finding(code, text, Severity.INFO), agrees=name)
    if decision == TOLD:
        return Note(f"{name}: {text}", finding=Finding(code, text, Severity.INFO))
    return Note(f"{name}: {text}", decision, Finding(code, text, Severity.REVIEW))


# --- what each rule makes of the decision; an empty text where it says nothing ----------------


def _light_chains(found: RuleFinding, prediction: Prediction) -> str:
    if found.status == ABSENT:
        return REVIEW if _is_mature_b(prediction) and prediction.entity else ""
    if found.status != PRESENT:
        return ""
    if prediction.category == NORMAL:
        return REVIEW
    return AUTO if _is_mature_b(prediction) else ""


def _matutes(found: RuleFinding, prediction: Prediction) -> str:
    if FOR_CLL in found.signs:
        if prediction.entity == CLL:
            return AUTO
        other = _is_mature_b(prediction) and bool(prediction.entity)
        return REVIEW if other or prediction.category == NORMAL else ""
    return REVIEW if AGAINST_CLL in found.signs and prediction.entity == CLL else ""


def _apl(found: RuleFinding, prediction: Prediction) -> str:
    """Take an alert as one whatever the model says; tell what myeloid blasts leave open."""
    if found.status == PRESENT:
        return URGENT
    if UNDECIDED in found.signs:
        return REVIEW
    acute = prediction.category == ACUTE and prediction.lineage in {"", "myeloid"}
    return TOLD if acute and found.status == NOT_ASSESSABLE else ""


def _immature(found: RuleFinding, prediction: Prediction) -> str:
    """Weigh the share: B cells with dim CD45 and plasma cells may be the clone's own.

    Where CD34 or CD117 was not measured, dim CD45 alone is a hint and no more: hematogones and
    large B cells have it too.
    """
    if found.status != PRESENT:
        return ""
    if prediction.category in {ACUTE, DENDRITIC}:  # whose cells look immature to the rule
        return AUTO
    numbers = found.numbers
    share, certain = numbers["share_of_intact"], numbers["cd34_share"] + numbers["cd117_share"]
    if _is_mature_b(prediction):
        share -= numbers["b_precursors_share"]
    if prediction.lineage == "plasma_cell":  # these have CD117 and dim CD45 themselves
        share = certain = numbers["cd34_share"]
    many, some = (load_rulebook().number(found.rule, name) for name in (MANY, SOME))
    if set(NEEDED) & set(found.missing):
        doubtful = certain >= some or share >= many
        return URGENT if certain >= many else REVIEW if doubtful else ""
    return URGENT if share >= many else REVIEW if share >= some else ""


def _lineage(found: RuleFinding, prediction: Prediction) -> str:
    if found.status == PRESENT:
        return AUTO if prediction.lineage == MIXED else REVIEW
    if prediction.category != ACUTE or not (found.signs and prediction.lineage):
        return ""
    if prediction.lineage in found.signs:
        return AUTO
    return REVIEW if prediction.lineage != MIXED else ""


def _t_cells(found: RuleFinding, prediction: Prediction) -> str:
    """Hold a normal answer back; many CD8+ T cells alone are what viruses do."""
    if found.status != PRESENT:
        return ""
    if prediction.category == NORMAL:
        return TOLD if set(found.signs) == {"ratio"} and found.numbers["ratio"] < 1 else REVIEW
    return AUTO if prediction.lineage == "T" else ""


VERDICTS: dict[str, Callable[[RuleFinding, Prediction], str]] = {
    "light_chains": _light_chains,
    "matutes": _matutes,
    "apl": _apl,
    "immature_cells": _immature,
    "lineage": _lineage,
    "t_cells": _t_cells,
}


def _is_mature_b(prediction: Prediction) -> bool:
    return prediction.lineage == "B" and prediction.category not in {"", ACUTE}
