"""Copies of FCS files without what identifies a patient: planned, written, proven."""

from flowml.fcs.deidentify.copy import CopyExistsError, Deidentified, KeptText, deidentify_fcs
from flowml.fcs.deidentify.names import numbered, write_map

__all__ = [
    "CopyExistsError",
    "Deidentified",
    "KeptText",
    "deidentify_fcs",
    "numbered",
    "write_map",
]
