"""From linear values to values that models and eyes can use."""

from flowml.preprocess.compensate import Unmixing, choose_unmixing, compensate, unmixing_by
from flowml.preprocess.display import display, display_scale, is_shown_in_decades
from flowml.preprocess.tabled import Tabled
from flowml.preprocess.transform import TRANSFORMS, Transform, logicle_width, make_transform

__all__ = [
    "TRANSFORMS",
    "Tabled",
    "Transform",
    "Unmixing",
    "choose_unmixing",
    "compensate",
    "display",
    "display_scale",
    "is_shown_in_decades",
    "logicle_width",
    "make_transform",
    "unmixing_by",
]
