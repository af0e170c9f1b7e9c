"""Colours: one for a population in every picture, all of them safe for the colour-blind.

The main ones are those of Okabe and Ito (2008). Subsets that share a picture are told apart by
lightness, which no kind of colour-blindness takes away.
"""

from __future__ import annotations

import re
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
VIOLET, BROWN = "#6B4E9B", "#7A4A00"
GREY, PALE = "#7F7F7F", "#E4E4E4"
# For names that are no population of `POPULATIONS`: without the colour of blasts.
OTHERS = (BLUE, GREEN, PURPLE, SKY, ORANGE, VIOLET, BROWN)

LYMPHOCYTES = "lymphocytes"
OTHER, NOT_SURE = "other ", " (not sure)"  # before and behind a name, in a legend

POPULATIONS: Mapping[str, str] = MappingProxyType(
    {
        "T cells": BLUE,
        "CD4 T cells": "#8FA8E0",
        "CD8 T cells": "#00344F",
        "B cells": ORANGE,
        "kappa": BROWN,
        "lambda": "#D9C24A",
        "hematogones": "#FFD98C",
        "NK cells": GREEN,
        "monocytes": PURPLE,
        "granulocytes": SKY,
        "eosinophils": "#8A1C1C",
        "basophils": "#B9A0D0",
        "dendritic cells": "#4810D4",
        "erythroid cells": "#9C8048",
        "plasma cells": "#3D3D3D",
        "blasts": VERMILION,
        "abnormal cells": VERMILION,
        LYMPHOCYTES: VIOLET,
    }
)
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "T cells": "t cd3 tlymphocytes",
        "CD4 T cells": "cd4 cd4t tcd4 cd3cd4 cd4cd3 thelper",
        "CD8 T cells": "cd8 cd8t tcd8 cd3cd8 cd8cd3 cytotoxict",
        "B cells": "b cd19 blymphocytes matureb",
        "kappa": "kappa kappab bkappa igk igkappa cykappa",
        "lambda": "lambda lambdab blambda igl iglambda cylambda",
        "hematogones": "hematogones haematogones bprecursors precursorb immatureb",
        "NK cells": "nk cd56 cd56brightnk",
        "monocytes": "monocytes monocyte monos mono cd14",
        "granulocytes": "granulocytes granulocyte grans gran neutrophils neutrophil pmn",
        "eosinophils": "eosinophils eosinophil eos",
        "basophils": "basophils basophil baso",
        "dendritic cells": "dendritic dc pdc mdc",
        "erythroid cells": "erythroid erythroblasts erythroblast normoblasts",
        "plasma cells": "plasma pc cd138",
        "blasts": "blasts blast myeloidblasts cd34",
        "abnormal cells": "abnormal clone clonal clonalb clonalt bclone tclone neoplastic "
        "leukemic tumor",
        LYMPHOCYTES: "lymphocytes lymphocyte lymphs lymph lymphoid",
    }
)
_KNOWN = {alias: name for name, text in _NAMES.items() for alias in text.split()}
_FILLERS = re.compile(r"\b(?:cells?|populations?|positive|pos)\b|[^0-9a-z]+")
# Gates of quality and of what is no kind of cell: their events stay grey.
_FRAMES = (
    "all artefact artefacts artifact artifacts cd45 cd45lowssc cells debris doublets intact "
    "intactcells leucocytes leukocytes live livecells singlet singlets viable wbc"
)
_LACKING = re.compile(r"\d\s*[-\u2013\u2212](?!\w*pos)|neg")  # ``CD3-`` are no T cells
LONGEST_NAME = 80  # characters that are looked at


def known_population(name: str) -> str:
    """Tell which population a name means.

    Parameters
    ----------
    name : str
        As a gate or a file calls it.

    Returns
    -------
    str
        A key of `POPULATIONS`; empty where it is none of them.

    Examples
    --------
    >>> [known_population(name) for name in ("T-cells", "CD19+", "other B cells", "CD3-")]
    ['T cells', 'B cells', 'B cells', '']
    """
    folded = _folded(name)
    if _LACKING.search(folded):
        return ""
    return _KNOWN.get(_FILLERS.sub("", folded), "")


def is_frame(name: str) -> bool:
    """Tell whether a name means cells of all kinds, or no cells.

    Parameters
    ----------
    name : str
        As a gate or a file calls it.

    Returns
    -------
    bool
        Whether its events stay grey unless they are asked for.

    Examples
    --------
    >>> [is_frame(name) for name in ("Singlets", "debris", "CD45+ low SSC", "T cells")]
    [True, True, True, False]
    """
    return re.sub(r"[^0-9a-z]+", "", _folded(name)) in _FRAMES.split()


def _folded(name: str) -> str:
    return _own(name)[:LONGEST_NAME].casefold().replace("_", " ").strip()


def _own(name: str) -> str:
    """Return a name without what a legend puts before and behind it."""
    return name.removesuffix(NOT_SURE).removeprefix(OTHER)


def colour(name: str) -> str:
    """Return the colour of a population.

    Parameters
    ----------
    name : str
        Any; a name that is not known gets one that depends on the name alone.

    Returns
    -------
    str
        ``#RRGGBB``.

    Examples
    --------
    >>> colour("T cells") == colour("CD3+") == BLUE
    True
    """
    known = known_population(name)
    return POPULATIONS[known] if known else OTHERS[_place(name)]


def colours(names: Iterable[str]) -> dict[str, str]:
    """Return the colours of populations that share a picture, as different as they can be.

    Parameters
    ----------
    names : iterable of str
        In the order of the picture.

    Returns
    -------
    dict of str to str
        Each name's own colour; of two that are not known and would have the same, the later
        one gets the next that is free.
    """
    wanted = list(dict.fromkeys(names))
    chosen = {
        name: POPULATIONS[known_population(name)] for name in wanted if known_population(name)
    }
    for name in wanted:
        if name not in chosen:
            first = _place(name)
            turned = (*OTHERS[first:], *OTHERS[:first])
            taken = set(chosen.values())
            chosen[name] = next((each for each in turned if each not in taken), turned[0])
    return {name: chosen[name] for name in wanted}


def _place(name: str) -> int:
    return zlib.crc32(_own(name).encode("utf-8", "backslashreplace")) % len(OTHERS)
