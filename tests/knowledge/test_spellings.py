"""Labels as laboratories and vendors write them: marker, fluorochrome, compartment.

Each line was written by reading the label as a cytometrist does, not by asking flowml. Most
spellings are those of public panels, file listings and programs for Navios, CytoFLEX, Diva,
Lyric, Aurora, MACSQuant, Infinicyt and Kaluza.
"""

from __future__ import annotations

import re

import pytest

from flowml.knowledge.antigens import Compartment, compartment_of, markers_in, nearest_markers
from flowml.knowledge.dyes import fluorochrome
from flowml.knowledge.files import read_toml
from flowml.knowledge.fluorochromes import load_fluorochromes
from flowml.knowledge.markers import name_channel, name_channels
from flowml.records import Role

# label = marker, fluorochrome; parted by two blanks or more; "." is nothing
LABELS = """
CD19-PE-A = CD19 PE              CD19 PE = CD19 PE               kappa = kappa .
Kappa-FITC = kappa FITC          IgK = kappa .                   HLADR = HLA-DR .
cyCD3 = cyCD3 .                  CD45 KO525-A = CD45 KrOr        CD45 KrO = CD45 KrOr
CD45 Krome Orange = CD45 KrOr    cCD79a = cyCD79a .              nTdT = TdT .
sIgM = IgM .                     CD3 (UCHT1) PerCP-Cy5.5 = CD3 PerCP-Cy5.5
HLA-DR V450-A = HLA-DR V450      Kappa/Lambda = kappa+lambda .   CD45-KrOr = CD45 KrOr
CD19/TCRgd:PE Cy7-A LOGICAL = CD19+TCRgd PE-Cy7
CD38:APC H7-A LOGICAL = CD38 APC-H7            CD4+CD20:PB-A LOGICAL = CD4+CD20 PacBlue
CD45:PO-A LOGICAL = CD45 PacOrange             CD56+IgK:PE-A LOGICAL = CD56+kappa PE
CD5:PerCP Cy5-5-A LOGICAL = CD5 PerCP-Cy5.5    CD8+IgL:FITC-A LOGICAL = CD8+lambda FITC

CD19-APCA750 = CD19 APC-A750     CD5-AA700 = CD5 APC-A700        CD43-AA750 = CD43 APC-A750
43-APC-AF750 = CD43 APC-A750     45-KO = CD45 KrOr               23_PB = CD23 PacBlue
nix-APCA700 = . APC-A700         -ECD = . ECD                    none = . .
leer-PB = . PacBlue              FMC7-FITC = FMC7 FITC           CD79b-PC5.5 = CD79b PC5.5
CD79B PC5,5 = CD79b PC5.5        CD20-PC7 = CD20 PC7             CD22-PC5 = CD22 PC5
CD45RA-A750 = CD45RA APC-A750    CD14-A700 = CD14 APC-A700       CD34-ECD = CD34 ECD
CD4-RD1 = CD4 PE                 CD8-ECD = CD8 ECD               CD11B-A750 = CD11b APC-A750
CD16-PC5 = CD16 PC5              HLADR-PB = HLA-DR PacBlue       HLA-DR-PB = HLA-DR PacBlue
CD123 APC-AX700 = CD123 APC-A700  CD2 APC-Alexa Fluor 750 = CD2 APC-A750
CD20-APC-A750 = CD20 APC-A750    CD8 APC-AlexaFluor700 = CD8 APC-A700
FL10 INT LOG : CD45 KrO = CD45 KrOr             FL1 INT : CD15 FITC = CD15 FITC

CD16 PB450-A = CD16 PacBlue      NKG2D APC-A750-A = CD314 APC-A750   NKp46 KO525-A = CD335 KrOr
NKG2A PE-A = CD159a PE           CD57 PE-Cy7-A = CD57 PE-Cy7     CD56 APC-A = CD56 APC
CXCR5 BV421 PB450-A = CD185 BV421               CD3 FITC FITC-A = CD3 FITC
CD4 APCCy7 APC-A750-A = CD4 APC-Cy7             CD45RABV510 = CD45RA BV510
CD38APC-A700 = CD38 APC-A700     CD38AX700 = CD38 AF700          CD3BV605VIOLET610-A = CD3 BV605
CD45KO525-A = CD45 KrOr          CD45V500-C-A = CD45 V500-C      HLADRPB450-A = HLA-DR PacBlue
CD34ECDECD-A = CD34 ECD          CD7APCAPC-H = CD7 APC           CD1AAPC-A = CD1a APC
CD10VIOLET610-A = CD10 .         CD8APC-CY7APC-A750-A = CD8 APC-Cy7
CD45PERCPPC5.5-A = CD45 PerCP    CD117PC5.5-A = CD117 PC5.5      CD5PC7 = CD5 PC7
CD7PEDAZZLE594ECD-A = CD7 PE-Dazzle594          CD4AX700APC-A700-A = CD4 AF700
CD10PC55 = CD10 PC5.5            CD11BAPC-A750-A = CD11b APC-A750
CD16+56BV510KO525-A = CD16+CD56 BV510           CD56CD16KO = CD16+CD56 KrOr
CD7_19 = CD7+CD19 .              CD19+7-PE = CD7+CD19 PE         CD7/56APC-A = CD7+CD56 APC
CD16/56 = CD16+CD56 .            CD3/CD16+CD56 = CD3+CD16+CD56 .  CD7-CD13 = CD7+CD13 .
CLL1-APC = CD371 APC             Syto41 PB450-A = DNA PacBlue    _SYTO41-A = DNA .
Syto 16 FITC = DNA FITC          NG2PE-A = NG2 PE                CD20 LOG = CD20 .

CD19 PE/Cyanine7 = CD19 PE-Cy7   CD4 PerCP/Cyanine5.5 = CD4 PerCP-Cy5.5
CD8 APC/Fire 750 = CD8 APC-Fire750              CD14 APC/Fire™ 810 = CD14 APC-Fire810
CD3 Brilliant Violet 421™ = CD3 BV421           CD4 BV 605 = CD4 BV605
CD56 (BV) 650-A = CD56 BV650   CD27 BUV395 = CD27 BUV395
CD28 Brilliant Ultra Violet 737 = CD28 BUV737
CD24 Alexa Fluor® 488 = CD24 AF488              CD21 AF647 = CD21 AF647
CD38 Alexa 700-A = CD38 AF700    CD62L PE/Dazzle™ 594 = CD62L PE-Dazzle594
CD11c PE-CF594 = CD11c PE-CF594  CD33 BB515-A = CD33 BB515       CD4 RB780 = CD4 RB780
CD8 RealBlue™ 780 = CD8 RB780
IgD Pacific Blue™ = IgD PacBlue  CD1c Super Bright 436 = CD1c SB436
CD16 eFluor 450 = CD16 eFluor450   CD14 eF506 = CD14 eFluor506
CD10 PerCP-eFluor 710 = CD10 PerCP-eFluor710
CD34 PerCP-Vio 700 = CD34 PerCP-Vio700          CD117 PE-Vio® 770 = CD117 PE-Vio770
CD45 VioBlue = CD45 VioBlue   CD15 VioGreen = CD15 VioGreen
CD64 VioBright FITC = CD64 VioBright FITC
CD3 Qdot 605 = CD3 Qdot605   CD14 QD800 = CD14 Qdot800
CD19 Spark Blue 550 = CD19 Spark Blue 550
CD20 Spark NIR 685 = CD20 Spark NIR 685         CD8 cFluor B515 = CD8 cFluor B515
CD25 PE-Alexa Fluor 700 = CD25 PE-AF700         CD38 OC515 = CD38 OC515
CD138 APC-C750 = CD138 APC-C750  CD81 APC C750 = CD81 APC-C750   CD45 PacOrange = CD45 PacOrange
CD19 PerCPCy5-5 = CD19 PerCP-Cy5.5              CD19 PerCPCy5.5 = CD19 PerCP-Cy5.5
CD7 PE-Texas Red = CD7 PE-Texas Red             CD7 PE-TxRed = CD7 PE-Texas Red
CD4 R-PE = CD4 PE                CD2 StarBright Violet 440 = CD2 StarBright Violet 440
CD2 SBV440 = CD2 StarBright Violet 440          CD9 NovaFluor Blue 510 = CD9 NovaFluor Blue 510
CD5 V500 = CD5 V500              CD5 V500-C = CD5 V500-C         CD5 V500c = CD5 V500-C
CD20 Horizon V450 = CD20 V450    CD20 AmCyan-A = CD20 AmCyan     CD20 Cy5.5 = CD20 Cy5.5

PE-Cy7 CD25-A = CD25 PE-Cy7      FITC: CD3 = CD3 FITC            BB515 CD39-A = CD39 BB515
PE-Cy7-A :: CD19 = CD19 PE-Cy7   APC-R700-A :: CD34 = CD34 APC-R700
PB-CD45 = CD45 PacBlue           CD45 (PerCP) = CD45 PerCP       CD3 PE (SK7) = CD3 PE
anti-CD19 FITC = CD19 FITC       anti-Kappa = kappa .            human CD4 = CD4 .
Hu CD45 AF700 = CD45 AF700

CD79A = CD79a .                  cyCD79a PE = cyCD79a PE         CyCD22 = cyCD22 .
icCD3 = cyCD3 .                  cytCD3-APC = cyCD3 APC          CD79a cyto = cyCD79a .
CD22 (cy) PE = cyCD22 PE         CD3 cyt = cyCD3 .               intracellular CD3 = cyCD3 .
cIgM-FITC = cyIgM FITC           cyIgM = cyIgM .                 cyKappa = cykappa .
cyLambda APC = cylambda APC      Kappa cyto PE = cykappa PE      cyMPO = MPO .
MPO-FITC = MPO FITC              cyTdT = TdT .                   nuTdT FITC = TdT FITC
TdT (nuclear) = TdT .            nKi67 = Ki-67 .                 Ki67 PECy7 = Ki-67 PE-Cy7
SmIgκ = kappa .                  sKappa = kappa .                SmCD3 = CD3 .
surface CD3 = CD3 .              smIgL = lambda .                mIgM = IgM .
κ = kappa .                      Igλ PE = lambda PE              Ig kappa FITC = kappa FITC
Lambda light chain = lambda .    Igµ = IgM .                     TCRγδ = TCRgd .
TCR-αβ = TCRab .                 TCR gamma/delta = TCRgd .       CD3ε = CD3 .
CD8β = CD8b .                    CD8 B PE = CD8b PE              CD45 RO = CD45RO .
CD45-RA FITC = CD45RA FITC       CD62l = CD62L .                 CD66ABCE = CD66abce .
CD158a/h = CD158a+CD158h .       CD235AB = CD235ab .             GlyA = CD235a .
CD41a = CD41 .                   IREM2 = CD300e .                PD-1 = CD279 .
c-kit = CD117 .                  HLA.DR = HLA-DR .               HLA DR = HLA-DR .
HLA-A = HLA-A .                  CRLF2 = CRLF2 .                 Bcl2 FITC = Bcl-2 FITC
ZAP70 = ZAP-70 .                 7-AAD-A = viability 7-AAD       Live/Dead Aqua = viability .
LIVE DEAD = viability .          Zombie NIR-A = viability .      VIVID / CD14 = CD14+viability .
CD20+CD4 = CD4+CD20 .            CD4 + CD20 = CD4+CD20 .         IgL+CD8 = CD8+lambda .
GFP/FITC-A = . GFP/FITC          PE (R-phycoerythrin)-A = . PE   FITC-A = . FITC
"""  # noqa: RUF001 - Greek letters
DETECTORS = """
FITC-A = FITC   PE-TxRed YG-A = PE-Texas Red   PerCP-Cy5-5-A = PerCP-Cy5.5   APC-H7-A = APC-H7
PB450-H = PacBlue   KO525-A = KrOr   Violet610-A = .   PC5.5-A = PC5.5   APC-A750-A = APC-A750
ECD-A = ECD   FL1-A = .   V450-A = .   B515-A = .   PacificBlue-A = PacBlue   UV7-A = .
Alexa700-A = AF700   Alexa Fluor 488-A = AF488   BV421-A = BV421   GFP/FITC-A = GFP/FITC
642nm APC Cy7 (740LP) LogH = APC-Cy7   405nm BV711 (710/40) LogH = BV711
"""


