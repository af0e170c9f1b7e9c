"""Cases of one tube with areas, heights that are a copy of them, and markers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from small import plain_sample

import flowml
from flowml.records import Case, Channel, Role, Tube

LOOKS = {"normal": (150.0, 300.0), "CLL": (700.0, 300.0), "MCL": (700.0, 800.0)}  # FSC, CD20
NAMES = ("FSC-A", "FSC-H", "CD20", "CD22", "CD5")  # CD22 and CD5 tell nothing
EVENTS = 150


def channels(names):
    return tuple(
        Channel(name, "" if name.startswith("FSC") else name, name,
                Role.FORWARD_SCATTER if name.startswith("FSC") else Role.FLUORESCENCE,
                name[-1] if name.startswith("FSC") else "", 1024.0)
        for name in names
    )  # fmt: skip


def case(n, entity, without=()):
    """A case: FSC-A, or its copy FSC-H, tells normal from others, CD20 CLL from MCL."""
    rng = np.random.default_rng(n)
    size, cd20 = LOOKS[entity]
    area = rng.normal(size, 20, EVENTS)
    columns = {
        "FSC-A": area, "FSC-H": area, "CD20": rng.normal(cd20, 20, EVENTS),
        "CD22": rng.uniform(1, 1000, EVENTS), "CD5": rng.normal(300, 20, EVENTS),
    }  # fmt: skip
    names = [name for name in NAMES if name not in without]
    rows = np.stack([columns[name] for name in names], axis=1).astype(np.float32)
    sample = replace(plain_sample(rows, names, name=f"c{n:03d}.fcs"), channels=channels(names))
    return Case(f"c{n:03d}", (Tube(sample.name, sample),))


def cases(count=150, without=(), first=0):
    made = [case(n, list(LOOKS)[n % 3], without) for n in range(first, first + count)]
    return made, {each.case_id: list(LOOKS)[int(each.case_id[1:]) % 3] for each in made}


def written(folder, made):
    folder.mkdir()
    for each in made:
        sample = each.tubes[0].origin
        flowml.write_fcs(folder / sample.name, sample, {})
    return folder
