"""Names of channels, as vendors and laboratories write them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.knowledge import name_channel
from flowml.knowledge.files import read_toml
from flowml.records import Role

DYE = Role.FLUORESCENCE


@pytest.mark.parametrize(
    ("name", "pulse"),
    [("FITC-A", "A"), ("FITC-H", "H"), ("FITC-W", "W"), ("FL1-Height", "H"), ("FL1", ""),
     ("FL1 INT LOG", "A"), ("FL1 PEAK LOG", "H"), ("APC-H7", ""), ("APC-H7-A", "A"),
     ("APC-A700-H", "H"), ("GRN-HLog", "H"), ("HLA-DR", ""), ("488 LogH", "H"),
     ("Comp-PE-A", "A")],
)  # fmt: skip
def test_the_pulse_is_read_off_the_name(name, pulse):
    assert name_channel(name, "CD19").pulse == pulse


@pytest.mark.parametrize(
    ("name", "label", "marker", "dye"),
    [
        # Beckman Coulter, panel CLL-9F
        ("FL1 INT LOG", "FMC7-FITC", "FMC7", "FITC"), ("FL2 INT LOG", "CD10-PE", "CD10", "PE"),
        ("FL3 INT LOG", "CD19-ECD", "CD19", "ECD"), ("FL4", "CD79b-PC5.5", "CD79b", "PC5.5"),
        ("FL5", "CD20-PC7", "CD20", "PC7"), ("FL6", "CD23-APC", "CD23", "APC"),
        ("FL8", "CD19-APCA750", "CD19", "APC-A750"),
        ("FL9", "HLA-DR-PacBlue", "HLA-DR", "PacBlue"),
        ("FL10", "CD45-KrOr", "CD45", "KrOr"), ("FL10", "CD45 KrO", "CD45", "KrOr"),
        ("FL1", "kappa-FITC", "kappa", "FITC"), ("FL2", "Lambda PE", "lambda", "PE"),
        ("FL4", "IgM-PC5.5", "IgM", "PC5.5"),
        # BD, Cytek and others
        ("FITC-A", "CD3", "CD3", "FITC"), ("PE-Cy7-A", "CD19 PE-Cy7", "CD19", "PE-Cy7"),
        ("V1-A", "CD45RA BV421", "CD45RA", "BV421"), ("PE-A", "HLA-DR PE-A", "HLA-DR", "PE"),
        ("APC-A", "CD38:APC", "CD38", "APC"), ("CD19 PE-A", "", "CD19", "PE"),
        ("Comp-FITC-A", "CD4", "CD4", "FITC"), ("<FITC-A>", "CD4", "CD4", "FITC"),
        ("FL2-H", "CD8 PerCP-Cy5.5", "CD8", "PerCP-Cy5.5"), ("FITC-A", "", "", "FITC"),
        ("CD10", "CD10", "CD10", ""), ("FL1 LOG", "CD15 FITC LOGICAL", "CD15", "FITC"),
        # spelling
        ("x", "cd19", "CD19", ""), ("x", "cd 19", "CD19", ""), ("x", "CD_19", "CD19", ""),
        ("x", "CD79A", "CD79a", ""), ("x", "CD45ro", "CD45RO", ""), ("x", "DR", "HLA-DR", ""),
        ("x", "HLA DR", "HLA-DR", ""), ("x", "OX2", "CD200", ""), ("x", "GlyA", "CD235a", ""),
        ("x", "TCR\u03b3\u03b4", "TCRgd", ""), ("x", "TCR g/d", "TCRgd", ""),
        ("x", "c-kit", "CD117", ""),
        ("x", "κ", "kappa", ""), ("x", "Igλ", "lambda", ""),
        ("x", "CD62l", "CD62L", ""), ("x", "CD235AB", "CD235ab", ""), ("x", "CD8a", "CD8", ""),
        ("x", "CD3e", "CD3", ""), ("x", "CCR7", "CD197", ""), ("x", "PD-1", "CD279", ""),
        ("x", "HLA.DR PerCP", "HLA-DR", "PerCP"), ("x", "CD3 (SK7)", "CD3", ""),
        # the fluorochrome first, or new
        ("x", "FITC: CD3", "CD3", "FITC"), ("x", "BB515 CD39-A", "CD39", "BB515"),
        ("x", "PE-Cy7 CD25-A", "CD25", "PE-Cy7"), ("x", "PB-CD45", "CD45", "PacBlue"),
        ("FITC-A", "FITC-A :: CD3", "CD3", "FITC"), ("x", "CD3 FITC", "CD3", "FITC"),
        ("x", "CD15-FITC", "CD15", "FITC"), ("x", "CD4 BV605", "CD4", "BV605"),
        ("x", "CD4 RB780", "CD4", "RB780"),
        ("x", "CD34 PerCP-Vio 700", "CD34", "PerCP-Vio700"),
        ("VL1-A", "Alexa Fluor\u2122 405-A", "", "AF405"),
        ("FL7-A", "GFP/FITC-A", "", "GFP/FITC"), ("V450-A", "BV421 CD3", "CD3", "BV421"),
        # mass cytometry
        ("Nd142Di", "142Nd_CD19", "CD19", ""), ("Nd142Di", "CD19(Nd142)Di", "CD19", ""),
        ("Tm169Di", "169Tm_CD25_IL-2Ra", "CD25", ""), ("x", "CD45 89Y", "CD45", ""),
        ("Bi209Di", "209Bi_CD16_CD33", "CD16+CD33", ""), ("Nd142Di", "142Nd", "", ""),
        ("Nd142Di", "Nd142Di", "", ""),
        # compartments
        ("x", "cyCD3 APC", "cyCD3", "APC"), ("x", "cCD79a", "cyCD79a", ""),
        ("x", "CyCD22", "cyCD22", ""), ("x", "sCD3", "CD3", ""), ("x", "SmCD3", "CD3", ""),
        ("x", "sIgM", "IgM", ""), ("x", "cyIgM", "cyIgM", ""), ("x", "cy kappa", "cykappa", ""),
        ("x", "cyMPO", "MPO", ""), ("x", "nuTdT", "TdT", ""),
        # two markers in one channel are a marker of their own
        ("PB-A", "CD4+CD20", "CD4+CD20", "PacBlue"),
        ("FITC-A", "CD8+IgL", "CD8+lambda", "FITC"),
        ("PE-Cy7-A", "CD19/TCRgd", "CD19+TCRgd", "PE-Cy7"),
        ("PE-A", "CD56+IgK PE", "CD56+kappa", "PE"),
        # nothing to say
        ("FL1 INT LOG", "FL1 INT LOG", "", ""), ("FL2-H", "FL1-Height", "", ""),
    ],
)  # fmt: skip
def test_markers_are_canonical_however_they_are_written(name, label, marker, dye):
    found = name_channel(name, label)
    assert (found.marker, found.fluorochrome) == (marker, dye)
    assert found.known
    assert found.role is DYE


def test_surface_and_cytoplasm_are_two_markers():
    assert name_channel("x", "CD3").marker != name_channel("x", "cyCD3").marker


@pytest.mark.parametrize(
    "label", ["Syto 99", "Ki68", "CD19x", "CD19 or CD20", "CD8 Q", "CD999", "GFP reporter"]
)
def test_an_unknown_marker_stands_as_written_and_says_so(label):
    found = name_channel("FITC-A", label)
    assert (found.marker, found.known) == (label, False)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("\x1b[31mXX", "?[31mXX"),
        ("\u202eXX", "?XX"),
        ("X\nX", "X?X"),
        ("=cmd|'/C calc'!A0", "=cmd/'/C calc'!A0"),
    ],
)
def test_hostile_markers_hold_no_control_characters(label, shown):
    assert name_channel("FITC-A", label).marker == shown


@pytest.mark.parametrize(
    "text",
    ["FSC" + "1" * 190 + "x", "SS" + "A" * 190 + "!", "FSC" + "-" * 100_000,
     "CD" + "9" * 100_000,
     "Time" + " " * 100_000, "x" * 100_000, "CD3+" * 30_000, "FL1 " * 30_000, "\0" * 500],
)  # fmt: skip
def test_hostile_names_end_at_once(text):
    start = time.perf_counter()
    for found in (name_channel(text, ""), name_channel("FITC-A", text)):
        assert len(found.marker) <= 200
    assert time.perf_counter() - start < 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_texts_have_a_meaning(name, label):
    found = name_channel(name, label)
    assert isinstance(found.role, Role)
    assert found.pulse in {"", "A", "H", "W"}


@pytest.mark.parametrize("marker", sorted(read_toml("markers.toml")["markers"]))
def test_every_marker_of_the_table_names_itself(marker):
    assert name_channel("x", marker).marker == marker


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 371), st.sampled_from(["CD {n}", "CD{n}", "cd{n}", "CD-{n}"]))
def test_every_cd_number_is_known(number, style):
    assert name_channel("x", style.format(n=number)).marker == f"CD{number}"
