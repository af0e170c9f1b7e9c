"""One patient: which cells there are, how many of each, and how this patient's cells look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.diseases import LOG_UNIFORM
from flowml.knowledge.phenotypes import CHAINS
from flowml.simulator.looks import draw_looks, draw_subclones, is_polytypic, joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.biology import Biology, Specimen
    from flowml.knowledge.diseases import Disease, Range, Variant
    from flowml.knowledge.phenotypes import Population
    from flowml.simulator.looks import Looks

    Floats = NDArray[np.float64]

MOST_SUBCLONES = 3
SUBCLONE_CONCENTRATION = 1.5  # of the Dirichlet distribution of their sizes
CHAIN_SHIFT = 0.25  # logits; standard deviation of the share of kappa between donors
MOST_NEOPLASTIC = 0.97  # share of intact cells of all clones together


@dataclass(frozen=True, eq=False)
class Illness:
    """One disease of a patient.

    Parameters
    ----------
    entity : str
        Canonical name.
    variant : str
        Of the entity.
    share : float
        Neoplastic share of intact cells; 0 where there is no clone.
    chain : str
        Light chain of a restricted clone: ``kappa``, ``lambda``, ``none``; else empty.
    """

    entity: str
    variant: str
    share: float
    chain: str


@dataclass(frozen=True, eq=False)
class Patient:
    """What every tube of this patient's specimen is drawn from.

    Parameters
    ----------
    illnesses : tuple of Illness
        The leading one, of the largest share, first.
    specimen : str
        ``blood`` or ``marrow``.
    looks : Looks
        Normal populations, then subclones, then debris.
    weights : ndarray, shape (n_looks,), float64
        Share of each among the intact cells; 0 for debris.
    disease : ndarray, shape (n_looks,), int64
        Number of the illness that a look belongs to; -1 for normal cells and debris.
    """

    illnesses: tuple[Illness, ...]
    specimen: str
    looks: Looks
    weights: Floats
    disease: NDArray[np.int64]

    @property
    def leading(self) -> Illness:
        """The illness that the case is labelled by."""
        return self.illnesses[0]


def draw_patient(
    diseases: Sequence[Disease],
    biology: Biology,
    rng: np.random.Generator,
    share: Range | None = None,
) -> Patient:
    """Draw a patient with one disease or several.

    Parameters
    ----------
    diseases : sequence of Disease
        One or more.
    biology : Biology
        Populations and specimens.
    rng : numpy.random.Generator
        Source of every draw.
    share : tuple of float, optional
        Range of the neoplastic share of each disease, drawn log-uniformly, in place of its
        own.

    Returns
    -------
    Patient
        With looks for every marker that is known.
    """
    found = []
    for disease in diseases:
        variant = _variant(disease, rng)
        found.append((_neoplastic_share(variant, share, rng), disease, variant))
    found.sort(key=lambda item: -item[0])  # the sort is stable: equal shares keep their order
    variants = [variant for _, _, variant in found]
    shares = np.array([size for size, _, _ in found])
    shares *= min(1.0, MOST_NEOPLASTIC / max(float(shares.sum()), 1e-9))
    specimen = _specimen(variants, biology, rng)
    parts, weights, owners = _normal_cells(specimen, variants, biology, rng)
    weights *= 1 - shares.sum()
    illnesses = []
    for number, (variant, size) in enumerate(zip(variants, shares.tolist(), strict=True)):
        clones, sizes, chain = _clones(variant, biology, rng)
        parts += clones
        weights = np.concatenate([weights, sizes * size])
        owners += [number] * len(sizes)
        illnesses.append(Illness(found[number][1].name, variant.name, size, chain))
    parts.append(draw_looks(biology.debris, ("",), biology, rng))
    return Patient(
        illnesses=tuple(illnesses),
        specimen=specimen.name,
        looks=joined(parts),
        weights=np.append(weights / weights.sum(), 0.0),
        disease=np.array([*owners, -1], dtype=np.int64),
    )


def _variant(disease: Disease, rng: np.random.Generator) -> Variant:
    weights = np.array([variant.weight for variant in disease.variants])
    return disease.variants[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _neoplastic_share(variant: Variant, asked: Range | None, rng: np.random.Generator) -> float:
    position = rng.random()
    if variant.share is None:
        return 0.0
    low, high = asked or variant.share
    if asked or variant.draw == LOG_UNIFORM:
        return float(low * (high / low) ** position)
    return float(low + (high - low) * position)


def _specimen(
    variants: Sequence[Variant], biology: Biology, rng: np.random.Generator
) -> Specimen:
    """Draw the specimen by the leading disease's habits."""
    names = sorted(variants[0].specimens)
    weights = np.array([variants[0].specimens[name] for name in names])
    return biology.specimens[names[int(rng.choice(len(names), p=weights / weights.sum()))]]