def items(table: str) -> list[tuple[str, str]]:
    parts = re.split(r"\n|(?<=\S) {2,}(?=\S)", table)
    pairs = [part.strip().partition(" = ") for part in parts if part.strip()]
    return [(text, meaning) for text, _, meaning in pairs]


def spellings() -> list[tuple[str, str, str]]:
    parted = [(label, *meaning.partition(" ")) for label, meaning in items(LABELS)]
    return [(label, marker.strip("."), dye.strip(".")) for label, marker, _, dye in parted]


def test_the_table_is_long_and_names_nothing_twice():
    labels = [label for label, _, _ in spellings()]
    assert len(labels) == len(set(labels)) >= 150


@pytest.mark.parametrize(("label", "marker", "dye"), spellings())
def test_every_spelling_is_understood(label, marker, dye):
    found = name_channel("FL1", label)
    assert (found.marker, found.fluorochrome, found.known) == (marker, dye, True)
    assert found.role is Role.FLUORESCENCE


@pytest.mark.parametrize("text", sorted({marker for _, marker, _ in spellings()} - {""}))
def test_a_canonical_marker_names_itself(text):
    assert name_channel("FL1", text).marker == text


@pytest.mark.parametrize("text", sorted({dye for _, _, dye in spellings()} - {"", "GFP/FITC"}))
def test_a_canonical_fluorochrome_names_itself(text):
    assert (fluorochrome(text) or text) == text
    assert name_channel("FL1", f"CD19 {text}").fluorochrome == text


