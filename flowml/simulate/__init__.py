"""Cohorts drawn from what the field knows: samples in memory, FCS files on disk.

For tests, demonstrations and teaching. No simulated case is evidence about patients.
"""

from flowml.simulate.cohort import iterate_cohort, known_entities, simulate_cohort
from flowml.simulate.fingerprint import knowledge_sha256
from flowml.simulate.write import write_cohort

__all__ = [
    "iterate_cohort",
    "knowledge_sha256",
    "known_entities",
    "simulate_cohort",
    "write_cohort",
]
