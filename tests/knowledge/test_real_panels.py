"""What every channel of the public files measures, as a cytometrist reads its names.

Each line: ``$PnN``, ``$PnS``, role, marker, fluorochrome, pulse. Written by hand, one panel for
all files that share it. Nothing stands where nobody can tell.
"""

from __future__ import annotations

import pytest

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.knowledge.markers import name_channels
from flowml.records import Role

ROLES = {
    "F": Role.FORWARD_SCATTER, "S": Role.SIDE_SCATTER, "D": Role.FLUORESCENCE, "T": Role.TIME,
    "O": Role.OTHER,
}  # fmt: skip
FOLDERS = (
    "aml-fc500", "aml-tube4", "b-all", "euroflow-lst", "gating", "instruments", "spillover",
)  # fmt: skip
# refused, or without an end: nothing to name
UNREADABLE = {"cytek-nl-2000__sample_header.fcs"}


def scatter(pulses: str) -> str:
    """Return the lines of plain scatter channels: ``FSC-A`` and the like."""
    return "\n".join(
        f"{kind}-{pulse}||{kind[0]}|{kind}-{pulse}||{pulse}"
        for kind in ("FSC", "SSC")
        for pulse in pulses
    )


def twice(names: str) -> str:
    """Return the lines of detectors that are named twice, and of which no more is told."""
    return "\n".join(f"{name}|{name}|D|||{name[-1]}" for name in names.split())


def spectral() -> str:
    """Return the lines of an Aurora's detectors."""
    numbers = {"UV": 16, "V": 16, "B": 14, "YG": 10, "R": 8}
    return "\n".join(
        f"{laser}{n}-A||D|||A" for laser, last in numbers.items() for n in range(1, last + 1)
    )


