"""A tube whose keywords were read: what is decided about it, and its compensated values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from flowml.cases import sample_of
from flowml.errors import PanelError
from flowml.events import COMPUTE_BLOCK
from flowml.features.counting.blocks import Blocks
from flowml.features.standin import AS_MEASURED, Substitution
from flowml.preprocess import Unmixing, choose_unmixing
from flowml.quality import DEFAULT_PREPARATION, Preparation
from flowml.quality.mask import admit
from flowml.safety import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flowml.findings import Finding
    from flowml.records import Channel, Sample, Tube
    from flowml.scratch import Scratch


@dataclass(frozen=True, eq=False)
class OpenTube:
    """A tube whose keywords were read, and what is decided about its values.

    Parameters
    ----------
    sample : Sample
        As it was read.
    unmixing : Unmixing or None
        Compensation to apply, if any.
    columns : mapping of str to int
        The column that stands for each marker.
    findings : tuple of Finding
        What was decided, and what is doubtful.
    stand_ins : mapping of str to str
        Those of its markers for which another one stands in.
    """

    sample: Sample
    unmixing: Unmixing | None
    columns: Mapping[str, int]
    findings: tuple[Finding, ...]
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """The channel that stands for each marker, by its name among features."""
        own = {marker: self.sample.channels[c] for marker, c in self.columns.items()}
        return {
            marker: channel if channel.marker == marker else replace(channel, marker=marker)
            for marker, channel in own.items()
        }

    def blocks(self, markers: Sequence[str], scratch: Scratch, *, exact: bool) -> Blocks:
        """Return the compensated values of some markers, to be read once.

        Parameters
        ----------
        markers : sequence of str
            Rows of the values.
        scratch : Scratch
            Lends the buffers.
        exact : bool
            Whether compensation is computed in double precision.

        Returns
        -------
        Blocks
            Not read yet.
        """
        columns = [self.columns[marker] for marker in markers]
        return Blocks(self.sample, columns, self.unmixing, scratch, exact=exact)

    def values(
        self, markers: Sequence[str], scratch: Scratch, *, exact: bool
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the compensated values of some markers, block by block.

        Parameters
        ----------
        markers : sequence of str
            Rows of the values.
        scratch : Scratch
            Lends the buffers.
        exact : bool
            Whether compensation is computed in double precision.

        Yields
        ------
        ndarray, shape (len(markers), up to COMPUTE_BLOCK), float32
            Linear units; valid until the next block is asked for.
        """
        return self.blocks(markers, scratch, exact=exact).read(COMPUTE_BLOCK)


def open_tube(
    tube: Tube,
    how: Preparation = DEFAULT_PREPARATION,
    markers: Sequence[str] = (),
    names: Substitution = AS_MEASURED,
) -> OpenTube:
    """Read a tube's keywords, and decide about compensation and channels.

    Parameters
    ----------
    tube : Tube
        A file, or a sample in memory.
    how : Preparation
        How its events are made ready.
    markers : sequence of str
        Only these are used; all if it is empty.
    names : Substitution
        By what names its channels are counted.

    Returns
    -------
    OpenTube
        With one marker or more.

    Raises
    ------
    QualityError
        If the tube fails a check, and quality is strict.
    FlowmlError
        If the tube cannot be used.
    """
    sample = sample_of(tube, how.marker_names)
    unmixing, decided = choose_unmixing(sample, how.compensation)
    columns, doubtful = names.columns(sample)
    if markers:
        columns = {marker: c for marker, c in columns.items() if marker in markers}
    if not columns:
        raise PanelError(_no_marker(sample, markers))
    admitted, seen = admit(sample, how.quality, how.compensation)
    taken = {own: other for own, other in names.stand_ins.items() if own in columns}
    return OpenTube(admitted, unmixing, columns, (*decided, *doubtful, *seen), taken)


def _no_marker(sample: Sample, markers: Sequence[str]) -> str:
    found = printable(", ".join(sample.channel_names[:20]))
    if markers:
        return (
            f"{printable(sample.name)} has none of the markers "
            f"{printable(', '.join(markers[:20]))}; its channels are {found}. Leave markers= "
            "out to use those that it has."
        )
    return (
        f"no marker is recognised in {printable(sample.name)}; its channels are {found}. "
        "Name the markers in $PnS."
    )
