"""Errors that flowml raises: each says what was found, what was expected, and what to do.

Everything that bad input can cause derives from `FlowmlError`, so a caller needs one
``except``; any other exception that escapes is a bug.
"""

from __future__ import annotations


class FlowmlError(Exception):
    """Base of every error that flowml raises on purpose."""


class FcsError(FlowmlError):
    """A file that cannot be read exactly, and is therefore refused.

    Parameters
    ----------
    message : str
        What was found, what was expected and what to do.
    code : str
        Stable code of the reason, such as ``FCS-HEADER``; see `flowml.fcs.codes`.
    """

    def __init__(self, message: str, code: str = "FCS-REFUSED") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[FcsError], tuple[str, str]]:
        """Keep the code when the error crosses from a worker process."""
        return type(self), (str(self), self.code)


class CaseError(FlowmlError):
    """A folder or manifest in which the cases cannot be found."""


class PanelError(FlowmlError):
    """A marker or channel that a sample does not have, or a panel that does not fit."""


class StateError(FlowmlError):
    """A step applied to data that are too far down the pipe, or not far enough."""


class LabelError(FlowmlError, ValueError):
    """A label table or an entity that cannot be used; a ValueError for scikit-learn."""


class GateError(FlowmlError):
    """A gate document that cannot be read, or a gate that does not fit the sample."""


class ModelError(FlowmlError):
    """A model file that is not one, is damaged, or does not fit the data."""


class QualityError(FlowmlError):
    """A tube that was measured too badly to be used, where the user asked for no less."""


class OutputError(FlowmlError):
    """Results that could not be written."""
