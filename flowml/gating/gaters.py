"""Whoever finds populations: gates of a person, gates without one, a classifier of events.

Each is asked in the same way, and can be written as text, so that a recipe of features holds
its gates and a model brings them along.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowml.errors import GateError
from flowml.gating.apply import gate_populations
from flowml.gating.automatic import ACUTE, AUTO, MATURE, auto_gate, check_panel
from flowml.gating.automatic.names import CELLS, EVERY
from flowml.gating.read import GateDocument, read_gate_document
from flowml.gating.strategy import Strategy
from flowml.gating.tables import as_tables, opened
from flowml.gating.tomlfile import strategy_from
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.gating.populations import Populations
    from flowml.records import Sample

_ARCHIVE = b"PK"  # how the file of a classifier of events starts
LONGEST = 8 << 20  # characters of gates as text
KIND = "kind"
AUTOMATIC, DRAWN, LEARNED = "automatic", "drawn", "learned"
SOURCE = "the gates of the recipe"  # a document's own name may be a patient's


class Gater(Protocol):
    """Finds the populations of a sample, as `flowml.EventClassifier` does."""

    def populations(self, sample: Sample, compensation: str = "auto") -> Populations:
        """Find populations.

        Parameters
        ----------
        sample : Sample
            Linear values.
        compensation : str
            Policy, as in `flowml.preprocess.choose_unmixing`.

        Returns
        -------
        Populations
            Of this sample.
        """


@dataclass(frozen=True)
class Automatic:
    """Gates without a person.

    Parameters
    ----------
    panel : str
        ``auto``, ``mature`` or ``acute``, as in `flowml.auto_gate`.

    Raises
    ------
    FlowmlError
        If it is none of them.
    """

    panel: str = AUTO

    def __post_init__(self) -> None:
        check_panel(self.panel)

    def populations(self, sample: Sample, compensation: str = "auto") -> Populations:
        """Find the populations of a sample.

        Parameters
        ----------
        sample : Sample
            Linear values.
        compensation : str
            Policy, as in `flowml.preprocess.choose_unmixing`.

        Returns
        -------
        Populations
            Each with a score.
        """
        return auto_gate(sample, self.panel, compensation=compensation)


Gates = Strategy | Gater


def gates_from(wanted: Path | str, panel: str = AUTO) -> Gates | GateDocument:
    """Return gates by what a user names.

    Parameters
    ----------
    wanted : path-like
        ``auto``, ``mature`` or ``acute`` (automatic gates of that panel), the file of a
        classifier of events, or a gate document.
    panel : str
        Of automatic gates that name none.

    Returns
    -------
    Strategy, Gater or GateDocument
        A document where a file holds the gates of a person.

    Raises
    ------
    FlowmlError
        If the file is neither, is damaged, or the panel is not known.
    """
    if str(wanted) in {AUTO, MATURE, ACUTE}:
        return Automatic(panel if str(wanted) == AUTO else str(wanted))
    if _is_archive(Path(wanted)):
        from flowml.gating.learned import EventClassifier

        return EventClassifier.load(wanted)
    return read_gate_document(wanted)


def _is_archive(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(_ARCHIVE)) == _ARCHIVE
    except OSError:
        return False  # whoever reads it next says what is wrong


def find_populations(sample: Sample, gates: Gates, compensation: str = "auto") -> Populations:
    """Find the populations of a sample, whatever the gates are.

    Parameters
    ----------
    sample : Sample
        Linear values.
    gates : Strategy or Gater
        Of a person, or not.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.

    Returns
    -------
    Populations
        Of this sample.

    Raises
    ------
    FlowmlError
        If the sample cannot be gated so.
    """
    if isinstance(gates, Strategy):
        return gate_populations(sample, gates, compensation)
    return gates.populations(sample, compensation)


def gates_as_text(gates: Gates) -> str:
    """Write gates as one line of JSON.

    Parameters
    ----------
    gates : Strategy, Automatic or EventClassifier
        Any; a strategy without matrices and scales of its own that only FlowJo has.

    Returns
    -------
    str
        The same for the same gates, whatever their document is called.

    Raises
    ------
    FlowmlError
        If they cannot be written so.
    """
    if isinstance(gates, Automatic):
        plain: dict[str, Any] = {KIND: AUTOMATIC, "panel": gates.panel}
    elif isinstance(gates, Strategy):
        plain = {KIND: DRAWN, "gates": as_tables(gates)}
    else:
        plain = _learned_as_plain(gates)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    gates_from_text(text)  # what cannot be read again is refused now
    return text


def _learned_as_plain(gates: Gater) -> dict[str, Any]:
    from flowml.gating.learned import EventClassifier
    from flowml.gating.learned.file import described

    if not isinstance(gates, EventClassifier):
        raise GateError(
            f"gates of the kind {type(gates).__name__} cannot be written down; expected a "
            "strategy, automatic gates or an EventClassifier."
        )
    manifest, tables = described(gates.trained())
    return {KIND: LEARNED, "manifest": manifest, "tables": base64.b64encode(tables).decode()}


def gates_from_text(text: str) -> Gates:
    """Read gates that `gates_as_text` wrote, none of which is trusted.

    Parameters
    ----------
    text : str
        One line of JSON.

    Returns
    -------
    Strategy, Automatic or EventClassifier
        Finds the same populations.

    Raises
    ------
    FlowmlError
        If it says anything else.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        found = f"{len(text)} characters" if isinstance(text, str) else type(text).__name__
        raise GateError(f"gates are {found}, expected a text of at most {LONGEST} characters.")
    return _read(text)


@lru_cache(maxsize=16)  # asked for every tube
def _read(text: str) -> Gates:
    try:
        plain = json.loads(text)
        return _READERS[plain[KIND]](plain)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise GateError(
            f"the gates of a recipe lack a value or have a wrong one: "
            f"{type(error).__name__}, {printable(error, 80)}."
        ) from error


def _drawn_from(plain: Mapping[str, Any]) -> Strategy:
    return strategy_from(opened(plain["gates"]), SOURCE)


def _learned_from(plain: Mapping[str, Any]) -> Gater:
    from flowml.gating.learned import EventClassifier
    from flowml.gating.learned.file import model_from

    try:
        tables = base64.b64decode(plain["tables"], validate=True)
    except binascii.Error as error:
        raise ValueError("tables that are not base64") from error
    return EventClassifier.of(model_from(plain["manifest"], tables))


_READERS: dict[str, Callable[[Mapping[str, Any]], Gates]] = {
    AUTOMATIC: lambda plain: Automatic(plain["panel"]),
    DRAWN: _drawn_from,
    LEARNED: _learned_from,
}


def names_of(gates: Gates) -> tuple[str, ...]:
    """Name the populations that gates can find.

    Parameters
    ----------
    gates : Strategy, Automatic or EventClassifier
        As `gates_from_text` returns them.

    Returns
    -------
    tuple of str
        A tube without the channels for some may have fewer.
    """
    from flowml.gating.learned import EventClassifier

    if isinstance(gates, Strategy):
        return tuple(gate.name for gate in gates.gates)
    if isinstance(gates, EventClassifier):
        model = gates.trained()
        return (model.artefact, CELLS, *model.lineages)
    return EVERY


def whole_of(gates: Gates) -> str:
    """Name the population that holds all cells, where the gates have one.

    Parameters
    ----------
    gates : Strategy or Gater
        Of a person, or not.

    Returns
    -------
    str
        Empty for gates of a person, who may have called it anything.
    """
    return "" if isinstance(gates, Strategy) else CELLS
