"""What decides beyond the model: `verdict.toml`, each rule and number with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from flowml.knowledge.documents import listed, one_of, open_document
from flowml.knowledge.files import HOME
from flowml.knowledge.given import load_giveable
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.thresholds import Threshold, read_thresholds
from flowml.safety import printable

if TYPE_CHECKING:
    from pathlib import Path

    from flowml.knowledge.entries import Entry

Facts = Mapping[str, str | float]
UNKNOWN = "unknown"
DERIVED = ("in_blood", "in_tissue", "clonal_b_at_most", "trbc1", "plasma_cells_in_blood")
ANSWERS = ("leukemia", "lymphoma", "neither", "undetermined")
PHASES = ("yes", "no")
RULE_KEYS = (
    "name", "entities", "category_alone", "when", "answer", "category", "urgent", "review",
    "leukemic_phase", "says", "asks", "source",
)  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """What must hold of a fact.

    Parameters
    ----------
    of : str
        The fact.
    values : tuple of str
        One of these, where it is a text.
    at_least, below : float
        Bounds, where it is a number.
    """

    of: str
    values: tuple[str, ...] = ()
    at_least: float = -math.inf
    below: float = math.inf

    def holds(self, facts: Facts) -> bool:
        """Tell whether it holds.

        Parameters
        ----------
        facts : mapping of str to str or float
            What is known; a fact that is not fulfils nothing.

        Returns
        -------
        bool
            Whether it is known to.
        """
        fact = facts.get(self.of)
        if isinstance(fact, float):
            return not self.values and self.at_least <= fact < self.below
        return fact in self.values


@dataclass(frozen=True)
class SiteRule:
    """What decides between leukemia and lymphoma beyond the entity.

    Parameters
    ----------
    name : str
        Stands in the results.
    entities : tuple of str
        For which it is asked.
    when : tuple of Condition
        All must hold.
    answer, category, leukemic_phase : str
        What it says; empty where it leaves that as it is.
    category_alone : str
        For which it is asked where no entity is settled.
    is_urgent, is_review : bool
        What it makes of the decision.
    says, asks : str
        A clause of the reason, and what would decide.
    source : str
        Where it comes from.
    """

    name: str
    entities: tuple[str, ...]
    when: tuple[Condition, ...]
    answer: str = ""
    category: str = ""
    leukemic_phase: str = ""
    category_alone: str = ""
    is_urgent: bool = False
    is_review: bool = False
    says: str = ""
    asks: str = ""
    source: str = ""

    def holds(self, facts: Facts) -> bool:
        """Tell whether all conditions hold.

        Parameters
        ----------
        facts : mapping of str to str or float
            What is known.

        Returns
        -------
        bool
            True for a rule without conditions.
        """
        return all(condition.holds(facts) for condition in self.when)


@dataclass(frozen=True)
class Contradiction:
    """What was given, and an answer that it contradicts.

    Parameters
    ----------
    name : str
        In words.
    against : tuple of str
        Categories.
    when : tuple of Condition
        All must hold.
    is_urgent : bool
        Whether the case must be seen the same day.
    """

    name: str
    against: tuple[str, ...]
    when: tuple[Condition, ...]
    is_urgent: bool = False


@dataclass(frozen=True)
class Verdicts:
    """Everything that decides beyond the model.

    Parameters
    ----------
    rules : tuple of SiteRule
        In the order in which they are asked.
    contradictions : tuple of Contradiction
        What was given against an answer.
    detection : mapping of str to Threshold
        Events that a population must have to be seen, and to be counted.
    detection_source : str
        Where these numbers come from.
    """

    rules: tuple[SiteRule, ...]
    contradictions: tuple[Contradiction, ...]
    detection: Mapping[str, Threshold]
    detection_source: str


@lru_cache(maxsize=8)
def load_verdicts(path: Path | str | None = None) -> Verdicts:
    """Read what decides beyond the model.

    Parameters
    ----------
    path : path-like, optional
        A laboratory's own file of the same form; flowml's if not given.

    Returns
    -------
    Verdicts
        Checked: entities, categories, facts and answers are known ones.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used; the message names it.
    FlowmlError
        If the file cannot be read.
    """
    document = open_document(
        path or HOME / "verdict.toml", ("detection", "rule", "contradiction")
    )
    detection = document.table("detection")
    numbers = read_thresholds(detection, ("events_to_detect", "events_to_quantify"))
    if numbers["events_to_detect"].value < 1:
        raise detection.error("'events_to_detect' is below 1")
    return Verdicts(
        tuple(_rule(entry) for entry in document.items("rule")),
        tuple(_contradiction(entry) for entry in document.items("contradiction")),
        numbers,
        detection.text("source"),
    )


def _rule(entry: Entry) -> SiteRule:
    entry.keys(RULE_KEYS)
    tree = load_label_tree().entities
    categories = {entity.category: None for entity in tree.values()}
    rule = SiteRule(
        name=entry.text("name"),
        entities=listed(entry, "entities", tree),
        when=_conditions(entry),
        answer=_optional(entry, "answer", dict.fromkeys(ANSWERS)),
        category=_optional(entry, "category", categories),
        leukemic_phase=_optional(entry, "leukemic_phase", dict.fromkeys(PHASES)),
        category_alone=_optional(entry, "category_alone", categories),
        is_urgent=_flag(entry, "urgent"),
        is_review=_flag(entry, "review"),
        says=entry.text("says") if "says" in entry else "",
        asks=entry.text("asks") if "asks" in entry else "",
        source=entry.text("source"),
    )
    if rule.answer == "undetermined" and not (rule.says or rule.asks):
        raise entry.error("it leaves the answer undetermined; say why, or what would decide")
    return rule


def _contradiction(entry: Entry) -> Contradiction:
    entry.keys(("name", "against", "when", "urgent", "source"))
    entry.text("source")
    categories = {entity.category: None for entity in load_label_tree().entities.values()}
    against = listed(entry, "against", categories)
    return Contradiction(
        entry.text("name"), against, _conditions(entry), _flag(entry, "urgent")
    )


def _conditions(entry: Entry) -> tuple[Condition, ...]:
    return tuple(map(_condition, entry.items("when")))


def _condition(entry: Entry) -> Condition:
    entry.keys(("of", "is", "at_least", "below"))
    columns = {column.key: None for column, _ in load_giveable().columns.values()}
    fact = one_of(entry, "of", columns | dict.fromkeys(DERIVED))
    if "is" not in entry:
        if "at_least" not in entry and "below" not in entry:
            raise entry.error("expected 'is', 'at_least' or 'below'")
        least = entry.number("at_least", default=-math.inf)
        return Condition(fact, (), least, entry.number("below", default=math.inf))
    values = entry.get("is")
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise entry.error(f"'is' is {printable(repr(values), 60)}, expected a list of texts")
    return Condition(fact, tuple(values))


def _optional(entry: Entry, key: str, known: Mapping[str, object]) -> str:
    return one_of(entry, key, known) if key in entry else ""


def _flag(entry: Entry, key: str) -> bool:
    value = entry.get(key) if key in entry else False
    if not isinstance(value, bool):
        raise entry.error(f"{key!r} is {printable(repr(value), 60)}, expected true or false")
    return value
