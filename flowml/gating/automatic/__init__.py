"""Gates that are found without a person, each with a score and a fallback."""

from flowml.gating.automatic.find import ACUTE, DEFAULT_GATE, MATURE, auto_gate, gate_tube

__all__ = ["ACUTE", "DEFAULT_GATE", "MATURE", "auto_gate", "gate_tube"]
