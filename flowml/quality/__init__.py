"""What a cytometrist looks at in a tube before any population is gated."""

from flowml.quality.artefacts import Artefacts, artefact_score
from flowml.quality.assess import CHECKS, assess
from flowml.quality.preparation import DEFAULT_PREPARATION, Preparation
from flowml.quality.records import Check, TubeQuality, Verdict

__all__ = [
    "CHECKS",
    "DEFAULT_PREPARATION",
    "Artefacts",
    "Check",
    "Preparation",
    "TubeQuality",
    "Verdict",
    "artefact_score",
    "assess",
]
