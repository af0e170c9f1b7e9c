"""Answers held against labels: how often they are right, how sure of that one may be."""

from flowml.judging.answered import LEVELS, Answered
from flowml.judging.draws import Draws, Estimate
from flowml.judging.judge import Judgement, judge, judge_answered

__all__ = [
    "LEVELS",
    "Answered",
    "Draws",
    "Estimate",
    "Judgement",
    "judge",
    "judge_answered",
]
