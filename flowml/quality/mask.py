"""What is done about the quality of a tube: nothing, a mask, or a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError, QualityError
from flowml.events import COMPUTE_BLOCK, check_block, freeze
from flowml.findings import Finding, Severity
from flowml.quality.assess import assess
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.events import Array, EventSource
    from flowml.records import Sample

OFF, MASK, STRICT = POLICIES = ("off", "mask", "strict")


@dataclass(frozen=True, eq=False)
class MaskedSource:
    """Some events of another source.

    Parameters
    ----------
    source : EventSource
        All events.
    keep : ndarray, shape (n_events,), bool
        Which of them.
    """

    source: EventSource
    keep: Array

    def __post_init__(self) -> None:
        freeze(self, "keep", np.bool_)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        freeze(self, "keep", np.bool_)

    @property
    def n_events(self) -> int:
        """Number of events that are kept."""
        return int(np.count_nonzero(self.keep))

    def blocks(self, size: int) -> Iterator[Array]:
        """Stream the linear values of the events that are kept.

        Parameters
        ----------
        size : int
            Events in a block; only the last may have fewer, as of a source without a mask.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels)
            The next events.
        """
        check_block(size)
        waiting: list[Array] = []
        start = count = 0
        for block in self.source.blocks(COMPUTE_BLOCK):
            kept = block[self.keep[start : start + len(block)]]
            start += len(block)
            waiting.append(kept)
            count += len(kept)
            if count >= size:
                together = np.concatenate(waiting)
                whole = count - count % size
                for first in range(0, whole, size):
                    yield together[first : first + size]
                waiting, count = [together[whole:]], count - whole
        if count:
            yield np.concatenate(waiting)

    def events(self) -> Array:
        """Return the linear values of the events that are kept, as one table."""
        return self.source.events()[self.keep]

    def stored(self) -> Array:
        """Return the values of the events that are kept, as the source holds them."""
        return self.source.stored()[self.keep]

    def findings(self) -> tuple[Finding, ...]:
        """Say what is odd about the values, those left out included."""
        return self.source.findings()


def check_policy(policy: str) -> None:
    """Refuse a policy that is none.

    Parameters
    ----------
    policy : str
        ``off``, ``mask`` or ``strict``.

    Raises
    ------
    FlowmlError
        If it is another.
    """
    if policy not in POLICIES:
        raise FlowmlError(
            f"quality is {printable(policy)!r}, expected {', '.join(POLICIES)}. Choose one."
        )


def admit(
    sample: Sample, policy: str, compensation: str = "auto"
) -> tuple[Sample, tuple[Finding, ...]]:
    """Let a tube pass, without what may be left out safely, or refuse it.

    Parameters
    ----------
    sample : Sample
        As it was read.
    policy : str
        ``off``: no check is made; ``mask``: disturbed stretches, doublets and debris are left
        out; ``strict``: a tube that fails a check is refused, and no event is left out.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.

    Returns
    -------
    sample : Sample
        The same, or one with fewer events.
    findings : tuple of Finding
        What the checks found; with ``mask``, how many events were left out.

    Raises
    ------
    QualityError
        If the policy is strict and a check fails; the message has every reason.
    FlowmlError
        If the policy is none of these, or the tube cannot be compensated as asked.
    """
    check_policy(policy)
    if policy == OFF:
        return sample, ()
    found = assess(sample, compensation)
    if policy == STRICT:
        if found.failed:
            reasons = "; ".join(f"{check.sentence} ({check.code})" for check in found.failed)
            raise QualityError(
                f"{printable(sample.name)} failed its quality check: {reasons}. Measure it "
                "again, or look at it and use --quality off."
            )
        return sample, found.findings
    left_out = sample.n_events - int(np.count_nonzero(found.keep))
    if not left_out:
        return sample, found.findings
    share = 100 * left_out / sample.n_events
    message = (
        f"{left_out} of {sample.n_events} events ({share:.1f} %) were left out: disturbed "
        "stretches, doublets, debris"
    )
    masked = replace(sample, source=MaskedSource(sample.source, found.keep))
    return masked, (*found.findings, Finding("QUALITY-MASKED", message, Severity.INFO))
