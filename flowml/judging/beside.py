"""What an answer that is always given reaches: to stand beside one that may be withheld."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.judging.answered import ENTITY, Answered, Level
from flowml.judging.chances import auc_series, losses, mean_of_known
from flowml.judging.draws import RESAMPLES, Draws, Estimate
from flowml.judging.scores import Scores, scores_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CHANCE = 0.5  # area under the curve of who knows nothing


@dataclass(frozen=True)
class Beside:
    """What an answer that is always given reaches.

    Parameters
    ----------
    name : str
        Of the method.
    levels : mapping of str to Scores
        The most probable class of each level as answer.
    auc : Estimate
        Of entities, one against the rest, within splits.
    log_loss : Estimate
        Of entities.
    """

    name: str
    levels: Mapping[str, Scores]
    auc: Estimate
    log_loss: Estimate

    @property
    def beats_chance(self) -> bool:
        """Whether the whole interval of its area under the curve lies above one half."""
        return self.auc.has_interval and self.auc.low > CHANCE

    @property
    def is_at_chance(self) -> bool:
        """Whether that interval is known and holds one half."""
        return self.auc.has_interval and self.auc.low <= CHANCE <= self.auc.high


def beside(
    name: str,
    answered: Answered,
    groups: Sequence[str],
    splits: Sequence[int] | NDArray[np.intp],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Beside:
    """Hold the most probable classes of a method against the labels.

    Parameters
    ----------
    name : str
        Of the method.
    answered : Answered
        Its answers, of which only the probabilities are looked at.
    groups : sequence of str
        Patient of each.
    splits : sequence of int
        By which model each was answered.
    seed, resamples : int
        Of the draws of patients.

    Returns
    -------
    Beside
        With 95 % intervals by patient.
    """
    draws = Draws.of(groups, answered.weights, seed=seed, resamples=resamples)
    levels = {
        level.name: scores_of(level.truth, level.forced, len(level.classes), draws)
        for level in answered.levels.values()
    }
    entity = answered.levels[ENTITY]
    areas = _areas(entity, np.asarray(splits, dtype=np.intp), draws)
    log_loss = losses(entity.truth, entity.chances, draws)[0]
    return Beside(name, levels, draws.estimate(areas), draws.estimate(log_loss))


def _areas(level: Level, splits: NDArray[np.intp], draws: Draws) -> Floats:
    hits = level.truth[:, None] == np.arange(len(level.classes))
    return mean_of_known(auc_series(hits, level.chances, splits, draws).T)
