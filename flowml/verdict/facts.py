"""What is known of a case beyond its files: as given, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.knowledge.verdict import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.cases import Given
    from flowml.gating.rules.evidence import Evidence
    from flowml.knowledge.verdict import Facts

BLOOD, MARROW = "blood", "marrow"
IN_BLOOD = {"blood/marrow": "yes", "both": "yes", "tissue": "no"}
IN_TISSUE = {"blood/marrow": "no", "both": "yes", "tissue": "yes"}
PER_UL = 1000.0  # of 10^9/l


def facts_of(given: Given, evidence: Evidence | None = None) -> Facts:
    """Gather what the rules of the knowledge file may ask for.

    Parameters
    ----------
    given : Given
        What was given with the case.
    evidence : Evidence, optional
        What the laboratory's own rules say.

    Returns
    -------
    mapping of str to str or float
        What is not known is not there.
    """
    facts: dict[str, str | float] = {**given.choices, **given.numbers}
    facts["in_blood"], facts["in_tissue"] = _places(given)
    for name, value in _derived(given):
        facts.setdefault(name, value)
    if trbc1 := _trbc1(evidence):
        facts["trbc1"] = trbc1
    return facts


def _places(given: Given) -> tuple[str, str]:
    """Say whether blood or marrow, and whether tissue is affected."""
    if where := given.choices.get("distribution", ""):
        return IN_BLOOD[where], IN_TISSUE[where]
    if given.specimen in {"", BLOOD, MARROW}:  # a marrow or blood is what the answers are for
        return "yes", UNKNOWN
    return UNKNOWN, "yes"


def _derived(given: Given) -> Iterator[tuple[str, float]]:
    numbers = given.numbers
    for name in ("clonal_b_cells", "lymphocytes"):  # a part is no more than its whole
        if name in numbers:
            yield "clonal_b_at_most", numbers[name]
    if "plasma_cells_blood_percent" in numbers:
        yield "plasma_cells_in_blood", numbers["plasma_cells_blood_percent"]
    if "plasma_cells_percent" in numbers and given.specimen in {"", BLOOD}:
        yield "plasma_cells_in_blood", numbers["plasma_cells_percent"]
    if "abnormal_t_per_ul" in numbers and numbers.get("lymphocytes", 0) > 0:
        share = numbers["abnormal_t_per_ul"] / (numbers["lymphocytes"] * PER_UL)
        yield "abnormal_t_percent", min(100 * share, 100.0)


def _trbc1(evidence: Evidence | None) -> str:
    """Say what the rule for T cells saw of TRBC1."""
    found = evidence.of("t_cells") if evidence else None
    if found is None or not any(name.startswith("trbc1") for name in found.numbers):
        return ""
    one_sided = any(sign.startswith("trbc1") for sign in found.signs)
    return "one-sided" if one_sided else "both"
