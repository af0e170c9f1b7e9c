"""Tables of what `benchmarks/trust.py` kept: answers of models that had not seen the cases.

Run: python benchmarks/trusted.py FOLDER [--development]. Prints Markdown. Shares have Wilson's
95 % interval, or the one-sided upper 95 % bound of Clopper and Pearson where it says "at most";
AUROC has an interval of 2,000 bootstrap draws of patients. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cohort as kept
import numpy as np
from sklearn.metrics import roc_auc_score

from flowml.judging import judge
from flowml.judging.intervals import upper_bound, wilson_interval
from flowml.knowledge import load_label_tree
from flowml.models import Prediction
from flowml.models.levels import ACUTE, CONFIDENCE, NORMAL

LEVELS = ("lineage", "category", "leukemia_vs_lymphoma", "entity")
AXIS = {"leukemia_vs_lymphoma": "answer", "entity": "name"}
UNUSUAL = "MODEL-UNUSUAL"
UNDETERMINED, NOT_SETTLED = "undetermined", "not-settled"
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0)
SMALL, RESAMPLES = 0.05, 2_000
TREE = load_label_tree()


@dataclass(frozen=True)
class Asked:
    """A case, what is true of it, and what was answered."""

    truth: dict[str, str]
    answer: dict[str, Any]

    @property
    def entity(self) -> str:
        """The true entity."""
        return TREE.canonical(self.truth["entity"])

    def true(self, level: str) -> str:
        """Return what is true on a level."""
        return str(getattr(TREE.entities[self.entity], AXIS.get(level, level)))

    def said(self, level: str) -> str:
        """Return what was answered on a level; empty where nothing was."""
        if level == "leukemia_vs_lymphoma" and self.answer["rule"] in ("", NOT_SETTLED):
            return ""
        return str(self.answer[level])

    @property
    def likeliest(self) -> str:
        """The most probable entity."""
        chances = self.answer["probabilities"]
        return max(chances, key=chances.get)

    @property
    def share(self) -> float:
        """Share of neoplastic cells."""
        return float(self.truth["neoplastic_share"])

    @property
    def is_answered(self) -> bool:
        """Whether anything was said."""
        return any(self.said(level) for level in LEVELS)

    @property
    def is_sure(self) -> bool:
        """Whether an entity is given, and nothing says to look again, but how urgent it is."""
        return (
            bool(self.said("entity"))
            and self.answer["decision"] != "review"
            and self.answer["p_entity"] >= CONFIDENCE
            and UNUSUAL not in self.answer["codes"]
        )

    def prediction(self) -> Prediction:
        """Return the answer as flowml's own record."""
        told = {k: v for k, v in self.answer.items() if k not in {"candidates", "codes"}}
        return Prediction(**told, candidates=tuple(self.answer["candidates"]))


def asked(place: Path, pattern: str, truth: Iterable[dict[str, str]]) -> list[Asked]:
    """Read the answers of a stage."""
    about = {row["case_id"]: row for row in truth}
    found = []
    for path in sorted(place.glob(pattern)):
        document = json.loads(path.read_text(encoding="utf-8"))
        found += [Asked(about[row["case_id"]], row) for row in document["answers"]]
    return found


def part(hits: int, n: int) -> str:
    """Show a share with its interval."""
    low, high = wilson_interval(hits, n)
    return f"{hits} of {n} ({low:.1%} to {high:.1%})"


def most(hits: int, n: int) -> str:
    """Show errors with their upper bound."""
    return f"{hits} of {n} (at most {upper_bound(hits, n):.2%})"


def wrong(cases: Sequence[Asked], level: str) -> str:
    """Count wrong answers on a level, among those given."""
    given = [case for case in cases if case.said(level)]
    return most(sum(case.said(level) != case.true(level) for case in given), len(given))


def called(cases: Sequence[Asked], category: str, *, but: bool = False) -> int:
    """Count cases that were called a category, or anything else."""
    said = [case.said("category") for case in cases if case.said("category")]
    return sum((word == category) != but for word in said)


def figures(cases: Sequence[Asked]) -> list[tuple[str, str]]:
    """Return the rows of a stage: what, and how much."""
    n = len(cases)
    sick = [case for case in cases if case.true("category") != NORMAL]
    large = [case for case in sick if case.share >= SMALL]
    acute = [case for case in cases if case.true("category") == ACUTE]
    sure = [case for case in cases if case.is_sure]
    rows = [
        ("answered at some level", part(sum(case.is_answered for case in cases), n)),
        *((f"{level} given", part(sum(bool(case.said(level)) for case in cases), n))
          for level in LEVELS),
        *((f"wrong {level}, of those given", wrong(cases, level)) for level in LEVELS),
        ("neoplasm called normal", most(called(sick, NORMAL), len(sick))),
        (f"neoplasm of {SMALL:.0%} and more called normal",
         most(called(large, NORMAL), len(large))),
        ("acute called non-acute", most(called(acute, ACUTE, but=True), len(acute))),
        ("entity given, sure and usual", part(len(sure), n)),
        ("wrong entity, of these", most(sum(c.said("entity") != c.entity for c in sure),
                                        len(sure))),
    ]  # fmt: skip
    return rows + calibration(cases)


