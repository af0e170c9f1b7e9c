"""Negative controls: what must be at chance, whatever the method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from flowml.judging.beside import Beside, beside
from flowml.judging.judge import DEFAULT_JUDGING, JudgeSettings
from flowml.validation.baselines import LEAKS, answered_of, baseline_answers
from flowml.validation.crossvalidation import cross_validate

if TYPE_CHECKING:
    from flowml.features import FeatureTable
    from flowml.training import TrainingSettings
    from flowml.validation.circumstances import Circumstances
    from flowml.validation.splits import Splits

SHUFFLED = "labels shuffled"


def shuffled(labels: Sequence[str], groups: Sequence[str], seed: int) -> list[str]:
    """Give each patient the label of a patient at random.

    Parameters
    ----------
    labels : sequence of str
        Of each case.
    groups : sequence of str
        Patient of each case.
    seed : int
        The same seed gives the same labels.

    Returns
    -------
    list of str
        Of each case; the cases of a patient have one label.
    """
    own = dict(zip(reversed(groups), reversed(labels), strict=True))  # of their first case
    patients = sorted(own)
    drawn = np.random.default_rng(seed).permutation(len(patients))
    given = {name: own[patients[place]] for name, place in zip(patients, drawn, strict=True)}
    return [given[group] for group in groups]


def negative_controls(
    table: FeatureTable,
    about: Circumstances,
    labels: Sequence[str],
    groups: Sequence[str],
    settings: TrainingSettings,
    splits: Splits,
    judging: JudgeSettings = DEFAULT_JUDGING,
) -> dict[str, Beside]:
    """Train on shuffled labels, on metadata and on what is missing.

    Parameters
    ----------
    table : FeatureTable
        A row for each case.
    about : Circumstances
        Of the cases.
    labels : sequence of str
        Canonical entity of each case.
    groups : sequence of str
        Patient of each case.
    settings : TrainingSettings
        Of the model that is trained on shuffled labels.
    splits : Splits
        Of the cases.
    judging : JudgeSettings
        How patients are drawn.

    Returns
    -------
    dict of str to Beside
        By control; each `is_at_chance`, or something other than biology tells the entities.
    """
    wrong = shuffled(labels, groups, settings.seed)
    out = cross_validate(table, wrong, groups, settings, splits)
    answers = {SHUFFLED: answered_of(out, wrong, settings.tree)}
    answers |= baseline_answers(
        table, about, labels, splits, settings.tree, settings.seed, LEAKS
    )
    return {
        name: beside(name, each, out.of(groups), out.splits, judging.seed, judging.resamples)
        for name, each in answers.items()
    }
