"""Every entity and every population looks as its lines of knowledge say, when it is measured.

What is compared went the whole way: a patient was drawn, stained, measured, put into numbers of
the instrument's files, and compensated. `tests.simulator.lines` tells what the lines allow.
"""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import rel_entr

from flowml.events import ArraySource
from flowml.knowledge.biology import Specimen, load_biology
from flowml.knowledge.panels import known_panels, load_panel
from flowml.preprocess import compensate
from flowml.records import Sample
from flowml.simulator import looks
from flowml.simulator.events import REFERENCE_TOP, draw_events
from flowml.simulator.plan import make_plan
from flowml.simulator.source import measured
from flowml.threads import one_thread
from tests.simulator.drawing import generator, one_variant, patient, plan_of, tube_of
from tests.simulator.lines import FAR, PARTS, SCATTER, SUBCLONES, Lines

BIOLOGY = load_biology()
DYES = (
    "FITC", "PE", "ECD", "PC5.5", "PC7", "APC", "APC-A700", "APC-A750", "PacBlue", "KrOr",
    "BV605", "BV650", "BV786",
)  # fmt: skip
EVERY_MARKER = [
    tube_of(**dict(zip(DYES, BIOLOGY.markers[start:], strict=False)))
    for start in range(0, len(BIOLOGY.markers), len(DYES))
]
OFFERS = [
    pytest.param(name, model, id=f"{name}-{model}")
    for name in known_panels()
    for model in load_panel(name).cytometers
]
N_EACH = 300  # cells of each kind
HALF_A_STEP = {"navios": 0.0005}  # of a share in the file; else 0.00005


@pytest.fixture(scope="module")
def still():
    """Let subclones not drift, and the matrix in the file be right: bounds become narrow."""
    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.setattr(looks, "SUBCLONE_SHIFT", 0.0)
        places = [
            plan_of(patient(), tube, "cytoflex", matrix_error=0.0) for tube in EVERY_MARKER
        ]
        yield [
            (tube, plan, channels)
            for tube, (plan, channels) in zip(EVERY_MARKER, places, strict=True)
        ]


# --- from a patient to what is seen of each kind of cell ----------------------------------


def evenly(plan, wanted):
    """Return weights by which every kind of cell and light chain is seen alike."""
    weights, kinds = np.zeros(len(plan.names)), kinds_of(plan, wanted)
    for rows in kinds.values():
        weights[rows] = plan.weights[rows] / plan.weights[rows].sum()
    return weights / weights.sum(), len(kinds)


def kinds_of(plan, wanted):
    """Return the rows of each kind of cell and light chain."""
    kinds = {}
    for row, kind in enumerate(zip(plan.names, plan.chains, strict=True)):
        if kind[0] in wanted:
            kinds.setdefault(kind, []).append(row)
    return kinds


def seen(someone, place, wanted, seed=1):
    """Measure a tube, and yield of each kind of cell its events and its light, gain undone."""
    tube, like, channels = place
    plan = make_plan(someone, tube, like.cytometer, like.run, 1, BIOLOGY, generator(seed))
    weights, n_kinds = evenly(plan, wanted)
    plan = replace(plan, weights=weights, doublets=0.0, n_events=N_EACH * n_kinds)
    events = draw_events(plan)
    table = measured(events, plan, channels)
    sample = Sample("a test", channels, ArraySource(table), spillover=plan.run.spillover)
    unit = plan.cytometer.top / REFERENCE_TOP
    light = compensate(sample).events()[:, 3:-1] / unit / plan.run.gain
    for (name, chain), rows in kinds_of(plan, wanted).items():
        mine = np.isin(events.look, rows)
        yield name, chain, plan, table[mine] / unit, light[mine]


def noise_of(plan, raw):
    """Return the standard deviation of compensated light, after Poisson and the matrix."""
    observed = np.maximum(np.median(raw[:, 3:-1], axis=0), 0)
    variance = observed * plan.photon * plan.run.gain + plan.noise**2
    variance *= plan.run.noise**2
    undone = np.linalg.inv(plan.run.spillover.matrix)
    return np.sqrt(variance @ undone**2) / plan.run.gain


def left_over(plan, light):
    """Return what coefficients that are a little wrong may leave of other dyes' light."""
    half = HALF_A_STEP.get(plan.cytometer.style, 0.00005)
    wrong = 5 * np.hypot(plan.cytometer.matrix_error, half)
    shone = np.quantile(np.abs(light), 0.95, axis=0) * plan.run.gain
    return wrong * np.sqrt((shone**2).sum()) / plan.run.gain