def calibration(cases: Sequence[Asked]) -> list[tuple[str, str]]:
    """Return accuracy and calibration error of every level."""
    found = judge(
        [case.prediction() for case in cases],
        [case.entity for case in cases],
        TREE,
        [case.truth["patient_id"] for case in cases],
    )
    rows = []
    for name, level in found.levels.items():
        accuracy = level.forced.accuracy
        low, high = f"{accuracy.low:.3f}", f"{accuracy.high:.3f}"
        shown = f"{accuracy.value:.3f} ({low} to {high})"
        rows.append((f"accuracy of the most probable {name}", shown))
        worst = max(level.classes, key=lambda each: each.calibration_error)
        largest = f"{worst.calibration_error:.3f} ({worst.name})"
        title = f"calibration error of {name}: mean of classes; largest"
        rows.append((title, f"{level.class_wise_error.value:.3f}; {largest}"))
    return rows


def by_share(cases: Sequence[Asked]) -> list[str]:
    """Return accuracy by share of neoplastic cells, a line a stratum."""
    lines = ["| neoplastic cells | cases | entity right | lineage right |", "|---|---|---|---|"]
    sick = [case for case in cases if case.true("category") != NORMAL and case.share > 0]
    for low, high in pairwise(SHARES):
        own = [case for case in sick if low < case.share <= high]
        if own:
            best = [c.likeliest for c in own]
            right = sum(name == case.entity for name, case in zip(best, own, strict=True))
            lineage = sum(
                TREE.entities[name].lineage == case.true("lineage")
                for name, case in zip(best, own, strict=True)
            )
            shown = f"{part(right, len(own))} | {part(lineage, len(own))}"
            lines.append(f"| {low:.0%} to {high:.0%} | {len(own)} | {shown} |")
    return lines


def auroc(cases: Sequence[Asked], entity: str) -> str:
    """Return how well novelty tells an unseen entity from cases held out."""
    is_new = np.array([case.entity == entity for case in cases])
    scores = np.array([case.answer["novelty"] for case in cases])
    groups = np.array([case.truth["patient_id"] for case in cases])
    names, place = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(RESAMPLES):
        weights = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        own = weights[place]
        draws.append(roc_auc_score(is_new, scores, sample_weight=own))
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{roc_auc_score(is_new, scores):.3f} ({low:.3f} to {high:.3f})"


def unseen(cases: Sequence[Asked], entity: str) -> list[tuple[str, str]]:
    """Return how an entity fares that the model has not seen."""
    new = [case for case in cases if case.entity == entity]
    n = len(new)
    novel = [
        c for c in new if c.answer["reason"].endswith("training cases") or not c.is_answered
    ]
    return [
        ("AUROC of novelty", auroc(cases, entity)),
        ("an entity given, sure and usual", part(sum(c.is_sure for c in new), n)),
        ("an entity given at all", part(sum(bool(c.said("entity")) for c in new), n)),
        ("at most a lineage given", part(sum(not c.said("category") for c in new), n)),
        ("called normal", most(called(new, NORMAL), n)),
        ("wrong lineage", wrong(new, "lineage")),
        ("nothing answered", part(len([c for c in novel if not c.is_answered]), n)),
    ]


def strata(cases: Sequence[Asked]) -> list[str]:
    """Return a line for each stratum of acute leukemia, and for the others."""
    lines = [
        "| stratum | cases | acute leukemia answered | not excluded, for review | missed |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(case.truth["stratum"] for case in cases):
        own = [case for case in cases if case.truth["stratum"] == name]
        acute = sum(case.said("category") == ACUTE for case in own)
        other = called(own, ACUTE, but=True)
        missed = most(other, len(own)) if own[0].true("category") == ACUTE else "-"
        left = len(own) - acute - other
        lines.append(f"| {name} | {len(own)} | {acute} | {part(left, len(own))} | {missed} |")
    return lines


def listed(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print a table of two columns."""
    print(f"\n**{title}**\n\n| | |\n|---|---|")
    print("\n".join(f"| {what} | {much} |" for what, much in rows))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--development", action="store_true")
    options = parser.parse_args(arguments)
    base = kept.DEVELOPMENT if options.development else kept.FINAL
    for name in kept.PANELS:
        place = kept.folder_of(options.folder, name, base)
        _, truth = kept.load(options.folder, name, base)
        for stage, title in (
            ("folds", "other patients"),
            ("instruments", "an instrument left out"),
        ):
            if cases := asked(place, f"answers-{stage}-*.json", truth):
                listed(f"{name}: {title}", figures(cases))
                if stage == "folds":
                    print("\n" + "\n".join(by_share(cases)))
        for path in sorted(place.glob("answers-unseen-without-*.json")):
            entity = path.stem.removeprefix("answers-unseen-without-")
            listed(
                f"{name}: trained without {entity}",
                unseen(asked(place, path.name, truth), entity),
            )
        if (place / "answers-strata.json").is_file():
            _, other = kept.load(options.folder, kept.STRATA, base)
            cases = asked(place, "answers-strata.json", other)
            print("\n**acute leukemia on an instrument left out**\n")
            print("\n".join(strata(cases)))


if __name__ == "__main__":
    main()
