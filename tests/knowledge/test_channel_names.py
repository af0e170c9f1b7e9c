"""Names of channels as vendors write them: role, pulse, marker. A new one is one line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.knowledge.markers import LONGEST_NAME, name_channel, name_channels
from flowml.knowledge.roles import LONGEST_DETECTOR, isotope_of, scatter_of
from flowml.records import Role

# name | role | pulse | marker; where they come from stands in flowml/knowledge/roles.py and
# markers.toml
VENDORS = {
    "BD Diva, Calibur, Accuri, Influx": """
        FSC-A|F|A|FSC-A  FSC-Height|F|H|FSC-H  SSC-W|S|W|SSC-W  FSC-H|F|H|FSC-H  FITC-A|D|A|
        PerCP-Cy5-5-A|D|A|  APC-H7-A|D|A|  APC-H7|D||  FL1-H|D|H|  FL2-W|D|W|  FL1-Height|D|H|
        7-AAD-A|D|A|viability  Time|T||  Width|O||  FSC-PMT-A|F|A|FSC-A  *FSC|F|A|FSC-A
        FSC Par|F|A|FSC-A  ROI Bits 1-16|O||  Trigger Pulse Width|O||  B515-A|D|A|
        V450-A|D|A|  Time (102.40 sec.)|T||  FSC.A|F|A|FSC-A  B 530/30-A|D|A|
        355 820_60-A|D|A|  AARD-A|D|A|  PE (R-phycoerythrin)-A|D|A|""",
    "BD FACSDiscover": """
        V1 (420)-A|D|A|  V1 (420)-T|O||  SSC (Violet)-H|S|H|SSC-H  LightLoss (Imaging)-A|O||
        Size (FSC)|O||  Eccentricity (SSC (Imaging))|O||  Radial Moment (FSC)|O||
        SSC (Imaging)-A|S|A|SSC-A""",
    "Beckman Coulter FC 500, Navios, CytoFLEX, Astrios": """
        FS INT LIN|F|A|FSC-A  FS PEAK LIN|F|H|FSC-H  FS TOF LIN|F|W|FSC-W  FS|F|A|FSC-A
        SS INT LIN|S|A|SSC-A  SS PEAK LIN|S|H|SSC-H  SS TOF LOG|S|W|SSC-W  SS Log|S|A|SSC-A
        FS Lin|F|A|FSC-A  FS-A|F|A|FSC-A  SS_PEAK_LIN|S|H|SSC-H  FL1 INT LOG|D|A|
        FL10 PEAK LOG|D|H|  FL1 Log|D||  FL1|D||  TIME|T||  RATIO|O||  VSSC-A|S|A|SSC-A
        KO525-H|D|H|  FSC-Width|F|W|FSC-W  488-FSC1-Height-Log|F|H|FSC-H
        488-SSC-Area|S|A|SSC-A  488-530/40-Height|D|H|""",
    "Cytek Aurora, Northern Lights, xP": """
        UV16-A|D|A|  YG10-A|D|A|  R8-A|D|A|  SSC-B-A|S|A|SSC-A  SSC-B-H|S|H|SSC-H  AF-A|D|A|
        -A|D|A|  FSCW|F|W|FSC-W  FSCA|F|A|FSC-A  FL4 red|D||  Autofluorescence|D||""",
    "Sony, Agilent Opteon, Xenith, Mosaic": """
        405CH1-A|D|A|  320CH35-A|D|A|  UV380-A|D|A|  IR3-A|D|A|  U21-A|D|A|  BSSC-A|S|A|SSC-A
        IRSSC-H|S|H|SSC-H  BSSC-Width|S|W|SSC-W  FSC51-A|F|A|FSC-A  SSC52-A|S|A|SSC-A
        FL16-A|D|A|""",
    "Miltenyi MACSQuant": """
        HDR-T|T||  HDR-CE|O||  HDR-SE|O||  HDR-V|O||  V1-A|D|A|  Y2-W|D|W|  B1-H|D|H|""",
    "Thermo Attune, Bigfoot": """
        VL1-A|D|A|  BL1-H|D|H|  YL2-A|D|A|  RL1-W|D|W|  FSC 488/10-A|F|A|FSC-A""",
    "Bio-Rad ZE5, S3": """
        FS00-A|F|A|FSC-A  SS02-A|S|A|SSC-A  TLSW|T||  TMSW|T||  Event Info|O||  TIME_MSW|T||
        TIME_LSW|T||  FSC-HEIGHT|F|H|FSC-H  SORT|O||  SSC 488/10-H|S|H|SSC-H
        CLASSIFIER_BITS|O||  CD56 (BV) 650-A|D|A|CD56""",
    "Guava": """
        FSC-HLin|F|H|FSC-H  SSC-ALog|S|A|SSC-A  GRN-HLog|D|H|  YEL-HLog|D|H|  RED2-HLin|D|H|
        NIR-HLog|D|H|  Green Fluorescence (GRN-HLin)|D|H|
        Forward Scatter (FSC-HLin)|F|H|FSC-H  Side Scatter (SSC-HLog)|S|H|SSC-H""",
    "Partec, Sysmex CyFlow; Apogee; SeaFlow": """
        FSC|F|A|FSC-A  SSC|S|A|SSC-A  FL6|D||  DOUBLET|O||  SALS|F|A|FSC-A  LALS|S|A|SSC-A
        fsc_small|F|A|FSC-A  FALS|F|A|FSC-A  Fwd SC|F|A|FSC-A""",
    "Stratedigm": """
        FSC LogH|F|H|FSC-H  FSC LinA|F|A|FSC-A  405nm 405SSC (405/10) LogH|S|H|SSC-H
        488/552nm PE Cy7 (740LP) LogH|D|H|""",
    "Amnis ImageStream": """
        Intensity_MC_Ch02|D||  Area_M01|O||  Aspect Ratio_M01|O||  Width_M01|O||
        Gradient RMS_M01_Ch01|O||  Bright Detail Intensity R3_MC_Ch06|O||  Object Number|O||""",
    "mass cytometers": """
        Event_length|O||  Cell_length|O||  Center|O||  Offset|O||  Residual|O||  Nd142Di|D||
        (Nd142)Dd|D||  CD19(Nd142)Di|D||CD19  142Nd_CD19|D||CD19  CD3(110:114)Dd|D||CD3
        89Y_CD45|D||CD45  Ir191Di|O||  (Ir193)Dd|O||  191Ir_DNA1|O||  DNA-2(Ir193)Dd|O||
        140Ce_Beads|O||  Bead1(La139)Di|O||  151Eu_EQ4|O||  BC4(Tb159)Dd|O||
        102Pd_Barcode|O||  Xe131Di|O||  Pb208Di|O||  190BCKG|O||  Ce140Di|D||
        195Pt_Live_Dead|D||viability  Viability(Pt195)Di|D||viability
        163Dy_CD183_CXCR3|D||CD183  beadDist|O||  bead_dist|O||""",
    "what analyses add": """
        GoodEvents|O||  GoodVsBad|O||  PeacoQC|O||  remove_from_FS|O||  UMAP_1|O||  umap-x|O||
        tSNE 2|O||  opt-SNE_1|O||  FlowSOM_metacluster|O||  Phenograph|O||  cluster.100|O||
        population_id|O||  SampleID|O||  file_number|O||  Event #|O||  density|O||
        FJComp-APC-A|D|A|  Comp-CD4 PE-A|D|A|CD4  <PE-A>|D|A|  PCA1|O||""",
    "what only looks like scatter": """
        SSEA-4|D||  SSTR2-A|D|A|  FSHR|D||  FSH|D||""",
}
ROLES = {
    "F": Role.FORWARD_SCATTER, "S": Role.SIDE_SCATTER, "D": Role.FLUORESCENCE, "T": Role.TIME,
    "O": Role.OTHER,
}  # fmt: skip


def lines() -> list[tuple[str, ...]]:
    items = [
        item.strip()
        for table in VENDORS.values()
        for row in table.splitlines()
        for item in row.replace("  ", "\n").splitlines()
        if item.strip()
    ]
    return [tuple(item.split("|")) for item in items]


def test_the_table_is_long_and_names_nothing_twice():
    names = [line[0] for line in lines()]
    assert len(VENDORS) >= 12
    assert len(names) == len(set(names)) > 170


@pytest.mark.parametrize(("name", "role", "pulse", "marker"), lines())
def test_every_vendor_is_understood(name, role, pulse, marker):
    found = name_channel(name, "")
    assert (found.role, found.pulse, found.marker) == (ROLES[role], pulse, marker)
    assert found.known


@pytest.mark.parametrize(
    ("name", "label", "role"),
    [
        ("P1", "FSC-A", "F"), ("V450/50-A", "405nm SSC", "S"), ("Ir191Di", "DNA1", "O"),
        ("Ce140Di", "140Ce_EQ4_beads", "O"), ("Ce140Di", "140Ce_CD4", "D"),
        ("Xe131Di", "131Xe", "O"), ("Pd102Di", "102Pd_BC1", "O"), ("Nd142Di", "CD19", "D"),
        ("Nd142Di", "Nd142Di", "D"), ("Time", "HDR-T", "T"), ("FL1-A", "DNA1", "D"),
        ("P9", "HDR-T", "T"),
    ],
)  # fmt: skip
def test_a_label_says_what_the_name_does_not(name, label, role):
    assert name_channel(name, label).role is ROLES[role]


@pytest.mark.parametrize(
    ("names", "markers"),
    [
        # Aurora: the violet laser's detector has the plain name
        ("SSC-H SSC-A FSC-A SSC-B-H SSC-B-A", "SSC-H SSC-A FSC-A SSC-B-H SSC-B-A"),
        # Opteon: none has; the blue laser's stands for all
        ("FSC-A USSC-A VSSC-A BSSC-A BSSC-H", "FSC-A SSC-U-A SSC-V-A SSC-A SSC-H"),
        ("SSC-B-A FSC-PMT-A", "SSC-A FSC-A"),  # the only one of its kind
        ("FSC-A FSC-H FSC-PMT-A", "FSC-A FSC-H FSC-PMT-A"),  # FACSAria
        ("SSC-Violet-A SSC-Imaging-A", "SSC-A SSC-IMAGING-A"),
        ("FSC-LinA FSC-LogA FSC-LogH", "FSC-A FSC-LOG-A FSC-LOG-H"),  # Stratedigm
        ("FSC SSC FL1 FSCW FSCA", "FSC-H SSC-A  FSC-W FSC-A"),  # Cytek xP
        ("FSC FSC-A FSC-H", "FSC-A FSC-A FSC-H"),  # cannot be told: both claim the area
        ("FSC51-A FSC53-A SSC52-A", "FSC-A FSC-A SSC-A"),  # nor can two numbers
    ],
)
def test_one_detector_stands_for_scatter_and_the_others_are_markers_of_their_own(
    names, markers
):
    found = name_channels([(name, "") for name in names.split()])
    assert [item.marker for item in found] == markers.split(" ")


@pytest.mark.parametrize("marker", sorted({line[3] for line in lines()} - {""}))
def test_a_marker_names_itself(marker):
    assert name_channel("x", marker).marker == marker


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.permutations([line[0] for line in lines()][::7]))
def test_the_order_of_channels_does_not_matter(names):
    found = dict(zip(names, name_channels([(name, "") for name in names]), strict=True))
    again = dict(
        zip(sorted(names), name_channels([(name, "") for name in sorted(names)]), strict=True)
    )
    assert found == again


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_settling_changes_nothing_but_names_of_scatter(names):
    for pair, found in zip(names, name_channels(names), strict=True):
        alone = name_channel(*pair)
        assert found.role is alone.role
        if alone.role not in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}:
            assert found == alone


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "=cmd|'/C calc'!A0", "\x1b[31mFSC-A", "\u202eFSC-A",
        "FSC\0-A",
        "x" * 100_000, "FSC-" * 25_000, "-" * 100_000, "FS" + " LIN" * 25_000,
        "(" * 100_000, "Nd142" * 20_000, "Time" + "(" * 100_000, "_M01" * 25_000,
        "PE " * 33_000, "142Nd_" * 16_000, "::" * 50_000, "CD3 :: " * 14_000, "\0" * 100_000,
        "CD3(" + "1" * 99_000, " (x)" * 25_000, "CD3+" * 25_000,
    ],
    ids=lambda text: ascii(text[:12]),
)  # fmt: skip
def test_hostile_names_are_cut_before_they_are_read(text):
    for found in (
        name_channel(text, ""), name_channel("", text), *name_channels([(text, text)] * 3)
    ):  # fmt: skip
        assert len(found.marker) <= LONGEST_NAME + LONGEST_DETECTOR
        assert not {"\0", "\x1b", "\u202e", "|"} & set(found.marker)
    cut = text[:LONGEST_NAME]  # what the patterns see, whatever was given
    assert name_channel(cut, "").role is name_channel(text[: 2 * LONGEST_NAME], "").role
    assert scatter_of(cut) is None or len(scatter_of(cut).detector) <= LONGEST_DETECTOR
    assert isotope_of(cut) is None or len(isotope_of(cut).text) <= LONGEST_NAME


def test_every_real_file_has_its_scatter_and_nothing_else_is_scatter(shared_data):
    files = [path for path in shared_data.rglob("*") if path.suffix.lower() in {".fcs", ".lmd"}]
    seen = 0
    for path in files:
        try:
            channels = read_fcs(path, dataset=1).channels
        except FcsError:
            continue
        seen += 1
        for channel in channels:
            words = channel.name.upper().removeprefix("405NM 405")
            looks = words.startswith(("FSC", "FS ", "SSC", "SS "))
            assert looks is ("scatter" in channel.role.value), channel
            clock = channel.name.upper() in {"TIME", "HDR-T"}
            assert clock is (channel.role is Role.TIME), channel
            assert (channel.role is Role.OTHER) is (
                channel.name in {"Width", "DOUBLET", "HDR-CE", "HDR-SE", "HDR-V"}
            ), channel
    assert seen > 100