MACSQUANT = "\n".join(
    f"{kind}-{pulse}|{kind}-{pulse}|{kind[0]}|{kind}-{pulse}||{pulse}"
    for kind in ("FSC", "SSC")
    for pulse in "AHW"
)
LST = """
PE-Cy7-A|CD19/TCRgd|D|CD19+TCRgd|PE-Cy7|A
APC-H7-A|CD38|D|CD38|APC-H7|A
APC-A|CD3|D|CD3|APC|A
PB-A|CD4+CD20|D|CD4+CD20|PacBlue|A
PO-A|CD45|D|CD45|PacOrange|A
PE-A|CD56+IgK|D|CD56+kappa|PE|A
PerCP-Cy5-5-A|CD5|D|CD5|PerCP-Cy5.5|A
FITC-A|CD8+IgL|D|CD8+lambda|FITC|A
FSC-A||F|FSC-A||A
SSC-A||S|SSC-A||A
"""
PANELS = {
    "FC 500, FlowCAP-II, pair of data sets": """
FS||F|FSC-A||A
SS||S|SSC-A||A
FL1|CD15-FITC|D|CD15|FITC|
FL2|CD13-PE|D|CD13|PE|
FL3|CD45-ECD|D|CD45|ECD|
FL4|CD16-PC5|D|CD16|PC5|
FL5|CD56-PC7|D|CD56|PC7|
TIME||T|||
""",
    "FC 500, FlowCAP-II, exported": """
FS Lin|FS Lin|F|FSC-A||A
SS Log|SS Log|S|SSC-A||A
FL1 Log|CD15-FITC|D|CD15|FITC|
FL2 Log|CD13-PE|D|CD13|PE|
FL3 Log|CD45-ECD|D|CD45|ECD|
FL4 Log|CD16-PC5|D|CD16|PC5|
FL5 Log|CD56-PC7|D|CD56|PC7|
""",
    "B-ALL, merged by R": """
CD10|CD10|D|CD10||
CD19|CD19|D|CD19||
CD20|CD20|D|CD20||
CD34|CD34|D|CD34||
CD38|CD38|D|CD38||
CD45|CD45|D|CD45||
CD58|CD58|D|CD58||
CD66|CD66|D|CD66||
FSC.A|FSC.A|F|FSC-A||A
SSC.A|SSC.A|S|SSC-A||A
""",
    "EuroFlow LST": LST,
    "FlowJo's example of a diamond": "channel_A||D|||A\nchannel_B||D|||",
    "FACSCalibur, of GatingML": """
FSC-H|FSC-Height|F|FSC-H||H
SSC-H|SSC-Height|S|SSC-H||H
FL1-H|CD4 FITC|D|CD4|FITC|H
FL2-H|CD8 B PE|D|CD8b|PE|H
FL3-H|CD3 PerCP|D|CD3|PerCP|H
FL2-A||D|||A
FL4-H|CD8 APC|D|CD8|APC|H
Time|Time (102.40 sec.)|T|||
""",
    "Cytek xP5": """
TIME||T|||
FSC||F|FSC-A||A
SSC||S|SSC-A||A
FL1||D|||
FL2||D|||
FL3||D|||
FL4 red||D|||
FL5 red||D|||
""",
    "FACSCalibur HTS": """
FSC-H||F|FSC-H||H
SSC-H||S|SSC-H||H
FL1-H|FL1-Height|D|||H
FL2-H|FL2-Height|D|||H
FL3-H|FL3-Height|D|||H
FL2-A||D|||A
FL2-W|FL4-Height|D|||W
Time|Time (10.24 sec.)|T|||
""",
    "Diva, B-ALL tube": """
Time||T|||
FSC-A||F|FSC-A||A
FSC-W||F|FSC-W||W
SSC-A||S|SSC-A||A
FITC-A|CD20|D|CD20|FITC|A
PE-A|CD10|D|CD10|PE|A
PerCP-A|CD45|D|CD45|PerCP|A
PE-Cy7-A|CD34|D|CD34|PE-Cy7|A
PacificBlue-A|Syto 41|D|DNA|PacBlue|A
APC-A|CD19|D|CD19|APC|A
Alexa700-A|CD38|D|CD38|AF700|A
APC-Cy7-A||D||APC-Cy7|A
""",
    "MACSQuant, FCS 2.0": f"""
HDR-T|HDR-T|T|||
{MACSQUANT}
{twice("V2-A V2-H V2-W Y2-A Y2-H Y2-W B1-A B1-H B1-W")}
""",
    "MACSQuant, FCS 3.1": f"""
Time|HDR-T|T|||
HDR-CE|HDR-CE|O|||
HDR-SE|HDR-SE|O|||
HDR-V|HDR-V|O|||
{MACSQUANT}
FL2-A|V2-A|D|||A
FL2-H|V2-H|D|||H
FL2-W|V2-W|D|||W
FL4-A|Y2-A|D|||A
FL4-H|Y2-H|D|||H
FL4-W|Y2-W|D|||W
FL7-A|B1-A|D|||A
FL7-H|B1-H|D|||H
FL7-W|B1-W|D|||W
""",
    "MACSQuant, double names": """
HDR-CE|HDR-CE|O|||
HDR-SE|HDR-SE|O|||
HDR-V|HDR-V|O|||
FSC-A|FSC-A|F|FSC-A||A
FSC-H|FSC-H|F|FSC-H||H
SSC-A|SSC-A|S|SSC-A||A
SSC-H|SSC-H|S|SSC-H||H
FL7-A|GFP/FITC-A|D||GFP/FITC|A
FL7-H|GFP/FITC-H|D||GFP/FITC|H
""",
    "Fortessa": f"""
{scatter("AHW")}
FITC-A||D||FITC|A
PerCP-Cy5-5-A||D||PerCP-Cy5.5|A
AmCyan-A||D||AmCyan|A
PE-Texas Red-A||D||PE-Texas Red|A
Time||T|||
""",
    "LSR II HTS": f"""
{scatter("AHW")}
FITC-A||D||FITC|A
PerCP-Cy5-5-A||D||PerCP-Cy5.5|A
AmCyan-A||D||AmCyan|A
PE-TxRed YG-A||D||PE-Texas Red|A
Time||T|||
""",
    "Aurora, raw detectors": f"""
Time||T|||
{spectral()}
SSC-H||S|SSC-H||H
SSC-A||S|SSC-A||A
FSC-H||F|FSC-H||H
FSC-A||F|FSC-A||A
SSC-B-H||S|SSC-B-H||H
SSC-B-A||S|SSC-B-A||A
""",
    "CyFlow Cube 8": """
FSC|FSC|F|FSC-A||A
SSC|SSC|S|SSC-A||A
FL1|FL1|D|||
FL2|FL2|D|||
FL3|FL3|D|||
FL4|FL4|D|||
FL5|FL5|D|||
FL6|FL6|D|||
TIME|TIME|T|||
DOUBLET|DOUBLET|O|||
""",
    "FC 500, LMD": """
FS INT LIN|FS INT LIN|F|FSC-A||A
SS INT LIN|SS INT LIN|S|SSC-A||A
FL1 INT LOG|CD103-FITC|D|CD103|FITC|A
FL2 INT LOG|CD23-PE|D|CD23|PE|A
FL3 INT LOG|CD19-ECD|D|CD19|ECD|A
FL4 INT LOG|CD22-PC5|D|CD22|PC5|A
FL5 INT LOG|CD45-PC7|D|CD45|PC7|A
""",
    "FlowCal 1": """
FSC-H||F|FSC-H||H
SSC-H||S|SSC-H||H
FL1-H||D|||H
FL2-H||D|||H
FL3-H||D|||H
Time|Time (204.80 sec.)|T|||
""",
    "FlowCal 2": """
FSC-A||F|FSC-A||A
SSC-A||S|SSC-A||A
FITC-A||D||FITC|A
PE-A||D||PE|A
PerCP-Cy5-5-A||D||PerCP-Cy5.5|A
PE-Cy7-A||D||PE-Cy7|A
APC-A||D||APC|A
APC-Cy7-A||D||APC-Cy7|A
Time||T|||
""",
    "FlowCal 3": """
TIME||T|||
FSC||F|FSC-H||H
SSC||S|SSC-A||A
FL1||D|||
FL2||D|||
FL3||D|||
FSCW||F|FSC-W||W
FSCA||F|FSC-A||A
""",
    "FlowCal 4": f"""
{scatter("AHW")}
FSC PMT-A||F|FSC-PMT-A||A
FSC PMT-H||F|FSC-PMT-H||H
FSC PMT-W||F|FSC-PMT-W||W
GFP-A||D||GFP|A
GFP-H||D||GFP|H
mCherry-A||D||mCherry|A
mCherry-H||D||mCherry|H
Time||T|||
""",
    # V450 is a detector here, like B515 beside it; elsewhere it would be a dye
    "LSR II with detectors named by laser and band": """
FSC-A||F|FSC-A||A
FSC-H||F|FSC-H||H
SSC-A||S|SSC-A||A
B515-A|KI67|D|Ki-67||A
R780-A|CD3|D|CD3||A
R710-A|CD28|D|CD28||A
R660-A|CD45RO|D|CD45RO||A
V800-A|CD8|D|CD8||A
V655-A|CD4|D|CD4||A
V585-A|CD57|D|CD57||A
V450-A|VIVID / CD14|D|CD14+viability||A
G780-A|CCR5|D|CD195||A
G710-A|CD19|D|CD19||A
G660-A|CD27|D|CD27||A
G610-A|CCR7|D|CD197||A
G560-A|CD127|D|CD127||A
""",
    "FACSCalibur, two colors": """
FSC-H||F|FSC-H||H
SSC-H||S|SSC-H||H
FL1-H||D|||H
FL2-H||D|||H
""",
    "Accuri": """
FSC-A|FSC-A|F|FSC-A||A
SSC-A|SSC-A|S|SSC-A||A
FL1-A|FITC-A|D||FITC|A
FL2-A|PE-A|D||PE|A
FL3-A|PerCP-A|D||PerCP|A
FL4-A|APC-A|D||APC|A
FSC-H|FSC-H|F|FSC-H||H
SSC-H|SSC-H|S|SSC-H||H
FL1-H|FITC-H|D||FITC|H
FL2-H|PE-H|D||PE|H
FL3-H|PerCP-H|D||PerCP|H
FL4-H|APC-H|D||APC|H
Width|Width|O|||
Time|Time|T|||
""",
    "Attune": """
Time|Time|T|||
FSC-A|FSC-A|F|FSC-A||A
SSC-A|SSC-A|S|SSC-A||A
BL1-A|GFP-A|D||GFP|A
YL2-A|mCherry-A|D||mCherry|A
VL1-A|Alexa Fluor™ 405-A|D||AF405|A
FSC-H|FSC-H|F|FSC-H||H
SSC-H|SSC-H|S|SSC-H||H
VL1-H|Alexa Fluor™ 405-H|D||AF405|H
FSC-W|FSC-W|F|FSC-W||W
SSC-W|SSC-W|S|SSC-W||W
VL1-W|Alexa Fluor™ 405-W|D||AF405|W
""",
    "Coulter's pair without labels": """
FS||F|FSC-A||A
SS||S|SSC-A||A
FL1||D|||
FL2||D|||
FL3||D|||
FL4||D|||
FL5||D|||
TIME||T|||
""",
    # the labels were made unreadable by whoever gave the file away
    "Stratedigm": """
FSC LogH|FSC LogH|F|FSC-LOG-H||H
FSC LogA|FSC LogA|F|FSC-LOG-A||A
FSC LinH|FSC LinH|F|FSC-H||H
FSC LinA|FSC LinA|F|FSC-A||A
SSC LogH|SSC LogH|S|SSC-LOG-H||H
SSC LogA|SSC LogA|S|SSC-LOG-A||A
SSC LinH|SSC LinH|S|SSC-H||H
SSC LinA|SSC LinA|S|SSC-A||A
488/552nm PECy5.5 (710/40) LogH|xxxxxxxxxxx|D||PE-Cy5.5|H
405nm BV710 (710/40) LogH|xxxxxxxxxxxxxxxx|D||BV710|H
xxxxxxxxxxxxxx (710/40) LogH|xxxxxxxxxx|D|||H
488/552nm PE Cy7 (740LP) LogH|xxxxxxxxxx|D||PE-Cy7|H
405nm Qdot800 (740LP) LogH|xxxxxxxxx|D||Qdot800|H
642nm APC Cy7 (740LP) LogH|xxxxxxxxx|D||APC-Cy7|H
488/552nm PECy5 (676/29) LogH|xxxxxxxxx|D||PE-Cy5|H
642nm APC (676/29) LogH|xxxxxxx|D||APC|H
488/552nm PI (615/30) LogH|xxxxxxxxx|D||PI|H
405nm Qdot605 (615/30) LogH|xxxxxxxxxx|D||Qdot605|H
488/552nm FITC (530/30) LogH|xxxxxxxxxxxxxxxx|D||FITC|H
405nm BV521 (530/30) LogH|xxxxxxxxxxxxxxxxxxxxxxxxx|D||BV521|H
488/552nm PE (580/30) LogH|xxxxxxxxx|D||PE|H
405nm BV570 (580/30) LogH|xxxxxxxxxxxxxx|D||BV570|H
405nm BV421 (445/60) LogH|xxxxxxxxxx|D||BV421|H
405nm 405SSC (405/10) LogH|xxxxxxxxxxxxxxxxxxxxxxxxxx|S|SSC-405-LOG-H||H
Width|Width|O|||
Time|Time|T|||
""",
    "LSR II, Activation": f"""
{scatter("AHW")}
Alexa Fluor 488-A||D||AF488|A
PE-A||D||PE|A
PE-Texas Red-A||D||PE-Texas Red|A
7-AAD-A||D|viability|7-AAD|A
PE-Cy7-A||D||PE-Cy7|A
Alexa Fluor 405-A||D||AF405|A
Alexa Fluor 430-A||D||AF430|A
Qdot 605-A||D||Qdot605|A
Alexa Fluor 647-A||D||AF647|A
Alexa Fluor 700-A||D||AF700|A
APC-Cy7-A||D||APC-Cy7|A
Time||T|||
""",
}


