"""Pictures of samples and cases, drawn on the axes or the figure that they are given.

Names of markers, samples and gates come from files: they are never read as mathtext, and
control characters in them are shown as question marks. A population has the same colour in
every picture (`flowml.reports.palette`), and all colours are safe for the colour-blind.
"""

from flowml.reports.palette import colour
from flowml.reports.plots.axes import channel_label
from flowml.reports.plots.compared import training
from flowml.reports.plots.gated import gating
from flowml.reports.plots.overlays import Reference, histogram, histograms, reference
from flowml.reports.plots.pages import page
from flowml.reports.plots.reasons import contributions
from flowml.reports.plots.saving import FORMATS, save
from flowml.reports.plots.stream import quality
from flowml.reports.plots.unmixed import compensation
from flowml.reports.plots.views import view

__all__ = [
    "FORMATS",
    "Reference",
    "channel_label",
    "colour",
    "compensation",
    "contributions",
    "gating",
    "histogram",
    "histograms",
    "page",
    "quality",
    "reference",
    "save",
    "training",
    "view",
]
