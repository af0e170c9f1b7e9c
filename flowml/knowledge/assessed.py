"""What a set of markers does not assess: `assessed.toml`, each question with its source."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from flowml.knowledge.antigens import INSIDE
from flowml.knowledge.documents import listed, open_document
from flowml.knowledge.files import HOME
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.markers import name_channel
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from pathlib import Path

    from flowml.knowledge.entries import Entry

LONGEST_LINE = 400  # characters; a cell of a table that people still read
Groups = tuple[tuple[str, ...], ...]  # each is needed, any marker of it suffices


@dataclass(frozen=True, slots=True)
class Question:
    """What a laboratory asks of a set of markers.

    Parameters
    ----------
    key, title : str
        For programs and for people.
    within : str
        Key of the question that must be assessed before this one is asked; empty for none.
    needs : tuple of tuple of str
        Groups of canonical markers: each group is needed, any marker of it suffices.
    matters_for : tuple of str
        Lineages and categories of the label tree.
    source : str
        Where the markers stand.
    """

    key: str
    title: str
    within: str
    needs: Groups
    matters_for: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Unassessed:
    """A question that a set of markers leaves open.

    Parameters
    ----------
    key, title : str
        As the file has them.
    missing : tuple of tuple of str
        Groups of which no marker is there; one marker of each would do.
    about : str
        Title of the question above all that this one is within; empty where it is within none.
    """

    key: str
    title: str
    missing: Groups
    about: str


@lru_cache(maxsize=8)
def load_questions(path: Path | str | None = None) -> tuple[Question, ...]:
    """Read what is asked of a set of markers.

    Parameters
    ----------
    path : path-like, optional
        A laboratory's own file of the same form; flowml's if not given.

    Returns
    -------
    tuple of Question
        In the order of the file; a question stands behind the one that it is within.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used: an unknown marker, lineage or category, a key that is given
        twice, a question within one that does not stand above it. The message names it.
    FlowmlError
        If the file cannot be read.
    """
    document = open_document(path or HOME / "assessed.toml", ("question",))
    found: dict[str, Question] = {}
    for entry in document.tables("question", named_by="key"):
        question = _question(entry, found)
        found[question.key] = question
    if not found:
        raise document.error("expected at least one [[question]]")
    return tuple(found.values())


def _question(entry: Entry, above: dict[str, Question]) -> Question:
    entry.keys(("key", "title", "within", "needs", "matters_for", "source"))
    tree = load_label_tree().entities.values()
    known = {name: None for entity in tree for name in (entity.lineage, entity.category)}
    question = Question(
        key=entry.text("key"),
        title=entry.text("title"),
        within=_within(entry, above),
        needs=_groups(entry),
        matters_for=listed(entry, "matters_for", known),
        source=entry.text("source"),
    )
    if question.within:
        _refuse_wider(entry, question, above[question.within])
    return question


def _within(entry: Entry, above: dict[str, Question]) -> str:
    if "within" not in entry:
        return ""
    key = entry.text("within")
    if key not in above:
        near = nearest(key, list(above)) or "there is none"
        raise entry.error(
            f"'within' is {printable(key, 60)!r}, expected the key of a question above; "
            f"nearest: {printable(near)}"
        )
    return key


def _refuse_wider(entry: Entry, question: Question, parent: Question) -> None:
    """Refuse a question that would be asked where the one that it is within is not."""
    wider = [name for name in question.matters_for if name not in parent.matters_for]
    if wider:
        raise entry.error(
            f"'matters_for' has {', '.join(wider)}, expected no more than "
            f"{printable(parent.key, 60)!r} has, which it is within"
        )


def _groups(entry: Entry) -> Groups:
    value = entry.get("needs")
    groups = value if isinstance(value, list) else []
    if not groups or not all(isinstance(group, list) and group for group in groups):
        raise entry.error(
            f"'needs' is {printable(repr(value), 60)}, expected lists of markers in a list"
        )
    every = [marker for group in groups for marker in group]
    for marker in every:
        _refuse_unknown(entry, marker)
    if len(set(every)) < len(every):
        raise entry.error("'needs' holds a marker twice")
    return tuple(map(tuple, groups))


def _refuse_unknown(entry: Entry, marker: object) -> None:
    found = name_channel("", str(marker))
    if not found.known or found.marker != marker or "+" in found.marker:
        raise entry.error(
            f"'needs' has {printable(repr(marker), 60)}, expected one canonical marker; "
            f"nearest: {printable(repr(found.marker), 60)}"
        )


def not_assessed(
    markers: Collection[str],
    about: Collection[str] = (),
    questions: Sequence[Question] | None = None,
) -> tuple[Unassessed, ...]:
    """List the questions that a set of markers leaves open.

    A question within another one is not listed where that one is open already.

    Parameters
    ----------
    markers : collection of str
        Canonical names, of all tubes together; two antibodies in one channel, as in
        ``CD8+lambda``, count both. Scatter and names that no question has do not matter.
    about : collection of str
        Lineages and categories of the label tree; only what matters for one of them is listed.
        Everything where no question has any of them: that nothing abnormal was found (``none``)
        leans on all questions.
    questions : sequence of Question, optional
        Those of `load_questions` if not given.

    Returns
    -------
    tuple of Unassessed
        In the order of the file.

    Examples
    --------
    >>> light = not_assessed(["CD19", "kappa"], about=["B"])[0]
    >>> light.title, light.missing
    ('clonality of B cells', (('lambda', 'cylambda'),))
    """
    there = {part for marker in markers for part in marker.split("+")}
    asked = load_questions() if questions is None else questions
    wanted = {name for question in asked for name in question.matters_for} & set(about)
    tops: dict[str, str] = {}  # of each question that is assessed: title of the one above all
    found = []
    for question in asked:
        if question.within and question.within not in tops:
            continue
        top = tops.get(question.within, "")
        missing = tuple(group for group in question.needs if there.isdisjoint(group))
        if not missing:
            tops[question.key] = top or question.title
        elif not wanted or not wanted.isdisjoint(question.matters_for):
            found.append(Unassessed(question.key, question.title, missing, top))
    return tuple(found)


def one_line(found: Sequence[Unassessed], longest: int = LONGEST_LINE) -> str:
    """Say in one line what is not assessed.

    Parameters
    ----------
    found : sequence of Unassessed
        As `not_assessed` gives them.
    longest : int
        Characters. Where the text would be longer, questions that are within another one are
        counted rather than named, those first that stand last among their like in the file.
        Questions that are within none are always named.

    Returns
    -------
    str
        Titles with what they need; empty where nothing is open.

    Examples
    --------
    >>> one_line(not_assessed(["CD38"], about=["plasma_cell"]))
    'plasma cells (needs CD138)'
    """
    least = _least_first(found)
    lines = (_text(found, least[:n_counted]) for n_counted in range(len(least) + 1))
    return next((line for line in lines if len(line) <= longest), _text(found, least))


def _least_first(found: Sequence[Unassessed]) -> list[int]:
    """Return the places of what may be counted only."""
    topics = [item.about for item in found]
    inner = [place for place, topic in enumerate(topics) if topic]
    return sorted(inner, key=lambda at: (topics[:at].count(topics[at]), at), reverse=True)


def _text(found: Sequence[Unassessed], counted: Sequence[int]) -> str:
    parts = [_in_words(item) for place, item in enumerate(found) if place not in counted]
    if counted:
        topics = dict.fromkeys(found[place].about for place in sorted(counted))
        more = f"{len(counted)} more about {_series(list(topics), 'and')}"
        parts.append(f"and {more}" if parts else more)
    return ", ".join(parts)


def _in_words(item: Unassessed) -> str:
    groups = [_series(_without_places(group), "or") for group in item.missing]
    alone = [group for group in groups if " or " not in group]
    choices = [group for group in groups if " or " in group]
    needs = ", and ".join([", ".join(alone), *choices] if alone else choices)
    return f"{item.title} (needs {needs if choices else _series(alone, 'and')})"


def _without_places(group: tuple[str, ...]) -> list[str]:
    """Leave out a marker of the cytoplasm whose name without its place is there, too."""
    return [
        marker
        for marker in group
        if not marker.startswith(INSIDE) or marker.removeprefix(INSIDE) not in group
    ]


def _series(names: list[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