def surprises(lines, cells, someone, place, seed=1):
    """Return the markers that do not look as the lines say, and how they look."""
    found = []
    for name, chain, plan, raw, light in seen(someone, place, cells, seed):
        noise, left = noise_of(plan, raw), left_over(plan, light)
        # a part of so many cells lies, whatever their distribution, between these of the sample
        apart = 5 * np.sqrt(np.multiply(PARTS, np.subtract(1, PARTS)) / len(light))
        ends = [np.clip(np.add(PARTS, sign * apart), 0, 1) for sign in (-1, 1)]
        low, high = (np.quantile(light, end, axis=0) for end in ends)
        allowed = lines.expected(cells[name], chain, place[0].stains, noise)
        fits = [
            (high > 0.97 * least - left - 1) & (low < 1.03 * most + left + 1)
            for least, most in (allowed[:2], allowed[2:])
        ]
        for n in np.flatnonzero(~(fits[0].all(axis=0) | fits[1].all(axis=0))):
            label = place[0].stains[n].label
            found.append((name, chain, label, low[:, n], high[:, n], allowed[..., n]))
        found += odd_scatter(cells[name], plan, raw)
    return found


def odd_scatter(cells, plan, raw):
    """Return scatter that does not lie about the medians of the lines."""
    size = np.hypot(max(cells.variation, 1.0), float(cells.is_clone))  # subclones drift too
    error = 5 * 1.25 * 0.15 / np.sqrt(len(raw))
    found = []
    for column, what, gain in ((0, "fsc", 0), (2, "ssc", 1)):
        median = np.median(raw[:, column]) / plan.run.scatter_gain[gain]
        apart = abs(np.log10(median / getattr(cells, what)))
        if apart > FAR * SCATTER * size + error + 0.01:
            found.append((cells.name, what, median))
    return found


def all_surprises(lines, entity, variant, places, biology=BIOLOGY, seed=1):
    someone = patient(entity, seed, biology, variant, share=(0.5, 0.5))
    cells = lines.of_variant(entity, variant)
    cells = {name: item for name, item in cells.items() if name in someone.looks.names}
    return [
        surprise
        for place in (places if cells else ())
        for surprise in surprises(lines, cells, someone, place, seed)
    ]


# --- every line --------------------------------------------------------------------------


def test_the_lines_name_what_the_simulator_knows():
    lines = Lines()
    assert set(lines.entities) == set(BIOLOGY.diseases)
    assert set(lines.populations) == set(BIOLOGY.populations)
    assert set(BIOLOGY.markers) == {m for tube in EVERY_MARKER for m in tube.markers}


@pytest.mark.parametrize("entity", list(BIOLOGY.diseases))
def test_every_clone_and_altered_population_looks_as_its_lines_say(still, entity):
    lines = Lines(drift=0.0)
    for variant in lines.variants(entity):
        assert all_surprises(lines, entity, variant, still) == [], variant


def test_every_normal_population_looks_as_its_lines_say(still):
    lines = Lines(drift=0.0)
    alike = Specimen("blood", dict.fromkeys(lines.populations, 1.0), {})
    every = replace(BIOLOGY, specimens={"blood": alike, "marrow": alike})
    healthy = replace(BIOLOGY.diseases["normal"].variants[0], composition={}, altered={})
    changed = {
        **BIOLOGY.diseases,
        "normal": replace(BIOLOGY.diseases["normal"], variants=(healthy,)),
    }
    someone = patient("normal", biology=replace(every, diseases=changed))
    assert set(lines.populations) < set(someone.looks.names)
    for place in still:
        assert surprises(lines, lines.populations, someone, place) == []


def information(found, share):
    """Return how surprising a share is: times n, above 18 about once in ten million."""
    return float(rel_entr(found, share) + rel_entr(1 - found, 1 - share))


