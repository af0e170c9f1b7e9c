"""Write the tables of the documentation that are made from the code (docs/tables/*.md).

Run: python scripts/write_tables.py. A test fails when they are stale.
"""

from __future__ import annotations

import math
from pathlib import Path

from flowml.cases import SKIPS
from flowml.fcs.codes import FINDINGS, REFUSALS
from flowml.knowledge import load_label_tree
from flowml.knowledge.assessed import Question, load_questions, not_assessed
from flowml.knowledge.given import Column, load_giveable
from flowml.knowledge.panels import known_panels, load_panel
from flowml.knowledge.verdict import Condition, SiteRule, load_verdicts
from flowml.quality.records import CODES, DONE
from flowml.reports.casecheck import CODES as OF_CASES

PANELS = known_panels()
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "tables"


def tables() -> dict[str, str]:
    """Return the content of each file."""
    findings = [[f"`{c}`", str(s), text] for c, (s, text) in FINDINGS.items()]
    refusals = [[f"`{code}`", text] for code, text in REFUSALS.items()]
    skips = [[f"`{c}`", str(s), text] for c, (s, text) in SKIPS.items()]
    entities = [
        [e.name, e.lineage, e.category, e.answer, f"`{e.rule}`", ", ".join(e.aliases), e.source]
        for e in load_label_tree().entities.values()
    ]
    quality = [[f"`{c}`", f"{s}, fail", text] for c, (s, text) in CODES.items()]
    quality += [[f"`{c}`", str(s), text] for c, (s, text) in DONE.items()]
    questions = load_questions()
    titles = {question.key: question.title for question in questions}
    axes = [
        "entity",
        "lineage",
        "category",
        "leukemia or lymphoma",
        "rule",
        "aliases",
        "source",
    ]
    return {
        "findings.md": _table(["code", "severity", "meaning"], findings),
        "quality.md": _table(["code", "severity", "meaning"], quality),
        "cases.md": _table(
            ["code", "meaning"], [[f"`{code}`", text] for code, text in OF_CASES.items()]
        ),
        "refusals.md": _table(["code", "meaning"], refusals),
        "skipped.md": _table(["code", "severity", "meaning"], skips),
        "entities.md": _table(axes, entities),
        "panels.md": _table(
            ["panel", "on", "tubes", "entities", "scored as one"], list(map(_panel, PANELS))
        ),
        "assessed.md": _table(
            ["question", "within", "needs", "matters for", "source"],
            [_asked(question, titles) for question in questions],
        ),
        "given.md": _table(
            ["column", "what", "holds", "also called"],
            list(map(_given, {c.key: c for c, _ in load_giveable().columns.values()}.values())),
        ),
        "verdict.md": _table(
            [
                "entities",
                "where",
                "answer",
                "moved to",
                "decision",
                "rule",
                "reason",
                "source",
            ],
            list(map(_decides, load_verdicts().rules)),
        ),
        "assessed_panels.md": _table(["panel", "not assessed"], list(map(_left_open, PANELS))),
    }


def _given(column: Column) -> list[str]:
    values = ", ".join(f"`{value}`" for value in dict.fromkeys(column.values.values()))
    holds = values or f"{column.low:g} to {column.high:g} {column.unit}"
    return [f"`{column.key}`", column.title, holds, ", ".join(column.aliases)]


def _decides(rule: SiteRule) -> list[str]:
    conditions = ", ".join(_condition(condition) for condition in rule.when)
    asks = f"{rule.asks} would decide" if rule.asks else ""
    decision = "urgent" if rule.is_urgent else "review" if rule.is_review else "-"
    return [
        ", ".join(rule.entities),
        conditions or "-",
        rule.answer or "as the entity",
        rule.category or "-",
        decision,
        f"`{rule.name}`",
        "; ".join(filter(None, (rule.says, asks))),
        rule.source,
    ]


def _condition(condition: Condition) -> str:
    if condition.values:
        return f"`{condition.of}` {' or '.join(condition.values)}"
    if condition.below < math.inf:
        return f"`{condition.of}` below {condition.below:g}"
    return f"`{condition.of}` {condition.at_least:g} and more"


def _panel(name: str) -> list[str]:
    panel = load_panel(name)
    tubes = [
        f"**{tube.name}** {', '.join(s.label for s in tube.stains)}" for tube in panel.tubes
    ]
    together = [f"{one} as {other}" for one, other in panel.scored_as.items()]
    return [
        f"`{panel.name}`: {panel.title}",
        ", ".join(panel.cytometers),
        "; ".join(tubes),
        ", ".join(panel.entities),
        ", ".join(together) or "-",
    ]


def _asked(question: Question, titles: dict[str, str]) -> list[str]:
    return [
        question.title,
        titles.get(question.within, "-"),
        "; ".join(" or ".join(group) for group in question.needs),
        ", ".join(question.matters_for),
        question.source,
    ]


def _left_open(name: str) -> list[str]:
    found = not_assessed(load_panel(name).markers)
    return [f"`{name}`", ", ".join(item.title for item in found)]


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in tables().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
