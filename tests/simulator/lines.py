"""What the lines of the knowledge files say a detector must see: an oracle for the simulator.

Written anew from the form of the files, which the head of ``populations.toml`` tells, without
the code that reads them and without the code that draws.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.special import ndtri

from flowml.knowledge.files import HOME

SUBCLONES = 0.10  # decades; standard deviation of an antigen between subclones
SCATTER = 0.015  # decades; standard deviation of scatter between patients, and subclones
WIDER = 0.4  # share by which cells spread more, for each unit of variation above 1
GLOW = 0.10  # decades; spread of autofluorescence between cells
FAR = 4.5  # standard deviations that a draw may lie away
PARTS = (0.5, 0.9)  # the median, and what a tenth of the cells exceeds
N = 300  # cells that the oracle draws
EVEN = (np.arange(N) + 0.5) / N  # every part of a distribution is met as often as it shall
MOST_ANTIGENS = 2  # on one dye
TRAILS = 0.25  # share of a clone's cells with an antigen from which on it trails off
STEADY = "CD45"  # which subclones have alike


def _shuffled(values, seed):
    return np.random.default_rng(seed).permutation(values)[:, np.newaxis]


POINT, DARK, SHINE = _shuffled(EVEN, 0), _shuffled(ndtri(EVEN), 1), _shuffled(ndtri(EVEN), 2)
PRESENT = [_shuffled(EVEN, 3 + n) for n in range(MOST_ANTIGENS)]
CELL = [_shuffled(ndtri(EVEN), 5 + n) for n in range(MOST_ANTIGENS)]
WAY = [_shuffled(EVEN, 7 + n) for n in range(MOST_ANTIGENS)]


@dataclass
class Cells:
    """One kind of cell, as its lines say."""

    name: str
    fsc: float = 0.0
    ssc: float = 0.0
    autofluorescence: float = 1.0
    variation: float = 1.0
    chains: dict | None = None
    markers: dict = field(default_factory=dict)
    is_clone: bool = False


@cache
def load(name):
    """Return a knowledge file; what it holds is not to be changed."""
    return tomllib.loads((HOME / name).read_text(encoding="utf-8"))


class Lines:
    """All lines of the knowledge files; `drift` is what subclones differ by."""

    def __init__(self, drift=SUBCLONES):
        self.drift = drift
        self.levels = load("levels.toml")["levels"]
        self.populations = {}
        for entry in load("populations.toml")["population"]:
            self.populations[entry["name"]] = self.inherited(entry)
        self.entities = {}
        for file in sorted((HOME / "entities").glob("*.toml")):
            for entity in load(f"entities/{file.name}")["entity"]:
                self.entities[entity["name"]] = entity

    def inherited(self, entry, base=None, *, is_clone=False):
        """Return the cells of an entry, which may be like others, or changes of a `base`."""
        like = base or self.populations.get(entry.get("like"), Cells(entry.get("name", "")))
        variation = (
            like.variation if base else 1.0
        )  # that of a population it is like is not its own
        return Cells(
            name=entry.get("name", like.name),
            fsc=entry.get("fsc", like.fsc),
            ssc=entry.get("ssc", like.ssc),
            autofluorescence=entry.get("autofluorescence", like.autofluorescence),
            variation=entry.get("variation", variation),
            chains=entry.get("light_chains", like.chains),
            markers={**like.markers, **entry.get("markers", {})},
            is_clone=is_clone,
        )

    def variants(self, entity):
        return {variant["name"]: variant for variant in self.entities[entity]["variant"]}

    def of_variant(self, entity, variant):
        """Return the clones and the altered populations of a variant, by name."""
        lines = self.variants(entity)[variant]
        clones = [self.inherited(c, is_clone=True) for c in lines.get("clone", [])]
        altered = [
            self.inherited(item, self.populations[item["population"]])
            for item in lines.get("altered", [])
        ]
        return {cells.name: cells for cells in (*clones, *altered)}

    @cache  # noqa: B019 - a handful of texts, for the time of the tests
    def level(self, text):
        """Return decades, band and spread of ``pos+``."""
        name, signs = re.fullmatch(r"([a-z_]+)([+-]*)", text).groups()
        level = self.levels[name]
        steps = signs.count("+") - signs.count("-")
        return level["decades"] + steps * self.levels["step"], level["band"], level["spread"]

    def bounds(self, cells, chain, marker):
        """Return paths of the lowest and highest medians, spreads, shares, whether it is lost.

        Paths hold decades at three points; the band times the variation, and the drift of
        subclones, are in them.
        """
        value = value_of(cells, chain, marker)
        table = value if isinstance(value, dict) else {"level": value}
        steps = table["level"] if isinstance(table["level"], list) else [table["level"]] * 3
        ends = [[self.level(part) for part in step.split("..")] for step in steps]
        width = np.array([max(band for _, band, _ in end) for end in ends]) * cells.variation
        low = np.array([end[0][0] for end in ends]) - width
        high = np.array([end[-1][0] for end in ends]) + width
        if cells.is_clone and marker != STEADY and high.max() > self.level("neg")[0] + 0.3:
            low, high = low - FAR * self.drift, high + FAR * self.drift
        spread = table.get("spread", sum(end[0][2] + end[-1][2] for end in ends) / 6)
        wide = spread * (1 + WIDER * max(cells.variation - 1, 0))
        shares = table.get("cells", [1.0, 1.0])
        return (low, high), {spread, wide}, set(shares), table.get("share", 1.0) < 1

    def expected(self, cells, chain, stains, noise):
        """Return what the `PARTS` of the light of dyes may be.

        Returns
        -------
        ndarray, shape (4, n_parts, n_stains)
            Lowest and highest light where the antigens are there, and where one that patients
            may lack is not (NaN where none is).
        """
        kinds, places = [], []  # every way to be at one end: antigens' paths, spreads, shares
        for n, stain in enumerate(stains):
            for row, antigens in self._ways(cells, chain, stain):
                kinds.append(antigens)
                places.append((row, n))
        found = np.full((4, len(PARTS), len(stains)), np.nan)
        columns = [n for _, n in places]
        glow = np.array([stain.autofluorescence for stain in stains])[columns]
        light = glow * cells.autofluorescence * 10 ** (GLOW * SHINE) + noise[columns] * DARK
        for number in range(MOST_ANTIGENS):
            having = [k for k, antigens in enumerate(kinds) if len(antigens) > number]
            if having:
                light[:, having] += _antigen(number, [kinds[k][number] for k in having])
        parts = np.quantile(light, PARTS, axis=0)
        for (row, n), part in zip(places, parts.T, strict=True):
            better = np.fmin if row in {0, 2} else np.fmax
            found[row, :, n] = better(found[row, :, n], part)
        return found

    def _ways(self, cells, chain, stain):
        """Yield the end that is meant, and what each antigen of the dye is there."""
        neg, band, _ = self.level("neg")
        found = [self.bounds(cells, chain, marker) for marker in stain.markers]
        without = (np.full(3, neg - band), np.full(3, neg + band))
        lacking = [
            (without, s, {1.0}, lost) if lost else (p, s, c, lost) for p, s, c, lost in found
        ]
        for first, items in (
            (0, found),
            (2, lacking if any(lost for *_, lost in found) else ()),
        ):
            kinds = [
                [(s, c) for s in sorted(item[1]) for c in sorted(item[2])] for item in items
            ]
            for end in (0, 1):
                for n in range(max(map(len, kinds), default=0)):
                    yield (
                        first + end,
                        [
                            (
                                item[0][end], shine, neg + shine, *kind[n % len(kind)],
                                cells.is_clone,
                            )
                            for item, kind, shine in zip(
                                items, kinds, stain.brightness, strict=True
                            )
                        ],
                    )  # fmt: skip


def _antigen(number, kinds):
    """Draw the light of an antigen, for each way in which its cells may be."""
    paths, shine, negative, spread, share, clone = (
        np.array(part) for part in zip(*kinds, strict=True)
    )
    young, middle, old = paths.T + shine
    place = 2 * POINT
    decades = np.where(place < 1, young + place * (middle - young),
                       middle + (place - 1) * (old - middle))  # fmt: skip
    way = np.where(clone & (share >= TRAILS), WAY[number], 1)
    without = decades + way * (negative - decades)
    decades = np.where(share > PRESENT[number], decades, without)
    return 10 ** (decades + spread * CELL[number])


def value_of(cells, chain, marker):
    """Return what a line says of a marker, with the light chain that the cell has."""
    if cells.chains and chain:
        other = {"kappa": "lambda", "lambda": "kappa"}[chain]
        places = {chain: "surface", f"cy{chain}": "cytoplasmic", other: "other"}
        if (place := places.get(marker)) in cells.chains:
            return cells.chains[place]
    return cells.markers.get(marker, "neg")
