"""Names from files are shown as letters, in little time, whatever they hold."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace

import matplotlib as mpl
import pytest
import small_pictures as small
from matplotlib.text import Text

from flowml.gating import Dimension, Gate, Rectangle, Strategy
from flowml.gating.populations import Populations
from flowml.reports import plots

SECONDS = 2.0  # of this process, for one picture
HOSTILE = {
    "mathtext": r"$\frac{1}{0}$ $x^{2}$",
    "half of mathtext": r"$\sqrt{$ \undefined{",
    "TeX": r"\input{/etc/passwd} \def\x{\x\x}\x _^&%#~",
    "control": "a\x1b[31m\x00\x07\n\r\tb\x9b2J",
    "right to left": "\u202e\u2067ab\u05d0\u05d1\u0627\u0644\u0645\u202c",
    "combining": "a" + "\u0301\u0327\u0489" * 400,
    "long": "CD19" * 2500,
    "emoji": "\U0001f9ec\U0001f468\u200d\U0001f52c\ufe0f" * 20,
    "unpaired": "CD\udc80\ud800",
    "markup": "<script>alert(1)</script>&amp;]]>",
    "underscores": "_nolegend_",
    "spaces": " " * 10_000,
}


def hostile_sample(name):
    sample = small.small_sample(400)
    channels = tuple(
        replace(c, name=f"{name}{n}", label=f"{name}{n}", marker=f"{name}{n}")
        if c.marker in small.FLUORESCENCE else c
        for n, c in enumerate(sample.channels)
    )  # fmt: skip
    spillover = replace(sample.spillover, channels=tuple(c.name for c in channels[2:7]))
    return replace(sample, name=name, channels=channels, spillover=spillover)


def hostile_picture(name):
    """Draw a view with gates, a marked population and all of its names hostile."""
    sample = hostile_sample(name)
    x, y = sample.channels[2].name, sample.channels[3].name
    square = Rectangle([0.2, 0.2], [0.9, 0.9])
    gates = Strategy((Gate(name, square, (Dimension(x), Dimension(y))),))
    marked = Populations({name: small.clusters(400) == "B"})
    return plots.view(sample, x, y, gates=gates, marked=marked, counts=True)


def foreign(text):
    """Tell text that we did not write as mathtext ourselves."""
    return not text.get_text().startswith(("$10^", "$-10^"))


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_is_drawn_as_it_is_in_little_time(kind, tmp_path):
    start = time.process_time()
    ax = hostile_picture(HOSTILE[kind])
    path = plots.save(ax, tmp_path / "a.png")
    assert time.process_time() - start < SECONDS
    assert path.stat().st_size > 5000
    shown = [text for text in ax.figure.findobj(Text) if text.get_text() and foreign(text)]
    named = [text for text in shown if not text.get_text()[:1].isdigit()]
    assert len(named) >= 5, "title, two axes, a gate, a legend"
    for text in named:
        assert len(text.get_text()) < 130
        assert all(char.isprintable() or char == "\n" for char in text.get_text())
        assert not text.get_usetex()
        if any(char in text.get_text() for char in "$\\"):
            assert not text.get_parse_math()


@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        ("half of mathtext", "page"), ("half of mathtext", "quality"), ("long", "compensation"),
        ("combining", "histograms"), ("long", "quality"), ("TeX", "compensation"),
    ],
)  # fmt: skip
def test_other_pictures_hold_hostile_names_too(kind, draw, tmp_path):
    sample = hostile_sample(HOSTILE[kind])
    start = time.process_time()
    figure = getattr(plots, draw)(sample)
    plots.save(figure, tmp_path / "a.png", dpi=60)
    assert time.process_time() - start < SECONDS
    for text in figure.findobj(Text):
        assert not ("$" in text.get_text() and foreign(text) and text.get_parse_math())


@pytest.mark.parametrize("kind", HOSTILE)
def test_vector_files_hold_no_more_than_a_picture(kind, tmp_path):
    """No script, no link, no entity: names are drawn, and what is told of them is a comment."""
    path = plots.save(hostile_picture(HOSTILE[kind]), tmp_path / "a.svg")
    text = path.read_text(encoding="utf-8")
    assert "<!ENTITY" not in text
    root = ET.fromstring(text)  # noqa: S314 - our own picture
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {
        "svg", "metadata", "RDF", "Work", "type", "format", "creator", "Agent", "title", "defs",
        "style", "g", "path", "use", "clipPath", "rect", "image", "text", "tspan",
    }  # fmt: skip
    for element in root.iter():
        assert not any(key.startswith("on") for key in element.attrib)
        links = [value for key, value in element.attrib.items() if key.endswith("href")]
        assert all(link.startswith(("#", "data:image/png")) for link in links)
    pdf = plots.save(hostile_picture(HOSTILE[kind]), tmp_path / "a.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/JavaScript" not in pdf
    assert b"/URI" not in pdf


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_a_file_says_nothing_that_the_picture_does_not(form, tmp_path):
    """Keywords hold names of patients: neither they nor a path or a date are in a picture."""
    sample = small.small_sample(300)
    secret = dict.fromkeys(("PATIENT NAME", "$SRC", "$FIL", "$SMNO"), "Erika Mustermann")
    secret |= {"$DATE": "01-APR-2031", **sample.keywords}
    path = plots.save(
        plots.page(replace(sample, keywords=secret)), tmp_path / f"a.{form}", dpi=60
    )
    data = path.read_bytes()
    if form == "pdf":
        data += b"".join(
            zlib.decompressobj().decompress(part)
            for part in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL)
            if part.startswith(b"x")
        )
    for word in (b"Mustermann", b"APR-2031", str(tmp_path).encode(), b"CreationDate"):
        assert word not in data


def test_a_user_who_likes_tex_does_not_feed_it_the_names_of_files():
    with mpl.rc_context({"text.usetex": True}):
        ax = hostile_picture(HOSTILE["TeX"])
    shown = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts, *ax.get_legend().get_texts()]
    assert len(shown) == 5
    assert not any(text.get_usetex() for text in shown)
