"""A judgement as tables for a terminal: what counts first, every share with its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from flowml.judging.answered import CATEGORY, ENTITY, LINEAGE
from flowml.reports.tables import aligned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.judging import Estimate, Judgement
    from flowml.judging.beside import Beside
    from flowml.judging.compare import Difference
    from flowml.judging.harms import Harm, Question
    from flowml.judging.judge import LevelJudgement
    from flowml.judging.strata import Stratum

QUESTION_NAMES = {"acute_leukemia": "acute leukemia", "neoplasm": "any neoplasm"}
NO_ANSWER = "(none)"
ONE_IN_A_HUNDRED = 0.01
SHOWN_LEVELS = (ENTITY, LINEAGE, CATEGORY)  # of several recipes
WIDEST = 14  # columns of a confusion that a terminal holds


def shown(estimate: Estimate, digits: int = 2) -> str:
    """Write a figure with its interval.

    Parameters
    ----------
    estimate : Estimate
        Any.
    digits : int
        Decimals.

    Returns
    -------
    str
        ``0.93 (0.90 to 0.95)``; without an interval where it is not known, ``-`` where there
        is nothing to compute it from.
    """
    value, low, high = estimate
    if math.isnan(value):
        return "-"
    if not estimate.has_interval:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def judgement_text(judgement: Judgement) -> str:
    """Write what answers are worth.

    Parameters
    ----------
    judgement : Judgement
        Any.

    Returns
    -------
    str
        For a terminal; intervals are 95 %, by patient.
    """
    levels = list(judgement.levels.values())
    parts = [
        _levels(levels),
        _harms(judgement.harms),
        _questions(judgement.questions),
        _chances(levels),
        *(_strata(name, rows) for name, rows in judgement.strata.items()),
        _confusion(judgement.levels[ENTITY]),
    ]
    return "\n\n".join(parts)


def _levels(levels: Sequence[LevelJudgement]) -> str:
    heading = ("level", "right, of all", "answered", "wrong, of answered", "macro F1")
    rows = [
        (
            level.name,
            shown(level.given.accuracy),
            shown(level.given.answered),
            shown(level.given.error_among_answered, 3),
            shown(level.given.macro_f1),
        )
        for level in levels
    ]
    return aligned(heading, rows)


def _harms(harms: Sequence[Harm]) -> str:
    heading = ("errors that hurt", "n", "of answered", "share", "at most (95 %)", "automatic")
    rows = [
        (
            harm.name,
            str(harm.n_errors),
            str(harm.n_answered),
            shown(harm.share, 3),
            f"{harm.upper_95:.3f} of {harm.n_patients} patients" if harm.n_patients else "-",
            str(harm.n_auto),
        )
        for harm in harms
    ]
    return aligned(heading, rows)


def _questions(questions: Sequence[Question]) -> str:
    heading = ("question", "yes/no", "open", "sensitivity", "specificity", "PPV", "NPV")
    rows: list[tuple[str, ...]] = []
    for each in questions:
        name = QUESTION_NAMES.get(each.name, each.name)
        rows.append(
            (
                name,
                f"{each.n_yes}/{each.n_no}",
                str(each.n_open),
                shown(each.sensitivity, 3),
                shown(each.specificity, 3),
                shown(each.ppv),
                shown(each.npv, 3),
            )
        )
        if not math.isnan(each.prior):
            at = f"  where {each.prior:.3g} have it"
            values = shown(each.ppv_at_prior), shown(each.npv_at_prior, 3)
            rows.append((at, "", "", "", "", *values))
    return aligned(heading, rows)


def _chances(levels: Sequence[LevelJudgement]) -> str:
    heading = (
        "probabilities", "AUC", "calibration error", "class-wise", "log loss",
        f"coverage at {ONE_IN_A_HUNDRED:.0%} wrong",
    )  # fmt: skip
    rows = [
        (
            level.name,
            shown(level.auc, 3),
            shown(level.calibration_error, 3),
            shown(level.class_wise_error, 3),
            shown(level.log_loss),
            level.coverage.at_error(ONE_IN_A_HUNDRED),
        )
        for level in levels
    ]
    return aligned(heading, rows)


def _strata(name: str, rows: Sequence[Stratum]) -> str:
    heading = (
        f"by {name}", "cases", "lineage right", "entity right", "wrong, of answered",
        "neoplasm called normal",
    )  # fmt: skip
    cells = [
        (
            row.value,
            str(row.n),
            shown(row.lineage),
            shown(row.entity),
            shown(row.error_among_answered),
            shown(row.called_normal, 3),
        )
        for row in rows
    ]
    return aligned(heading, cells)


def _confusion(level: LevelJudgement) -> str:
    """Show which entity got which answer; where there are many, the answers that were wrong."""
    names = [each.name for each in level.classes]
    asked = [row for row, counts in enumerate(level.confusion) if counts.any()]
    given = np.flatnonzero(level.confusion.any(axis=0)).tolist()
    columns = [names[k] if k < len(names) else NO_ANSWER for k in given]
    if len(given) <= WIDEST:
        rows = [(names[row], *map(str, level.confusion[row, given])) for row in asked]
        return aligned(("label \\ answer", *columns), rows)
    listed = [
        (names[row], str(level.confusion[row].sum()), str(level.confusion[row, row]),
         ", ".join(_taken_for(level.confusion[row], row, names)) or "-")
        for row in asked
    ]  # fmt: skip
    return aligned(("entity", "cases", "right", "other answers"), listed)


def _taken_for(counts: Sequence[int], own: int, names: Sequence[str]) -> list[str]:
    every = [*names, NO_ANSWER]
    order = np.argsort(-np.asarray(counts), kind="stable")
    return [f"{every[k]} {counts[k]}" for k in order if counts[k] and k != own]


def beside_text(rows: Sequence[Beside]) -> str:
    """Write what simple methods reach on the same splits.

    Parameters
    ----------
    rows : sequence of Beside
        The model first.

    Returns
    -------
    str
        For a terminal.
    """
    heading = ("every case answered", "entity right", "lineage right", "macro F1", "AUC")
    cells = [
        (
            row.name,
            shown(row.levels[ENTITY].accuracy),
            shown(row.levels[LINEAGE].accuracy),
            shown(row.levels[ENTITY].macro_f1),
            shown(row.auc, 3),
        )
        for row in rows
    ]
    return aligned(heading, cells)


def simple_ones_ahead(rows: Sequence[Beside], leaks: Sequence[str]) -> list[str]:
    """Name the simple methods that are not behind the model.

    Parameters
    ----------
    rows : sequence of Beside
        The model first.
    leaks : sequence of str
        Methods that know nothing of the cells.

    Returns
    -------
    list of str
        A sentence for each that has a higher macro F1.
    """
    own = rows[0].levels[ENTITY].macro_f1.value
    return [
        f"{row.name} does better than {rows[0].name}: macro F1 "
        f"{row.levels[ENTITY].macro_f1.value:.2f} against {own:.2f}"
        for row in rows[1:]
        if row.name not in leaks and row.levels[ENTITY].macro_f1.value > own
    ]


def leak_text(rows: Sequence[Beside], leaks: Sequence[str]) -> str:
    """Say whether something other than biology tells the entities apart.

    Parameters
    ----------
    rows : sequence of Beside
        Baselines.
    leaks : sequence of str
        Those that must be at chance.

    Returns
    -------
    str
        Loud, if one is not; empty if all are.
    """
    own = [row for row in rows if row.name in leaks]
    found = [
        f"THE COHORT LEAKS: {row.name} tells entities apart, AUC {shown(row.auc)}, where "
        "chance is 0.50. The figures above may owe to it rather than to the cells."
        for row in own
        if row.beats_chance
    ]
    if own and not any(row.auc.has_interval for row in own):
        found.append("Too few patients to tell whether the cohort leaks.")
    return "\n".join(found)


def trials_text(
    rows: Sequence[tuple[str, int, Judgement, Difference | None]], differs: set[str]
) -> str:
    """Write recipes side by side.

    Parameters
    ----------
    rows : sequence of (str, int, Judgement, Difference or None)
        Name, features, judgement, and the difference from the first one.
    differs : set of str
        Names of those that were shown to differ.

    Returns
    -------
    str
        For a terminal.
    """
    first = rows[0][0]
    heading = (
        "recipe", "features", "entity right", "lineage right", "category right",
        f"entity, less {first}", "gained/lost", "",
    )  # fmt: skip
    cells = [
        (
            name,
            str(n_features),
            *(
                shown(judged.levels[level].given.accuracy)
                for level in (ENTITY, LINEAGE, CATEGORY)
            ),
            shown(apart.accuracy[ENTITY]) if apart else "",
            f"+{apart.gained} -{apart.lost}" if apart else "",
            "differs" if name in differs else "",
        )
        for name, n_features, judged, apart in rows
    ]
    return aligned(heading, cells)