@pytest.mark.parametrize(("name", "dye"), items(DETECTORS))
def test_a_detector_may_be_named_after_its_fluorochrome(name, dye):
    for label in ("", "CD19"):
        assert name_channel(name, label).fluorochrome == dye.strip(".")


def test_the_simulators_fluorochromes_are_canonical_names():
    own = load_fluorochromes()[1]
    assert {name: fluorochrome(name) for name in own} == {name: name for name in own}


def test_no_spelling_of_the_table_belongs_to_two_fluorochromes():
    document = read_toml("markers.toml")
    for part in ("fluorochromes", "families"):
        number = "" if part == "fluorochromes" else "421"
        for name, others in document[part].items():
            found = {fluorochrome(text + number) for text in (name, *others)}
            assert found == {name + number}


@pytest.mark.parametrize(
    ("marker", "place"),
    [
        ("CD3", "surface"), ("cyCD3", "cytoplasmic"), ("cyIgM", "cytoplasmic"),
        ("IgM", "surface"), ("cykappa", "cytoplasmic"), ("MPO", "cytoplasmic"),
        ("TdT", "nuclear"), ("Ki-67", "nuclear"), ("cyX9", "surface"),
        ("CD8+lambda", "surface"), ("cyCD3+MPO", "cytoplasmic"), ("CD3+MPO", None),
        ("viability", None), ("FSC-A", None), ("SSC-H", None), ("", None),
    ],
)  # fmt: skip
def test_a_marker_has_a_compartment(marker, place):
    assert compartment_of(marker) == (place and Compartment(place))


