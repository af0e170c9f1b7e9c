"""From linear values to values that models and eyes can use."""

from flowml.preprocess.compensate import Unmixing, choose_unmixing, compensate, unmixing_by
from flowml.preprocess.display import display, display_scale, is_shown_in_decades
from flowml.preprocess.transform import TRANSFORMS, Transform, make_transform

__all__ = [
    "TRANSFORMS",
    "Transform",
    "Unmixing",
    "choose_unmixing",
    "compensate",
    "display",
    "display_scale",
    "is_shown_in_decades",
    "make_transform",
    "unmixing_by",
]
