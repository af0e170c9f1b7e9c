"""Bytes to `Sample` and back: exact data, or `FcsError` with a reason."""

from flowml.fcs.probe import Probe
from flowml.fcs.reader import probe_fcs, read_fcs
from flowml.fcs.spillover import read_spillover_csv
from flowml.fcs.writer import write_fcs

__all__ = [
    "Probe",
    "probe_fcs",
    "read_fcs",
    "read_spillover_csv",
    "write_fcs",
]
