"""What a channel measures, told by its name: scatter, time, a signal, or bookkeeping.

Every vendor has words of its own: ``FSC-A`` (BD), ``FS INT LIN`` (Coulter), ``FSC LogH``
(Stratedigm), ``488-FSC1-Height-Log`` (MoFlo Astrios), ``Forward Scatter (FSC-HLin)`` (Guava),
``FS00-A`` (ZE5), ``BSSC-A`` (Opteon), ``SALS`` (Apogee). Names of things that are neither
scatter nor signal stand in ``markers.toml``.

In mass cytometry a channel is named after its isotope: ``Nd142Di``, ``142Nd_CD19``,
``CD19(Nd142)Dd``. Such a channel is a signal like fluorescence; DNA intercalators, beads, gases
and the shape of the ion cloud are bookkeeping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from flowml.knowledge.files import read_toml

LONGEST_DETECTOR = 24  # characters
PULSES = {
    "A": "A", "AREA": "A", "INT": "A", "H": "H", "HEIGHT": "H", "PEAK": "H",
    "W": "W", "WIDTH": "W", "TOF": "W",
}  # fmt: skip
FORWARD_WORDS = ("FSC", "FS", "FO", "FW", "FA", "SAL")  # forward, fwd, FALS, SALS (small angle)
LOGARITHMIC = "LOG"
_BLUE, _VIOLET = {"B", "BLUE", "488"}, {"V", "VIOLET", "405"}

_LASER = r"""(?P<laser>IR|UV|YG|[UVBYGR]|ULTRAVIOLET|VIOLET|BLUE|YELLOW|GREEN|RED|INFRARED
             |\d{3}(?:\s?NM)?(?:[\s-]\d{3})?)?[\s_-]*"""
_SCATTER = re.compile(
    rf"""^\*?{_LASER}(?P<kind>FSC|SSC|FORWARD[\s_-]?SCATTER|SIDE[\s_-]?SCATTER
         |FWD[\s_-]?SC(?:ATTER)?|FALS|[SLMR]ALS|90LS)(?P<rest>.*)$""",
    re.VERBOSE | re.DOTALL,
)
# two letters begin other words too (SSEA-4, SSTR2, FSHR): only Coulter's words may follow
_SHORT_SCATTER = re.compile(
    r"""^(?P<kind>FS|SS)(?P<rest>(?:[\s._-]*(?:LIN|LOG|INT|PEAK|TOF|AREA|HEIGHT|WIDTH
                                 |\d{1,2}(?!\d)|(?<=[\s._-])[AHW](?![A-Z])))*+)[\s._-]*$""",
    re.VERBOSE,
)
_WORD = re.compile(
    r"""(?P<before>[AHW])?(?P<amplifier>LIN|LOG)(?P<after>[AHW])?(?![A-Z])
        |(?P<pulse>AREA|HEIGHT|WIDTH|PEAK|TOF|INT|[AHW])(?![A-Z])
        |(?P<wavelength>\d{3})[/_]\d{1,3}
        |(?P<word>\d+|[A-Z]+)""",
    re.VERBOSE,
)
_SILENT = {"FSC", "SSC", "FS", "SS", "NM", "LINEAR", "SIGNAL", "SCATTER"}
_TIME = re.compile(r"\*?TIME(?:\d*|[\s._(-].*)", re.IGNORECASE | re.DOTALL)
# Area_M01, Gradient RMS_M01_Ch01; but Intensity_MC_Ch02 is a signal
_IMAGE_FEATURE = re.compile(
    r"(?!Intensity_MC).*_(?:M\d\d|MC)(?:_Ch\d\d)?", re.IGNORECASE | re.DOTALL
)
_TIME_OF_PEAK = re.compile(r"[A-Z]{1,2}\d{1,2} \(\d{3}\)-T", re.IGNORECASE)  # FACSDiscover
_ELEMENTS = (
    "Ag Ar Ba Bi Cd Ce Cs Dy Er Eu Gd Hf Ho In Ir La Lu Nd Os Pb Pd Pr Pt Rh Sm Sn Tb Te Tl Tm "
    "Xe Yb BCKG Y I"
).replace(" ", "|")
_ISOTOPES = tuple(
    re.compile(pattern.replace("ELEMENT", f"(?P<element>{_ELEMENTS})"), re.DOTALL)
    for pattern in (
        r"\d{2,3}ELEMENT(?:[\s_-]+(?P<text>.*))?",  # 142Nd_CD19
        r"(?P<text>.*?)[\s_-]*\(?ELEMENT\d{2,3}\)?D[di]",  # CD19(Nd142)Dd, Nd142Di
        r"(?P<text>.*?)[\s_-]*\(\d{2,3}:\d{2,3}(?P<element>)\)D[di]",  # CD3(110:114)Dd
        r"(?P<text>.+?)[\s_-]+\d{2,3}ELEMENT",  # CD45 89Y
        r"(?P<text>.+?)[\s_-]*\((?:\d{2,3})?ELEMENT(?:\d{2,3})?\)",  # CD19 (142Nd)
    )
)
_MASS_BOOKKEEPING = re.compile(r".*beads?\d*|(?:\d{1,3}ir)?dna\d*|.*barcode\d*|bc\d{1,2}|eq\d?")


@dataclass(frozen=True, slots=True)
class Scatter:
    """A channel that measures scattered light.

    Parameters
    ----------
    forward : bool
        Forward scatter rather than side scatter.
    detector : str
        Which of several detectors: laser, number, ``LOG``; empty for a plain name.
    pulse : str
        ``A``, ``H``, ``W``, or empty where the name does not say.
    """

    forward: bool
    detector: str
    pulse: str

    @property
    def rank(self) -> tuple[int, bool]:
        """Order in which detectors stand for scatter: plain, blue, violet, others."""
        words = set(self.detector.split("-")) - {""}
        laser = words - {LOGARITHMIC}
        place = 0 if not laser else 1 if laser & _BLUE else 2 if laser & _VIOLET else 3
        return place, LOGARITHMIC in words


def scatter_of(text: str) -> Scatter | None:
    """Read the name of a scatter channel.

    Parameters
    ----------
    text : str
        ``$PnN`` or ``$PnS``, not longer than a few hundred characters.

    Returns
    -------
    Scatter or None
        None for the name of anything else.

    Examples
    --------
    >>> scatter_of("SSC-B-H")
    Scatter(forward=False, detector='B', pulse='H')
    """
    upper = text.upper()
    match = _SCATTER.match(upper) or _SHORT_SCATTER.match(upper)
    if match is None:
        return None
    detectors = re.findall(r"\d{3}|[A-Z]+", match.groupdict().get("laser") or "")
    pulse = ""
    for word in _WORD.finditer(match["rest"]):
        letter = word["after"] or word["before"] or word["pulse"]
        pulse = PULSES[letter] if letter else pulse
        detectors.append(
            word["wavelength"] or word["word"] or (word["amplifier"] or "").replace("LIN", "")
        )
    if match["kind"] == "MALS":  # between small and large angles (Apogee)
        detectors.insert(0, "MALS")
    told = dict.fromkeys(word for word in detectors if word and word not in _SILENT)
    forward = match["kind"].startswith(FORWARD_WORDS)
    return Scatter(forward, "-".join(told)[:LONGEST_DETECTOR], pulse)


def is_time(text: str) -> bool:
    """Tell the name of a clock.

    Parameters
    ----------
    text : str
        ``$PnN`` or ``$PnS``.

    Returns
    -------
    bool
        True for ``Time``, ``TIME_LSW``, ``Time (102.40 sec.)``, ``HDR-T``.
    """
    return _TIME.fullmatch(text) is not None or folded(text) in _bookkeeping()[0]


def is_bookkeeping(text: str) -> bool:
    """Tell the name of something that is neither scatter nor a signal nor time.

    Parameters
    ----------
    text : str
        ``$PnN`` or ``$PnS``.

    Returns
    -------
    bool
        True for event numbers, pulse widths, gates, clusters, embeddings, features of images.
    """
    _, other, beginnings, numbered = _bookkeeping()
    short = folded(text)
    return (
        short in other
        or short.startswith(beginnings)
        or numbered.fullmatch(short) is not None
        or _IMAGE_FEATURE.fullmatch(text) is not None
        or _TIME_OF_PEAK.fullmatch(text) is not None
    )


@dataclass(frozen=True, slots=True)
class Isotope:
    """A channel of a mass cytometer.

    Parameters
    ----------
    element : str
        ``Nd``; empty for a sum of channels.
    text : str
        What the name says besides the isotope, usually the marker.
    """

    element: str
    text: str

    @property
    def is_bookkeeping(self) -> bool:
        """Whether it shows DNA, beads, barcodes or background instead of an antibody."""
        if self.text:
            return _MASS_BOOKKEEPING.fullmatch(folded(self.text)) is not None
        return self.element == "Ir" or self.element in _unlabelled()


def isotope_of(text: str) -> Isotope | None:
    """Read the name of a mass channel.

    Parameters
    ----------
    text : str
        ``$PnN`` or ``$PnS``, not longer than a few hundred characters.

    Returns
    -------
    Isotope or None
        None for the name of anything else.

    Examples
    --------
    >>> isotope_of("142Nd_CD19").text
    'CD19'
    """
    for pattern in _ISOTOPES:
        if match := pattern.fullmatch(text):
            return Isotope(match["element"], (match["text"] or "").strip(" _-"))
    return None


def folded(text: str) -> str:
    """Return letters and digits only, in lower case.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        ``event`` for ``Event #``.
    """
    return "".join(char for char in text.casefold() if char.isalnum())


@cache
def _bookkeeping() -> tuple[frozenset[str], frozenset[str], tuple[str, ...], re.Pattern[str]]:
    """Return the folded names of clocks and of everything else that is no signal."""
    table = read_toml("markers.toml")["channels"]
    numbered = "|".join(folded(name) for name in table["other_numbered"])
    return (
        frozenset(map(folded, table["time"])),
        frozenset(map(folded, table["other"])),
        tuple(map(folded, table["other_beginnings"])),
        re.compile(rf"(?:{numbered})(?:\d{{1,4}}|[xyz])?"),
    )


@cache
def _unlabelled() -> frozenset[str]:
    return frozenset(read_toml("markers.toml")["channels"]["unlabelled_elements"])