def test_a_channel_tells_its_compartment():
    assert name_channel("FL1", "cCD79a-PE").compartment is Compartment.CYTOPLASMIC
    assert name_channel("FSC-A", "").compartment is None


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("CD19x", "CD19"), ("KAPA", "kappa"), ("HLA-RD", "HLA-DR"), ("CD79ab", "CD79b"),
        ("lambdaa", "lambda"), ("IgKapa", "kappa"), ("CD1990", "CD199"),
    ],
)  # fmt: skip
def test_misspelt_markers_are_near_known_ones(text, near):
    assert markers_in(text) == ""
    assert near in nearest_markers(text)
    assert len(nearest_markers(text)) <= 3


@pytest.mark.parametrize("text", ["GFP reporter", "xxxxxxxxxx", "", "Q", "CD19" * 50, "\0"])
def test_what_is_like_nothing_is_near_nothing(text):
    assert nearest_markers(text) == []


def test_coulters_pulses_stand_beside_each_other():
    names = ("FS INT LIN", "FS PEAK LIN", "FS TOF LIN", "SS INT LIN", "SS PEAK LIN")
    found = name_channels((name, name) for name in names)
    assert [item.marker for item in found] == ["FSC-A", "FSC-H", "FSC-W", "SSC-A", "SSC-H"]
    assert [item.pulse for item in found] == ["A", "H", "W", "A", "H"]


@pytest.mark.parametrize(
    ("name", "label", "pulse"),
    [("P1", "CD19-PE-A", "A"), ("P1", "CD19 PE-H LOGICAL", "H"), ("FL1-H", "CD19-PE-A", "H"),
     ("P1", "HLA-A", ""), ("P1", "CD79a", ""), ("P1", "CD19 APC-H7", "")],
)  # fmt: skip
def test_a_pulse_stands_in_the_label_where_the_name_tells_none(name, label, pulse):
    assert name_channel(name, label).pulse == pulse
