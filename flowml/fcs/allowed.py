"""Which keywords a de-identified copy keeps: an allow-list of names, each with its values.

Everything that is not on the list is blanked. A name on the list is not enough: laboratories
type patients' names anywhere, so a value must also be of the kind that its keyword is for.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum

from flowml.fcs.keys import (
    COMPENSATED_KEY,
    FLOWCORE_SCALED,
    SIMULATED_KEY,
    SPILLOVER_KEYS,
    real_number,
)

LONGEST_LABEL = 60  # characters of free text that may stay


class Kind(Enum):
    """What a keyword on the list may hold."""

    NUMBERS = "numbers"  # with their separators
    WORD = "word"  # one of a few that are known
    DATE = "date"  # or a time of day
    LABEL = "label"  # free text that may be blanked
    NAME = "name"  # free text without which the data cannot be understood
    MATRIX = "matrix"  # names of detectors, and numbers


NEEDED = {Kind.NAME, Kind.MATRIX}  # without these the data cannot be understood

_WORDS = re.compile(
    r"[LCUFDIA]|applied|true|false|yes|no|on|off|lin(ear)?|log(arithmic)?|arithmetic|geometric"
    r"|(lin|log)[ahw]?|(forward|side)_scatter|raw_fluorescence|unmixed_fluorescence|time"
    r"|(lin(ear)?|log(arithmic)?)(,[\d.eE+\-]{1,20}){2}",
    re.ASCII | re.IGNORECASE,
)
_DATES = re.compile(
    r"(\d{1,2}[-./ ](\d{1,2}|[A-Z]{3,9})[-./ ]\d{2,4}|\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2})?"
    r"[T ]?(\d{1,2}:\d{2}(:\d{2}([.:]\d{1,9})?)?( ?[AP]M)?)?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)
# what no marker, detector or dye holds: a number of five digits, a date, an address
_PERSONAL = re.compile(
    r"\d{5}|@|(?<![\d.])\d{1,2}[-./]\d{1,2}[-./](\d{4}|\d{2})(?![\d.])|\d{4}[-./]\d{2}[-./]\d{2}",
    re.ASCII,
)

# name without its channel number: kind of its values
_GENERAL = {
    **dict.fromkeys(
        ["$TOT", "$PAR", "$NEXTDATA", "$BYTEORD", "$BEGINDATA", "$ENDDATA", "$BEGINSTEXT",
         "$ENDSTEXT", "$BEGINANALYSIS", "$ENDANALYSIS", "$UNICODE", "$TIMESTEP", "TIMETICKS",
         "$VOL", "$ABRT", "$LOST", "$CSTOT", "FCSVERSION", "FSC ASF", "WINDOW EXTENSION",
         "$COMP", "COMP", "ANALOG_COMP", COMPENSATED_KEY], Kind.NUMBERS,
    ),
    **dict.fromkeys(
        ["$MODE", "$DATATYPE", FLOWCORE_SCALED, SIMULATED_KEY, "APPLY COMPENSATION",
         "APPLY_COMPENSATION", "AUTOBS", "@BASELINEOFFSET"], Kind.WORD,
    ),
    **dict.fromkeys(["$CYT", "CREATOR"], Kind.LABEL),
    **dict.fromkeys(SPILLOVER_KEYS, Kind.MATRIX),
}  # fmt: skip
_PER_CHANNEL = {
    **dict.fromkeys(
        ["$P#B", "$P#R", "$P#E", "$P#G", "$P#V", "$P#P", "P#BS", "P#MS", "P#LO", "P#HI",
         "FLOWCORE_$P#RMAX", "FLOWCORE_$P#RMIN", "@P#GAIN", "@P#ADDRESS", "@P#X", "CYTEKP#G",
         "P#THRESVOL"], Kind.NUMBERS,
    ),
    **dict.fromkeys(
        ["$P#D", "$P#DATATYPE", "$P#TYPE", "P#DISPLAY", "P#TYPE", "@P#C", "@P#Z"], Kind.WORD
    ),
    **dict.fromkeys(
        ["$P#S", "$P#F", "$P#L", "$P#O", "$P#T", "$P#DET", "$P#TAG", "$P#ANALYTE",
         "$P#FEATURE", "$P#CALIBRATION", "P#DETECTORNAME"], Kind.LABEL,
    ),
    "$P#N": Kind.NAME,
}  # fmt: skip
_OTHER_COUNTS = {  # numbers that count lasers or detectors
    "LASER#NAME": Kind.LABEL, "LASER#DELAY": Kind.NUMBERS, "LASER#ASF": Kind.NUMBERS,
    "$DFC#TO#": Kind.NUMBERS,
}  # fmt: skip
DATES = {"$DATE", "$BTIM", "$ETIM", "$BEGINDATETIME", "$ENDDATETIME"}
# keywords whose values go; their names say nothing about a patient and stay
_BLANKED = {
    *DATES, "$FIL", "$SRC", "$SMNO", "$OP", "$INST", "$COM", "$EXP", "$PROJ", "$CELLS", "$SYS",
    "$CYTSN", "$LAST_MODIFIED", "$LAST_MODIFIER", "$ORIGINALITY", "$PLATEID", "$PLATENAME",
    "$WELLID", "$TR", "$GATE", "$GATING", "$RUNNUMBER", "$INSTADDRESS", "$CARRIERID",
    "$CARRIERTYPE", "$LOCATIONID", "$FLOWRATE", "$UNSTAINEDINFO", "$UNSTAINEDCENTERS", "GUID",
    "FILENAME", "EXPERIMENT NAME", "TUBE NAME", "SAMPLE ID", "PATIENT ID", "PLATE NAME",
    "PLATE ID", "WELL ID", "EXPORT TIME", "EXPORT USER NAME", "CYTNUM", "SETTINGS", "THRESHOLD",
    "TESTNAME", "TESTFILE", "@CYTOMETERID", "@FILEGUID", "@LOCATION", "@BARCODE",
    "@ACQUISITION PROTOCOL OFFSET", "@SAMPLEID1", "@SAMPLEID2", "@SAMPLEID3", "@SAMPLEID4",
}  # fmt: skip

# what a person need not look at, where it stands in the keyword that is for it
_OPTICAL = {"$P#L", "$P#O", "$P#F", "$P#T", "$P#DET", "P#DETECTORNAME", "LASER#NAME"}
_OPTIC = (
    r"(NA|N/A|\d{1,4}(\.\d{1,3})? ?([nuµ]m|m?W|V|%)|-?\d{1,3}(\.\d{1,3})?|PMT|APD|[LB]P"
    r"|(?i:ultraviolet|uv|violet|blue|cyan|green|yellow[ -]?green|yellow|yg|yelgr|orange|red"
    r"|infrared|ir|laser))"
)
_OPTICS = re.compile(rf"{_OPTIC}([ ,;/+_-]{{1,3}}{_OPTIC}){{0,3}}", re.ASCII)
_VERSION = re.compile(
    r"[ ,]{1,2}(software )?((version|v\.?) ?)?\d{1,3}(\.\d{1,4}){1,4}$", re.ASCII
)
_MARKS = re.compile(r"[\s,()_®™ª-]|\b(software|analyzer|flow cytometer)\b")
_MAKERS = ("", "bd", "beckmancoulter", "coulter", "cytek", "miltenyi")
_INSTRUMENTS = {
    "facscalibur", "facscan", "facsort", "facsvantage", "facscanto", "facscantoii",
    "facscanto10c", "facslyric", "facsverse", "facscelesta", "facsmelody", "facsaria",
    "facsariaii", "facsariaiii", "facsariafusion", "facssymphony", "facssymphonya1",
    "facssymphonya3", "facssymphonya5", "facsdiscovers8", "lsr", "lsrii", "lsrfortessa",
    "lsrfortessax20", "fortessa", "accuric6", "accuric6plus", "influx", "navios", "naviosex",
    "gallios", "cytomicsfc500", "fc500", "cytoflex", "cytoflexs", "cytoflexlx", "dxflex",
    "epicsxl", "epicsxlmcl", "epicsaltra", "cyan", "cyanadp", "aurora", "auroracs",
    "northernlights", "attune", "attunenxt", "macsquant", "macsquant10", "macsquant16",
    "macsquantvyb", "macsquantx", "ze5", "id7000", "sa3800", "sp6800", "novocyte", "cube8",
    "cube15", "facsdiva", "facssuite", "cellquest", "cellquestpro", "lysys", "spectroflo",
    "kaluza", "cytexpert", "rxp", "flowml", "flowjo", "flowjocollectorsedition",
}  # fmt: skip

_CHANNEL_NUMBER = re.compile(r"((?:FLOWCORE_)?[$@]?|CYTEK)P([1-9]\d{0,4})([A-Z]+)", re.ASCII)
# vendors describe a channel or a laser also in keywords of their own: #P1LABEL, BDPM$FL1
_OF_CHANNEL = re.compile(r"(?<![A-Z])(P|FL|LASER)\d{1,3}(?!\d)", re.ASCII)
_COUNTED = re.compile(r"LASER\d{1,2}(NAME|DELAY|ASF)|\$DFC\d{1,3}TO\d{1,3}", re.ASCII)


def kind_of(name: str, n_channels: int, *, keep_dates: bool = False) -> Kind | None:
    """Look a keyword up in the allow-list.

    Parameters
    ----------
    name : str
        In upper case, without blanks around it.
    n_channels : int
        Channels of the data set; a keyword about a further one is about nothing.
    keep_dates : bool
        Whether dates and times of day are on the list.

    Returns
    -------
    Kind or None
        None for a keyword that is not on the list.

    Examples
    --------
    >>> kind_of("$P3S", 8)
    <Kind.LABEL: 'label'>
    >>> kind_of("$P9S", 8), kind_of("$SMNO", 8)
    (None, None)
    """
    if name in DATES:
        return Kind.DATE if keep_dates else None
    if match := _CHANNEL_NUMBER.fullmatch(name):
        known = _PER_CHANNEL.get(f"{match[1]}P#{match[3]}")
        return known if int(match[2]) <= n_channels else None
    if _COUNTED.fullmatch(name):
        return _OTHER_COUNTS[re.sub(r"\d+", "#", name)]
    return _GENERAL.get(name)


def may_stand(name: str) -> bool:
    """Tell whether the name of a keyword may stay although its value goes.

    Parameters
    ----------
    name : str
        In upper case, without blanks around it.

    Returns
    -------
    bool
        False for a name that is not known, which may itself name a patient.
    """
    return name in _BLANKED


def names_channel(name: str) -> bool:
    """Tell whether a keyword that is not on the list is about a channel or a laser.

    Parameters
    ----------
    name : str
        In upper case, without blanks around it.

    Returns
    -------
    bool
        True where its value may be that of ``$PnS`` as well, without naming a patient.
    """
    return _OF_CHANNEL.search(name) is not None


def is_fit(value: str, kind: Kind) -> bool:
    """Tell whether a value is of the kind that its keyword is for.

    Parameters
    ----------
    value : str
        Without blanks around it.
    kind : Kind
        Of the keyword.

    Returns
    -------
    bool
        False for text where numbers belong, and for labels that are too long, or hold a number
        of five digits, a date or an address.

    Examples
    --------
    >>> is_fit("CD19 PE-Cy7", Kind.LABEL), is_fit("CD19 4711047", Kind.LABEL)
    (True, False)
    """
    if kind is Kind.NUMBERS:
        return all(map(_is_number, value.split(",")))
    if kind is Kind.WORD:
        return not value or _WORDS.fullmatch(value) is not None
    if kind is Kind.DATE:
        return _DATES.fullmatch(value) is not None
    if kind is Kind.MATRIX:
        return all(_is_number(item) or _is_label(item) for item in value.split(","))
    return _is_label(value)


def _is_label(value: str) -> bool:
    plain = unicodedata.normalize("NFKC", value)  # there are more digits than ten
    return (
        len(value) <= LONGEST_LABEL and value.isprintable() and _PERSONAL.search(plain) is None
    )


def is_technical(name: str, value: str) -> bool:
    """Tell whether free text that stays says nothing but a technical fact.

    Parameters
    ----------
    name : str
        Of the keyword, in upper case.
    value : str
        Its value.

    Returns
    -------
    bool
        True for wavelengths, powers and colours of lasers, for filters and for cytometers and
        their programs that are known, each in a keyword that is for it. Never for names and
        labels of channels, where anything may be a patient's name or number.

    Examples
    --------
    >>> is_technical("$P1L", "488 nm"), is_technical("$CYT", "BD FACSCanto II")
    (True, True)
    >>> is_technical("$P1S", "Violet"), is_technical("$CYT", "Navios Kiel")
    (False, False)
    """
    if name in {"$CYT", "CREATOR"}:
        bare = _MARKS.sub("", _VERSION.sub("", value.casefold()))
        return any(bare.removeprefix(maker) in _INSTRUMENTS for maker in _MAKERS)
    kind = re.sub(r"\d+", "#", name)
    return kind in _OPTICAL and _OPTICS.fullmatch(value) is not None


def _is_number(item: str) -> bool:
    return item.strip() in {"", "NA"} or real_number(item.strip()) is not None
