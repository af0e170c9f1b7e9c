"""Cohorts drawn from what the field knows: samples in memory, files of instruments on disk.

For tests, demonstrations and teaching. No simulated case is evidence about patients.
"""

from flowml.simulator.accidents import ACCIDENTS
from flowml.simulator.cohort import Cohort
from flowml.simulator.fingerprint import knowledge_sha256
from flowml.simulator.simulate import known_entities, simulate
from flowml.simulator.source import held
from flowml.simulator.truth import Truth, truth_of
from flowml.simulator.write import write_cohort

__all__ = [
    "ACCIDENTS",
    "Cohort",
    "Truth",
    "held",
    "knowledge_sha256",
    "known_entities",
    "simulate",
    "truth_of",
    "write_cohort",
]
