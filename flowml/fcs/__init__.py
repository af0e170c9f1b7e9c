"""Bytes to `Sample` and back: exact data, or `FcsError` with a reason."""

from flowml.fcs.matrixfile import read_spillover_csv
from flowml.fcs.reader import read_all, read_fcs
from flowml.fcs.writer import write_fcs

__all__ = [
    "read_all",
    "read_fcs",
    "read_spillover_csv",
    "write_fcs",
]