@pytest.mark.parametrize("entity", list(BIOLOGY.diseases))
def test_patients_lack_an_antigen_as_often_as_the_lines_say(entity):
    lines, n = Lines(), 30
    highest = lines.level("neg")[0] + lines.level("neg")[1]
    for variant in BIOLOGY.diseases[entity].variants:
        populations = [*variant.altered.values(), *(c.population for c in variant.clones)]
        for population in populations:
            cells = lines.of_variant(entity, variant.name)[population.name]
            rng = generator(1)
            drawn = [looks.draw_looks(population, ("",), BIOLOGY, rng) for _ in range(n)]
            brightest = np.array([one.path[0].max(axis=0) for one in drawn])
            for marker, value in cells.markers.items():
                (low, _), *_ = lines.bounds(cells, "", marker)
                if low.max() <= highest + FAR * SUBCLONES:
                    continue  # too dim to be told from an antigen that is lost
                there = (brightest[:, BIOLOGY.markers.index(marker)] > highest).sum()
                share = value.get("share", 1.0) if isinstance(value, dict) else 1.0
                assert n * information(there / n, share) < 18, (cells.name, marker)


@pytest.mark.parametrize("entity", list(BIOLOGY.diseases))
def test_shares_and_specimens_are_those_of_the_lines(entity):
    lines = Lines()
    whole = lines.entities[entity]
    for seed, (name, variant) in enumerate(lines.variants(entity).items()):
        someone = patient(entity, seed, variant=name)
        low, high = variant.get("share", whole.get("share")) or (0, 0)
        assert low <= someone.leading.share <= min(high, 0.97) + 1e-9
        assert variant.get("specimen", whole["specimen"])[someone.specimen] > 0
        neoplastic = np.array(someone.looks.names)[someone.disease >= 0]
        assert set(neoplastic) == {item["name"] for item in variant.get("clone", [])}


# --- panels, their dyes and instruments --------------------------------------------------


@pytest.mark.parametrize(("panel", "model"), OFFERS)
def test_panels_show_what_the_lines_say(panel, model):
    """With all that laboratories have: brightness, two antibodies on a dye, a wrong matrix."""
    lines, chosen = Lines(SUBCLONES), load_panel(panel)
    places = [(tube, *plan_of(patient(), tube, model)) for tube in chosen.tubes]
    with one_thread():
        everybody = patient("normal", seed=2)
        for place in places:
            assert surprises(lines, lines.populations, everybody, place) == []
        for entity in chosen.entities if model == chosen.cytometers[0] else ():
            variant = max(lines.variants(entity).values(), key=lambda item: item["weight"])
            assert all_surprises(lines, entity, variant["name"], places) == [], entity


# --- that a wrong line is found ----------------------------------------------------------


def with_marker(entity, variant, cell, marker, level):
    """Return knowledge in which one marker of one clone has another level."""
    disease = one_variant(BIOLOGY.diseases[entity], variant)
    clones = []
    for clone in disease.variants[0].clones:
        given = clone.population.expressions
        one = replace(given["CD45"], path=((BIOLOGY.levels[level],) * 2,) * 3, spread=None)
        own = {**given, marker: one} if clone.population.name == cell else given
        clones.append(replace(clone, population=replace(clone.population, expressions=own)))
    changed = replace(disease, variants=(replace(disease.variants[0], clones=tuple(clones)),))
    return replace(BIOLOGY, diseases={**BIOLOGY.diseases, entity: changed})


@pytest.mark.parametrize(
    ("entity", "variant", "cell", "marker", "level"),
    [
        ("CLL", "typical", "CLL cells", "CD22", "neg"),
        ("CLL", "typical", "CLL cells", "CD19", "bright"),
        ("CLL", "typical", "CLL cells", "CD200", "dim"),
        ("CLL", "typical", "CLL cells", "CD34", "moderate"),
        ("CLL", "typical", "CLL cells", "CD103", "dim"),
        ("CLL", "typical", "CLL cells", "CD23", "very_bright+"),
    ],
)
def test_a_changed_line_is_found_and_no_other_is(still, entity, variant, cell, marker, level):
    changed = with_marker(entity, variant, cell, marker, level)
    found = all_surprises(Lines(drift=0.0), entity, variant, still, changed)
    assert {(name, label) for name, _, label, *_ in found} == {(cell, marker)}


def test_a_population_of_the_wrong_size_is_found(still):
    lines = Lines(drift=0.0)
    lines.entities["CLL"] = deepcopy(lines.entities["CLL"])
    lines.entities["CLL"]["variant"][0]["clone"][0]["fsc"] = 75_000
    found = all_surprises(lines, "CLL", "typical", still[:1])
    assert [what for _, what, *_ in found] == ["fsc"]