def _normal_cells(
    specimen: Specimen,
    variants: Sequence[Variant],
    biology: Biology,
    rng: np.random.Generator,
) -> tuple[list[Looks], Floats, list[int]]:
    """Draw normal populations, and how many there are of each (adding up to 1)."""
    factors = _factors(variants, rng)
    altered = {name: cells for variant in variants for name, cells in variant.altered.items()}
    parts, weights, owners = [], [], []
    stickiness = rng.random()
    for name in biology.populations:
        noise = rng.standard_normal(2)
        population = altered.get(name, biology.populations[name])
        chains = CHAINS if is_polytypic(population) else ("",)
        looks = draw_looks(population, chains, biology, rng, stickiness)
        spread = specimen.variation.get(name, 0.0)
        amount = specimen.percent.get(name, 0.0) * 10 ** (spread * noise[0])
        amount *= factors.get(name, 1.0)
        if amount > 0:
            parts.append(looks)
            weights += list(amount * _divided(population, noise[1]))
            owners += [-1] * len(chains)
    total = np.array(weights)
    return parts, total / total.sum(), owners


def _factors(variants: Sequence[Variant], rng: np.random.Generator) -> dict[str, float]:
    """Draw by how much each normal population is displaced or expanded."""
    found: dict[str, float] = {}
    for variant in variants:
        for name, (low, high) in variant.composition.items():
            position = rng.random()
            drawn = low * (high / low) ** position if low > 0 else high * position
            found[name] = found.get(name, 1.0) * drawn
    return found


def _divided(population: Population, noise: float) -> Floats:
    """Return the shares of cells with kappa and with lambda; 1 where there are no chains."""
    if not is_polytypic(population) or population.light_chains is None:
        return np.ones(1)
    kappa = np.clip(population.light_chains.kappa, 1e-3, 1 - 1e-3)
    logit = np.log(kappa / (1 - kappa)) + CHAIN_SHIFT * noise
    share = 1 / (1 + np.exp(-logit))
    return np.array([share, 1 - share])


def _clones(
    variant: Variant, biology: Biology, rng: np.random.Generator
) -> tuple[list[Looks], Floats, str]:
    """Draw the clones of a disease: looks, sizes (which add up to 1), their light chain."""
    luck = rng.random(2)
    chain = _restricted_chain(variant, luck)
    parts, sizes = [], []
    for clone, size in zip(variant.clones, _sizes(variant, rng), strict=True):
        chains = clone.population.light_chains
        own = chain if chains is not None and chain != "none" else ""
        founder = draw_looks(clone.population, (own,), biology, rng)
        number = int(rng.integers(1, MOST_SUBCLONES + 1))
        within = rng.dirichlet([SUBCLONE_CONCENTRATION] * number)
        parts.append(draw_subclones(founder, number, biology, rng))
        sizes += list(within * size)
    return parts, np.array(sizes), chain


def _restricted_chain(variant: Variant, luck: Floats) -> str:
    """Choose the one light chain of a patient's clones; empty where they make none."""
    for clone in variant.clones:
        chains = clone.population.light_chains
        if chains is not None:
            if luck[0] < chains.none:
                return "none"
            return CHAINS[0] if luck[1] < chains.kappa else CHAINS[1]
    return ""


def _sizes(variant: Variant, rng: np.random.Generator) -> list[float]:
    """Draw each clone's part of the neoplastic share."""
    parts: list[float | None] = [
        None if clone.part is None else float(rng.uniform(*clone.part))
        for clone in variant.clones
    ]
    rest = max(1 - sum(part for part in parts if part is not None), 0.0)
    return [rest if part is None else part for part in parts]


def details_of(patient: Patient) -> Mapping[str, str]:
    """Say what is true of a patient, as texts for a table.

    Parameters
    ----------
    patient : Patient
        Any.

    Returns
    -------
    mapping of str to str
        ``entity``, ``variant``, ``specimen``, ``neoplastic_share``, ``light_chain`` of the
        leading illness, and ``second_entity`` with its share.
    """
    first, others = patient.leading, patient.illnesses[1:]
    return {
        "entity": first.entity,
        "variant": first.variant,
        "specimen": patient.specimen,
        "neoplastic_share": _told(first.share),
        "light_chain": first.chain,
        "second_entity": "+".join(item.entity for item in others),
        "second_share": "+".join(_told(item.share) for item in others),
    }


def _told(share: float) -> str:
    """Write a share so that a small one is not lost."""
    return f"{share:.6f}"
