"""Down to how few cells a population could have been seen, from the events of the tubes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowml.knowledge.verdict import load_verdicts
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.gating.rules.evidence import TubeEvents


class Limit(NamedTuple):
    """Down to how few cells a population could have been seen.

    Parameters
    ----------
    percent : float
        Of the tube's intact cells, or of all its events; NaN where the tube has too few for
        any population.
    words : str
        The same in words, with the count and the source.
    """

    percent: float
    words: str


def detection_limit(tubes: Sequence[TubeEvents]) -> Limit | None:
    """Work out the limit of detection of a case.

    Parameters
    ----------
    tubes : sequence of TubeEvents
        The one with the fewest events counts: intact singlets where they were gated.

    Returns
    -------
    Limit or None
        None where there is no tube.
    """
    if not tubes:
        return None
    known = load_verdicts()
    seen = known.detection["events_to_detect"].value
    counted = known.detection["events_to_quantify"].value
    fewest = min(tubes, key=_events)
    n_events, name = _events(fewest), printable(fewest.name, 60)
    of = "events" if fewest.n_intact is None else "intact cells"
    if n_events < seen:
        return Limit(float("nan"), f"too few to see any: {n_events} {of} in {name}")
    percent = 100 * seen / n_events
    words = (
        f"down to {_shown(percent)} % ({seen:.0f} of {n_events} {of} in {name}; to quantify "
        f"{_shown(100 * counted / n_events)} %; {known.detection_source})"
    )
    return Limit(percent, words)


def _events(tube: TubeEvents) -> int:
    return tube.n_events if tube.n_intact is None else tube.n_intact


def _shown(percent: float) -> str:
    """Write two digits that count."""
    return f"{percent:.2g}" if percent < 100 else "100"
