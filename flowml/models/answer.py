"""From probabilities of entities to an answer that does not contradict itself.

Probabilities of entities add up to lineage, category and the leukemia-or-lymphoma answer. Which
of these are given, `flowml.models.settling` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.findings import Finding, Severity
from flowml.knowledge.assessed import Unassessed, one_line
from flowml.knowledge.labels import AXES, LabelTree
from flowml.models.levels import MAJORITY, NORMAL
from flowml.models.novelty import FALSE_ALARMS, UNUSUAL
from flowml.models.settling import Settled, settle, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.gating.rules.evidence import Evidence
    from flowml.models.caution import Caution
    from flowml.models.novelty import Unlike

    Floats = NDArray[np.float64]

RESULT_COLUMNS = (
    "case_id", "status", "decision", "lineage", "p_lineage", "category", "p_category",
    "leukemia_vs_lymphoma", "p_leukemia", "p_lymphoma", "rule", "entity", "p_entity",
    "candidates", "novelty", "reason", "findings", "leukemic_phase", "second_population",
    "detection_limit_percent",
)  # fmt: skip

# An urgent entity at this probability keeps a case from being released automatically: a
# leading answer that is not urgent may be wrong once in ten such cases.
URGENT_SUSPICION = 0.1
SHOWN_CANDIDATES = 3
LONGEST_OPEN = 240  # characters of what is not assessed, in a reason; results.json has all
SEEN_NONE = "no abnormal population seen with these markers"
UNDETERMINED = "undetermined"
NOT_SETTLED = "not-settled"


@dataclass(frozen=True)
class Prediction:
    """The answer for one case, field by field as in ``results.csv``.

    Parameters
    ----------
    case_id : str
        The case.
    status : str
        ``answered``, ``backed_off``, ``not_classifiable`` or ``unreadable``.
    decision : str
        ``auto``, ``review`` or ``urgent``.
    lineage, category, entity : str
        Empty where the evidence does not settle them.
    p_lineage, p_category, p_entity : float
        Their probabilities; NaN where there is no answer.
    leukemia_vs_lymphoma : str
        ``leukemia``, ``lymphoma``, ``neither`` or ``undetermined``; empty without an answer.
    p_leukemia, p_lymphoma : float
        Summed probabilities of the entities that answer so.
    rule : str
        The rule behind `leukemia_vs_lymphoma`.
    reason : str
        One sentence for a person.
    findings : tuple of Finding
        Everything noticed on the way.
    probabilities : mapping of str to float
        Of every entity of the model.
    not_assessed : tuple of Unassessed
        Questions that the markers used leave open.
    candidates : tuple of str
        Entities that cannot be excluded, the likeliest first (`flowml.models.sets`).
    novelty : float
        How unlike the training cases the case is, 1 being usual; NaN where it is not known.
    panel : str
        Which of the training panels the case was stained with; empty where it is none of them.
    leukemic_phase : str
        ``yes`` or ``no`` where a count decides it for a lymphoma; empty where none does.
    second_population : str
        A second abnormal population, where the rules see one.
    detection_limit_percent : float
        Smallest share of a tube's events that could be seen as a population; NaN where it is
        not known.
    evidence : Evidence or None
        What the laboratory's own rules say; None where they were not asked.
    """

    case_id: str
    status: str
    decision: str
    reason: str
    lineage: str = ""
    p_lineage: float = np.nan
    category: str = ""
    p_category: float = np.nan
    leukemia_vs_lymphoma: str = ""
    p_leukemia: float = np.nan
    p_lymphoma: float = np.nan
    rule: str = ""
    entity: str = ""
    p_entity: float = np.nan
    findings: tuple[Finding, ...] = ()
    probabilities: Mapping[str, float] = field(default_factory=dict)
    not_assessed: tuple[Unassessed, ...] = ()
    candidates: tuple[str, ...] = ()
    novelty: float = np.nan
    panel: str = ""
    leukemic_phase: str = ""
    second_population: str = ""
    detection_limit_percent: float = np.nan
    evidence: Evidence | None = None

    @property
    def was_usable(self) -> bool:
        """Whether the model could be asked at all."""
        return bool(self.probabilities)

    def leaving_open(self, questions: Sequence[Unassessed]) -> Prediction:
        """Return the same answer, which says what it does not assess.

        Parameters
        ----------
        questions : sequence of Unassessed
            What the markers used leave open.

        Returns
        -------
        Prediction
            With the questions, in the reason too.
        """
        if not questions:
            return self
        text = one_line(questions, LONGEST_OPEN)
        reason = f"{self.reason}; not assessed by these markers: {text}"
        return replace(self, reason=reason, not_assessed=tuple(questions))

    def as_row(self, entities: Sequence[str]) -> dict[str, str | float]:
        """Return the prediction as one row of ``results.csv``.

        Parameters
        ----------
        entities : sequence of str
            Entities of the model, each of which gets a column.

        Returns
        -------
        dict
            The columns of `RESULT_COLUMNS`, then ``probability_<entity>``.
        """
        row = {name: getattr(self, name) for name in RESULT_COLUMNS}
        row["candidates"] = " ".join(self.candidates)
        row["findings"] = " ".join(dict.fromkeys(item.code for item in self.findings))
        probabilities = {
            f"probability_{name}": self.probabilities.get(name, np.nan) for name in entities
        }
        return row | probabilities


def answer(
    case_id: str,
    probabilities: Floats,
    tree: LabelTree,
    caution: Caution,
    findings: Sequence[Finding] = (),
    unlike: Unlike | None = None,
) -> Prediction:
    """Answer for one case, at the deepest level that the evidence supports.

    Parameters
    ----------
    case_id : str
        The case.
    probabilities : ndarray, shape (n_entities,), float64
        In the order of the tree's entities; adds up to 1.
    tree : LabelTree
        The entities of the model.
    caution : Caution
        What an answer must pass.
    findings : sequence of Finding
        Everything noticed on the way.
    unlike : Unlike, optional
        How unlike the training cases the case is.

    Returns
    -------
    Prediction
        With `status` ``answered``, ``backed_off`` or ``not_classifiable``.
    """
    names = list(tree.entities)
    if unlike and unlike.is_unusual:
        findings = (*findings, _novel(unlike))
    settled = settle(
        probabilities, tree, caution.levels, is_novel=bool(unlike and unlike.is_novel)
    )
    values, entity = settled.values, settled.entity
    status = "answered" if entity else "backed_off" if values else "not_classifiable"
    return Prediction(
        case_id=case_id,
        status=status,
        decision=_decision(probabilities, tree, status, caution.levels.release, findings),
        reason=_reason(status, settled, probabilities, names, caution.levels.release),
        lineage=values.get("lineage", ""),
        p_lineage=share(probabilities, tree, "lineage", values.get("lineage")),
        category=values.get("category", ""),
        p_category=share(probabilities, tree, "category", values.get("category")),
        leukemia_vs_lymphoma=values.get("answer", UNDETERMINED if values else ""),
        p_leukemia=share(probabilities, tree, "answer", "leukemia"),
        p_lymphoma=share(probabilities, tree, "answer", "lymphoma"),
        rule=_rule(probabilities, tree, values),
        entity=entity,
        p_entity=float(probabilities.max()) if entity else np.nan,
        findings=tuple(findings),
        probabilities=dict(zip(names, map(float, probabilities), strict=True)),
        candidates=tuple(names[i] for i in caution.candidates(probabilities)),
        novelty=unlike.score if unlike else np.nan,
    )


def _novel(unlike: Unlike) -> Finding:
    """Say that a case is unusual, or unlike the training cases."""
    how, often, edge = ("at the edge of", UNUSUAL, unlike.unusual)
    if unlike.is_novel:
        how, often, edge = ("unlike", FALSE_ALARMS, unlike.furthest)
    message = (
        f"the case is {how} the training cases: novelty {unlike.score:.2f}, usual is 1, and "
        f"{often:.0%} of training cases held out reached {edge:.2f}. It may be an entity that "
        "the model does not know, or measured in another way"
    )
    code = "MODEL-NOVEL" if unlike.is_novel else "MODEL-UNUSUAL"
    return Finding(code, message, Severity.REVIEW)


def _rule(probabilities: Floats, tree: LabelTree, settled: Mapping[str, str]) -> str:
    """Name the rule of the likeliest entity that gives the answer."""
    if "answer" not in settled:
        return NOT_SETTLED if settled else ""
    agreeing = [
        (p, entity.rule)
        for p, entity in zip(probabilities, tree.entities.values(), strict=True)
        if entity.answer == settled["answer"]
    ]
    return max(agreeing)[1]


def _decision(
    probabilities: Floats,
    tree: LabelTree,
    status: str,
    release: float,
    findings: Sequence[Finding],
) -> str:
    """Decide whether a person must look, and how soon."""
    urgent = [entity.urgent for entity in tree.entities.values()]
    p_urgent = float(probabilities[urgent].sum())
    if p_urgent >= MAJORITY:
        return "urgent"
    doubtful = any(f.severity in {Severity.REVIEW, Severity.FAIL} for f in findings)
    is_sure = probabilities.max() >= release
    if status != "answered" or doubtful or p_urgent >= URGENT_SUSPICION or not is_sure:
        return "review"
    return "auto"


def _reason(
    status: str,
    settled: Settled,
    probabilities: Floats,
    names: list[str],
    release: float,
) -> str:
    """Say in one sentence why the answer is what it is."""
    order = np.argsort(-probabilities, kind="stable")[:SHOWN_CANDIDATES]
    likely = ", ".join(f"{names[i]} {probabilities[i]:.2f}" for i in order)
    if status == "answered":
        normal = settled.values["category"] == NORMAL
        what = SEEN_NONE if normal else "most probable"
        sure = probabilities.max() >= release
        return f"{what}: {likely}{'' if sure else f'; below {release:.2f}, so for review'}"
    why = "; ".join(settled.withheld)
    if status == "backed_off":
        open_axes = ", ".join(axis for axis in AXES if axis not in settled.values)
        also = f" (nor {open_axes})".replace("answer", "leukemia vs lymphoma")
        what = f"no entity is sure enough{also if open_axes else ''}"
        return f"{what}: {likely}{'; ' + why if why else ''}"
    return f"not classifiable, because {why or 'nothing is sure enough'}: {likely}"


def no_answer(
    case_id: str, status: str, reason: str, findings: Sequence[Finding] = ()
) -> Prediction:
    """Return the row of a case for which no model was asked.

    Parameters
    ----------
    case_id : str
        The case.
    status : str
        ``unreadable`` or ``not_classifiable``.
    reason : str
        One sentence for a person.
    findings : sequence of Finding
        Everything noticed on the way.

    Returns
    -------
    Prediction
        Always for review.
    """
    return Prediction(case_id, status, "review", reason, findings=tuple(findings))
