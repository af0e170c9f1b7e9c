"""Gates that are found without a person, each with a score and a fallback."""

from flowml.gating.automatic.find import (
    ACUTE,
    AUTO,
    DEFAULT_GATE,
    MATURE,
    auto_gate,
    check_panel,
    gate_tube,
)

__all__ = ["ACUTE", "AUTO", "DEFAULT_GATE", "MATURE", "auto_gate", "check_panel", "gate_tube"]
