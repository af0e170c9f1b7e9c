"""Gates: shapes on channels, the populations that they define, and their documents."""

from flowml.gating.apply import gate
from flowml.gating.gates import GATES, Combination, Ellipsoid, Polygon, Range, Rectangle
from flowml.gating.read import read_gates
from flowml.gating.strategy import Dimension, Gate, Ratio, Strategy, quadrants
from flowml.gating.write import write_gates

__all__ = [
    "GATES",
    "Combination",
    "Dimension",
    "Ellipsoid",
    "Gate",
    "Polygon",
    "Range",
    "Ratio",
    "Rectangle",
    "Strategy",
    "gate",
    "quadrants",
    "read_gates",
    "write_gates",
]
