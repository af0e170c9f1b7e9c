"""How a tube's events are made ready before anything is counted in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.quality.mask import OFF, check_policy

if TYPE_CHECKING:
    from flowml.knowledge.marker_names import MarkerNames


@dataclass(frozen=True)
class Preparation:
    """How a tube's events are made ready.

    Parameters
    ----------
    compensation : str
        Policy, or the path of a CSV matrix, as in `flowml.preprocess.choose_unmixing`.
    marker_names : MarkerNames, optional
        A laboratory's own names of markers; a sample in memory has its markers already.
    quality : str
        What is done about the quality of the tube, as in `flowml.quality.mask.admit`.
    rules : bool
        Whether the events are kept for the laboratory's own rules, which are asked of the case.

    Raises
    ------
    FlowmlError
        If the quality is no policy.
    """

    compensation: str = "auto"
    marker_names: MarkerNames | None = None
    quality: str = OFF
    rules: bool = False

    def __post_init__(self) -> None:
        check_policy(self.quality)


DEFAULT_PREPARATION = Preparation()
