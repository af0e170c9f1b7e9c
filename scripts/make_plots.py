"""Draw the pictures of `docs/plots.md`, one of each kind that ``flowml plot`` makes.

Run: python scripts/make_plots.py [--out docs/pictures/plots] [--only page,gating]
All samples are simulated (`synthetic`); populations are the simulator's truth, gates are those
of `GATES`. The same program draws the same bytes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from make_gallery import save

import flowml
from flowml import plot
from flowml.events import ArraySource
from flowml.features.opened import open_tube
from flowml.gating.populations import Populations
from flowml.plotting import draw_case
from flowml.quality import DEFAULT_PREPARATION
from flowml.records import Role
from flowml.reports.plots.saving import new_figure
from flowml.simulator import held, truth_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL, EVENTS, SEED = "cll-9f", 30_000, 2_026
B_TUBE, CHAINS, T_TUBE = 0, 1, 2  # tubes of the panel
REFERENCES = 20  # normal samples
LIGHT_CHAINS = 0.15  # of the scale that kappa is above lambda on a cell with kappa
GATES = """
format = 1

[[gate]]
name = "leukocytes"
kind = "polygon"
x = "CD45"
y = "SSC-A"
scale = "logicle"
vertices = [[0.5, 0.0], [0.9, 0.0], [0.9, 0.98], [0.5, 0.98]]
"""
