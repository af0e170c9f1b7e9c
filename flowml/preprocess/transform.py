"""All display scales by name: from linear values to the axis on which models learn."""

from __future__ import annotations

import math
from collections.abc import Callable

from flowml.errors import FlowmlError
from flowml.preprocess.flowjo import Biexponential
from flowml.preprocess.mirrored import Hyperlog, Logicle, logicle_width
from flowml.preprocess.scale import Arcsinh, Floats, Linear, Log, Transform
from flowml.safety import printable

__all__ = [
    "TRANSFORMS",
    "Arcsinh",
    "Biexponential",
    "Floats",
    "Hyperlog",
    "Linear",
    "Log",
    "Logicle",
    "Transform",
    "logicle_width",
    "make_transform",
]

# each takes the top of a channel, and has the usual values of its other parameters
TRANSFORMS: dict[str, Callable[..., Transform]] = {
    "logicle": Logicle,
    "arcsinh": Arcsinh,
    "log": Log,
    "linear": Linear,
    "hyperlog": Hyperlog,
    "biexponential": Biexponential,
}


def make_transform(name: str, top: float) -> Transform:
    """Make a display scale with the usual parameters.

    Parameters
    ----------
    name : str
        A key of `TRANSFORMS`.
    top : float
        Linear value that is shown at 1.

    Returns
    -------
    Transform
        The scale.

    Raises
    ------
    FlowmlError
        If the name is unknown or the top is not positive.
    """
    if name not in TRANSFORMS:
        raise FlowmlError(
            f"unknown transform {printable(name)!r}; choose from {', '.join(TRANSFORMS)}."
        )
    if not (math.isfinite(top) and top > 0):
        raise FlowmlError(f"the top of a scale is {top}, expected a positive number.")
    return TRANSFORMS[name](top)
