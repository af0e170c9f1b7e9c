"""What cells there are, in health and in disease: the files behind the simulator and the tests.

Every line of these files has its source; adding a population or an entity is adding lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import FlowmlError
from flowml.knowledge.diseases import Disease, read_disease
from flowml.knowledge.documents import open_document
from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.files import HOME
from flowml.knowledge.phenotypes import (
    CHAINS,
    Level,
    Population,
    read_levels,
    read_population,
)
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.knowledge.entries import Entry

LEVELS_FILE = "levels.toml"
POPULATIONS_FILE = "populations.toml"
SPECIMENS_FILE = "specimens.toml"
ENTITIES_FOLDER = "entities"

DEFAULT_VARIATION = "default"
LARGEST_VARIATION = 1.0  # decades


@dataclass(frozen=True)
class Specimen:
    """What a specimen is made of in health.

    Parameters
    ----------
    name : str
        ``blood`` or ``marrow``.
    percent : mapping of str to float
        Per cent of intact cells, by population.
    variation : mapping of str to float
        Standard deviation of that share between patients, in decades, by population.
    """

    name: str
    percent: Mapping[str, float]
    variation: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Biology:
    """Everything about cells that cases are drawn from.

    Parameters
    ----------
    levels : mapping of str to Level
        The ladder, with its steps.
    populations : mapping of str to Population
        Normal ones and templates, by name.
    debris : Population
        What is no intact cell.
    specimens : mapping of str to Specimen
        By name.
    diseases : mapping of str to Disease
        By the canonical name of the entity, those outside the label tree last.
    """

    levels: Mapping[str, Level]
    populations: Mapping[str, Population]
    debris: Population
    specimens: Mapping[str, Specimen]
    diseases: Mapping[str, Disease]

    @cached_property
    def markers(self) -> tuple[str, ...]:
        """All markers that a population or a clone is described by, sorted."""
        every = [*self.populations.values(), self.debris]
        for disease in self.diseases.values():
            for variant in disease.variants:
                every += [clone.population for clone in variant.clones]
                every += variant.altered.values()
        found = {marker for population in every for marker in population.expressions}
        chains = {f"{place}{chain}" for place in ("", "cy") for chain in CHAINS}
        return tuple(sorted(found | chains))


@cache
def load_biology() -> Biology:
    """Return flowml's own knowledge of cells.

    Returns
    -------
    Biology
        Read once; immutable by convention.
    """
    return read_biology(HOME)


def read_biology(folder: Path | str) -> Biology:
    """Read what cells there are, and check every entry.

    Parameters
    ----------
    folder : path-like
        Where `LEVELS_FILE`, `POPULATIONS_FILE`, `SPECIMENS_FILE` and the files of
        `ENTITIES_FOLDER` are.

    Returns
    -------
    Biology
        Complete and consistent.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used; the message names it.
    FlowmlError
        If a file cannot be read.
    """
    place = Path(folder)
    levels = read_levels(open_document(place / LEVELS_FILE, ("levels",)).table("levels"))
    document = open_document(place / POPULATIONS_FILE, ("population", "debris"))
    populations: dict[str, Population] = {}
    for entry in document.tables("population"):
        populations[entry.text("name")] = read_population(entry, levels, populations)
    specimens = [
        _specimen(entry, populations)
        for entry in open_document(place / SPECIMENS_FILE, ("specimen",)).tables("specimen")
    ]
    names = [specimen.name for specimen in specimens]
    diseases = [
        read_disease(entry, levels, populations, names)
        for file in entity_files(place)
        for entry in open_document(file, ("entity",)).tables("entity")
    ]
    return Biology(
        levels=levels,
        populations=populations,
        debris=read_population(document.table("debris"), levels, populations),
        specimens={specimen.name: specimen for specimen in specimens},
        diseases=_by_name(diseases),
    )


def entity_files(folder: Path | str) -> list[Path]:
    """List the files of entities, in order of their names.

    Parameters
    ----------
    folder : path-like
        The folder that holds `ENTITIES_FOLDER`.

    Returns
    -------
    list of Path
        Every TOML file there; a file more is an entity more.

    Raises
    ------
    FlowmlError
        If there is none.
    """
    files = sorted((Path(folder) / ENTITIES_FOLDER).glob("*.toml"))
    if not files:
        raise FlowmlError(
            f"{printable(Path(folder) / ENTITIES_FOLDER)} holds no TOML file, expected at "
            "least one with [[entity]] tables."
        )
    return files


def _by_name(diseases: list[Disease]) -> dict[str, Disease]:
    """Return the diseases by name, those outside the label tree last; no name twice."""
    found: dict[str, Disease] = {}
    for disease in sorted(diseases, key=lambda disease: disease.outside):
        if disease.name in found:
            raise KnowledgeError(
                f"the entity {printable(disease.name, 60)!r} stands twice in the files of "
                "entities. Correct the files."
            )
        found[disease.name] = disease
    return found


def _specimen(entry: Entry, populations: Mapping[str, Population]) -> Specimen:
    entry.keys(("name", "source", "percent", "variation"))
    entry.text("source")
    table = entry.table("percent")
    percent = {name: table.number(name, 0.0, 1e6) for name in table.keys(populations)}
    if not sum(percent.values()) > 0:
        raise table.error("expected at least one number above 0")
    spread = entry.table("variation")
    spread.keys((DEFAULT_VARIATION, *percent))
    usual = spread.number(DEFAULT_VARIATION, 0.0, LARGEST_VARIATION)
    variation = {
        name: spread.number(name, 0.0, LARGEST_VARIATION, default=usual) for name in percent
    }
    return Specimen(entry.text("name"), percent, variation)
