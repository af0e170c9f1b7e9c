"""Honest evaluation: train on some patients, test on others, say what simple methods reach."""

from flowml.validation.controls import negative_controls
from flowml.validation.crossvalidation import OutOfFold, cross_validate
from flowml.validation.parting import Parting
from flowml.validation.splits import Split, Splits, by_patient, leave_out, train_before
from flowml.validation.validate import (
    Validating,
    Validation,
    validate,
    validate_table,
)

__all__ = [
    "OutOfFold",
    "Parting",
    "Split",
    "Splits",
    "Validating",
    "Validation",
    "by_patient",
    "cross_validate",
    "leave_out",
    "negative_controls",
    "train_before",
    "validate",
    "validate_table",
]