def wanted(panel: str) -> dict[tuple[str, str], tuple[object, ...]]:
    lines = (line.split("|") for line in PANELS[panel].splitlines() if line)
    return {(n, s): (ROLES[role], *rest) for n, s, role, *rest in lines}


BY_CHANNELS = {frozenset(wanted(panel)): panel for panel in PANELS}


@pytest.mark.parametrize("panel", PANELS)
def test_every_channel_of_the_panels_is_understood(panel):
    expected = wanted(panel)
    found = name_channels(expected)
    assert {
        pair: (item.role, item.marker, item.fluorochrome, item.pulse)
        for pair, item in zip(expected, found, strict=True)
    } == expected
    assert all(item.known for item in found)


def test_every_public_file_is_of_one_of_the_panels_and_read_so(shared_data):
    seen = dict.fromkeys(PANELS, 0)
    for folder in FOLDERS:
        for path in sorted((shared_data / folder).rglob("*")):
            if path.suffix.lower() not in {".fcs", ".lmd"}:
                continue
            try:
                sample = read_fcs(path)
            except FcsError:
                assert path.name in UNREADABLE
                continue
            panel = BY_CHANNELS[frozenset((c.name, c.label) for c in sample.channels)]
            seen[panel] += 1
            expected = wanted(panel)
            for c in sample.channels:
                role, marker, _, pulse = expected[c.name, c.label]
                assert (c.role, c.marker, c.pulse) == (role, marker, pulse), (path.name, c)
            codes = {item.code for item in sample.noticed}
            assert not codes & {"FCS-MARKER-01", "FCS-MARKER-02"}
    assert all(seen.values())
    assert sum(seen.values()) > 160
