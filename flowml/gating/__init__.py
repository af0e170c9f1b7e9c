"""Gates: shapes on channels, the populations that they define, and their documents."""

from flowml.gating.apply import gate, gate_populations
from flowml.gating.gates import GATES, Combination, Ellipsoid, Polygon, Range, Rectangle
from flowml.gating.masks import read_masks, write_masks
from flowml.gating.populations import Populations
from flowml.gating.read import GateDocument, read_gate_document, read_gates
from flowml.gating.strategy import Dimension, Gate, Ratio, Strategy, quadrants
from flowml.gating.write import write_gates

__all__ = [
    "GATES",
    "Combination",
    "Dimension",
    "Ellipsoid",
    "Gate",
    "GateDocument",
    "Polygon",
    "Populations",
    "Range",
    "Ratio",
    "Rectangle",
    "Strategy",
    "gate",
    "gate_populations",
    "quadrants",
    "read_gate_document",
    "read_gates",
    "read_masks",
    "write_gates",
    "write_masks",
]
