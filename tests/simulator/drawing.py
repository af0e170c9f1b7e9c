"""What tests of the simulator draw from: stains, plans by hand, patients, measured tubes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flowml.knowledge.biology import load_biology
from flowml.knowledge.fluorochromes import load_fluorochromes
from flowml.knowledge.hardware import PanelTube, Stain, load_cytometer
from flowml.records import Role, Spillover
from flowml.simulator.formats import FORMATS
from flowml.simulator.instrument import Run, Unit, draw_run
from flowml.simulator.patient import draw_patient
from flowml.simulator.plan import TubePlan, make_plan
from flowml.simulator.source import sample_of


def generator(seed=1):
    return np.random.default_rng(seed)


def stain(dye, *markers, brightness=0.0):
    """Return a dye as a panel's file would make it, with one brightness for all markers."""
    positions, dyes = load_fluorochromes()
    place = positions[dyes[dye].position]
    decades = (dyes[dye].brightness + brightness,) * len(markers)
    return Stain(dyes[dye], markers, decades, place.autofluorescence, place.photon)


def tube_of(**markers):
    """Return a tube of dyes and markers: ``tube_of(FITC="CD3", PE="CD56+kappa")``."""
    stains = [stain(dye, *text.split("+")) for dye, text in markers.items()]
    return PanelTube("1", "a test", tuple(stains))


def one_variant(disease, name):
    """Return a disease of which there is one variant."""
    (variant,) = (item for item in disease.variants if item.name == name)
    return replace(disease, variants=(variant,))


def patient(entity="normal", seed=1, biology=None, variant=None, share=None):
    """Draw a patient; of one variant, if it is named."""
    biology = biology or load_biology()
    diseases = [biology.diseases[name] for name in entity.split("+")]
    if variant is not None:
        diseases = [one_variant(disease, variant) for disease in diseases]
    return draw_patient(diseases, biology, generator(seed), share)


def plan_of(someone, tube, model="lyric", n_events=5000, seed=1, biology=None, **changes):
    """Bring a patient, a tube and an instrument together; return plan and channels."""
    cytometer = replace(load_cytometer(model), **changes)
    form = FORMATS[cytometer.style]
    channels = form.channels(tube, cytometer)
    names = [channel.name for channel in channels if channel.role is Role.FLUORESCENCE]
    rng = generator(seed)
    run = draw_run(Unit(cytometer, 1, seed), tube, names, 100, form.rounded, rng)
    biology = biology or load_biology()
    return make_plan(someone, tube, cytometer, run, n_events, biology, rng), channels


def measured(someone, tube, model="lyric", **how):
    """Return a sample that an instrument measured."""
    plan, channels = plan_of(someone, tube, model, **how)
    return sample_of("a test", plan, channels, {})


def bare_plan(medians, *, n_events=20_000, seed=(1, 2, 3, 4), **changes):
    """Return a plan by hand: one kind of cell that shines as told, and nothing that varies.

    `medians` are the light of each dye, reference units: no autofluorescence, no spread, no
    debris, no doublets, no spillover.
    """
    n = len(medians)
    cytometer = replace(load_cytometer("lyric"), height_spread=0.0)
    run = Run(
        np.ones(n), np.ones(n), np.ones(2), np.eye(n), Spillover(names(n), np.eye(n)), 2000.0
    )
    path = np.log10(np.asarray(medians, dtype=np.float64))
    plan = TubePlan(
        names=("cells", "debris"),
        chains=("", ""),
        neoplastic=np.zeros(2, dtype=bool),
        weights=np.array([1.0, 0.0]),
        path=np.tile(path.astype(np.float32), (2, 3, 1)),
        spread=np.zeros((2, n), dtype=np.float32),
        cells=np.ones((2, n), dtype=np.float32),
        negative=np.full(n, -2.0, dtype=np.float32),
        first_antigen=np.arange(n),
        together=((), ()),
        autofluorescence=np.zeros((2, n), dtype=np.float32),
        scatter=np.log10([[46_000, 26_000], [11_000, 7000]]).astype(np.float32),
        scatter_spread=np.zeros((2, 2), dtype=np.float32),
        size_to_ssc=np.full(2, 0.6, dtype=np.float32),
        photon=np.zeros(n, dtype=np.float32),
        noise=np.zeros(n, dtype=np.float32),
        cytometer=cytometer,
        run=run,
        n_events=n_events,
        doublets=0.0,
        seed=seed,
    )
    return replace(plan, **changes)


def names(n):
    return tuple(f"D{number}" for number in range(n))


def steady(monkeypatch):
    """Let the stream of cells stay where it was set."""
    monkeypatch.setattr("flowml.simulator.flow.DRIFT", 0.0)
    monkeypatch.setattr("flowml.simulator.flow.BUBBLE_CHANCE", 0.0)
