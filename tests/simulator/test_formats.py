"""Files as instruments write them: read back to the last bit, and by other readers too."""

import os
import re

import flowio
import flowkit
import numpy as np
import pytest
from flowio.exceptions import MultipleDataSetsError
from flowio.utils import read_multiple_data_sets

from flowml.errors import FcsError, FlowmlError, OutputError, StateError
from flowml.events import ArraySource
from flowml.fcs import read_fcs
from flowml.findings import Severity
from flowml.knowledge.antigens import joined
from flowml.knowledge.hardware import load_cytometer, typical_spillover
from flowml.knowledge.panels import known_panels, load_panel
from flowml.preprocess import compensate
from flowml.records import Channel, Role, Sample, Scale, Spillover
from flowml.simulator.formats import FORMATS
from flowml.simulator.formats.navios import ODD_EVENT, TAG_SHIFT

REFERENCE_TOP = 262_144.0
CASES = [
    pytest.param(cytometer, tube, id=f"{name}-{tube.name}-{cytometer}")
    for name in known_panels()
    for cytometer in load_panel(name).cytometers
    for tube in load_panel(name).tubes
]
STYLES = ("navios", "cytoflex", "canto", "lyric")
PANEL_OF = {"navios": "cll-9f", "cytoflex": "cll-9f", "canto": "lst", "lyric": "screening"}
NAVIOS_SHARES = [0.001, 0.007, 0.029, 0.134, 0.448]  # not all are percent / 100 in binary


def keywords(cytometer):
    return {
        "FLOWML_SIMULATED": "yes", "$CYT": cytometer.title, "$CYTSN": "SIM0001",
        "$TIMESTEP": repr(cytometer.time_step), "$DATE": "09-JAN-2024", "$BTIM": "07:00:00",
        "$ETIM": "07:01:00", "$COM": "simulated; not a patient",
    }  # fmt: skip


def sample_of(cytometer, tube, n_events, seed=1):
    """Return a sample as an instrument would measure it, spread over the whole scale."""
    rng = np.random.default_rng(seed)
    form = FORMATS[cytometer.style]
    channels = form.channels(tube, cytometer)
    matrix = form.rounded(typical_spillover(tube.stains))
    unit = cytometer.top / REFERENCE_TOP
    light = 10 ** rng.uniform(1, 5.6, size=(n_events, len(tube.stains)))
    values = np.empty((n_events, len(channels)), dtype=np.float32)
    values[:, :3] = rng.uniform(0, 300_000, size=(n_events, 3)) * unit
    values[:, 3:-1] = (light @ matrix + rng.normal(0, 100, light.shape)) * unit
    seconds = np.cumsum(rng.exponential(1 / 1000, size=n_events))
    values[:, -1] = seconds / cytometer.time_step
    names = tuple(channel.name for channel in channels[3:-1])
    source = ArraySource(form.digitise(values))
    return Sample("simulated", channels, source, spillover=Spillover(names, matrix))


def written(tmp_path, style, n_events=200, panel=None, **changes):
    cytometer = load_cytometer(style)
    tube = load_panel(panel or PANEL_OF[style]).tubes[0]
    sample = sample_of(cytometer, tube, n_events)
    path = tmp_path / f"a{FORMATS[style].ending}"
    FORMATS[style].write(path, sample, keywords(cytometer) | changes)
    return path, sample


# --- read back ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "tube"), CASES)
def test_round_trip(tmp_path, name, tube):
    cytometer = load_cytometer(name)
    form = FORMATS[cytometer.style]
    sample = sample_of(cytometer, tube, 3000)
    path = tmp_path / f"a{form.ending}"
    form.write(path, sample, keywords(cytometer))
    back = read_fcs(path)
    assert back.events().tobytes() == sample.events().tobytes()
    assert back.events().dtype == np.float32
    assert back.channels == sample.channels
    assert back.scale is Scale.RAW
    assert back.spillover.channels == sample.spillover.channels
    assert np.array_equal(back.spillover.matrix, sample.spillover.matrix)
    assert {key: back.keywords[key] for key in keywords(cytometer)} == keywords(cytometer)
    assert all(item.severity is Severity.INFO for item in back.findings)
    read_fcs(path, strict=True)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("n_events", [0, 1, 2])
def test_few_events(tmp_path, style, n_events):
    path, sample = written(tmp_path, style, n_events)
    back = read_fcs(path)
    assert back.events().shape == (n_events, len(sample.channels))
    assert back.events().tobytes() == sample.events().tobytes()
    serious = {item.code for item in back.findings if item.severity is not Severity.INFO}
    assert serious == (set() if n_events else {"FCS-EMPTY-01"})


@pytest.mark.parametrize("style", STYLES)
def test_a_sample_without_matrix(tmp_path, style):
    path, sample = written(tmp_path, style)
    bare = Sample("bare", sample.channels, sample.source)
    FORMATS[style].write(path, bare, {"FLOWML_SIMULATED": "yes"})
    back = read_fcs(path, strict=True)
    assert back.events().tobytes() == sample.events().tobytes()
    if style == "navios":  # $DFC is always there
        assert np.array_equal(back.spillover.matrix, np.eye(9))
    else:
        assert back.spillover is None


def test_compensated_alike(tmp_path):
    path, sample = written(tmp_path, "canto")
    assert np.array_equal(compensate(read_fcs(path)).linear, compensate(sample).linear)


@pytest.mark.parametrize("style", STYLES)
def test_channels(style):
    cytometer = load_cytometer(style)
    tube = load_panel(PANEL_OF[style]).tubes[0]
    channels = FORMATS[style].channels(tube, cytometer)
    roles = [channel.role for channel in channels]
    assert roles[:3] == [Role.FORWARD_SCATTER, Role.FORWARD_SCATTER, Role.SIDE_SCATTER]
    assert [channel.marker for channel in channels[:3]] == ["FSC-A", "FSC-H", "SSC-A"]
    assert roles[3:] == [Role.FLUORESCENCE] * len(tube.stains) + [Role.TIME]
    wanted = [joined(list(stain.markers)) for stain in tube.stains]
    assert [c.marker for c in channels[3:-1]] == wanted
    assert {c.pulse for c in channels[3:-1]} == {"A"}
    assert {c.top for c in channels[:-1]} == {cytometer.top}


def test_names():
    def names(style, panel):
        tube = load_panel(panel).tubes[0]
        return [c.name for c in FORMATS[style].channels(tube, load_cytometer(style))]

    def labels(style, panel):
        tube = load_panel(panel).tubes[0]
        return [c.label for c in FORMATS[style].channels(tube, load_cytometer(style))]

    numbers = (1, 2, 3, 4, 5, 6, 8, 9, 10)  # FL7 is APC-A700, which CLL-9F does not use
    dyes = [f"FL{number}-A" for number in numbers]
    assert names("navios", "cll-9f") == ["FS-A", "FS-H", "SS-A", *dyes, "TIME"]
    assert labels("navios", "cll-9f")[3:5] == ["FMC7-FITC", "CD10-PE"]
    assert labels("navios", "cll-9f")[:3] == [""] * 3
    assert names("cytoflex", "cll-9f")[-4:] == ["APC-A750-A", "PB450-A", "KO525-A", "Time"]
    assert names("canto", "lst")[3:8] == [
        "Pacific Blue-A", "Pacific Orange-A", "FITC-A", "PE-A", "PerCP-Cy5-5-A",
    ]  # fmt: skip
    assert names("lyric", "lst")[7] == "PerCP-Cy5.5-A"
    assert labels("canto", "lst")[3] == "CD20+CD4"


def test_versions_and_orders(tmp_path):
    found = {}
    for style in STYLES:
        path, _ = written(tmp_path, style)
        back = read_fcs(path)
        matrix = [key for key in ("SPILL", "$SPILLOVER", "$DFC1TO2") if key in back.keywords]
        start = path.read_bytes()[:6].decode()
        found[style] = (start, back.keywords["$BYTEORD"], back.keywords["$DATATYPE"], *matrix)
    assert found == {
        "navios": ("FCS2.0", "1,2,3,4", "I", "$DFC1TO2"),
        "cytoflex": ("FCS3.0", "1,2,3,4", "F", "$SPILLOVER"),
        "canto": ("FCS3.0", "4,3,2,1", "F", "SPILL"),
        "lyric": ("FCS3.1", "1,2,3,4", "F", "$SPILLOVER"),
    }


# --- numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_digitise(style):
    form = FORMATS[style]
    row = np.array([[-0.4, -70.26, 3.6, 1e9, 12.34]], dtype=np.float32)
    made = form.digitise(row)
    assert made.dtype == np.float32
    assert made[0, 3] == form.top - 1
    assert row[0, 3] == np.float32(1e9)  # the caller's table stays
    if style == "navios":
        assert made[0].tolist() == [0, 0, 4, form.top - 1, 12]
        assert not np.signbit(made).any()
    else:
        assert np.array_equal(made[0, :3], row[0, :3])
        assert made[0, 4] == np.float32(12 if style == "cytoflex" else 12.3)
    assert np.array_equal(form.digitise(made), made)
    assert form.digitise(np.empty((0, 5), dtype=np.float32)).shape == (0, 5)


def test_rounded_shares():
    matrix = np.eye(2)
    for share in NAVIOS_SHARES:
        matrix[0, 1] = share + 0.0003
        rounded = FORMATS["navios"].rounded(matrix)
        assert rounded[0, 1] == pytest.approx(share, abs=1e-12)
        assert rounded[0, 1] == float(f"{100 * share:.1f}") / 100
        assert (np.diag(rounded) == 1).all()
    assert FORMATS["canto"].rounded(matrix)[0, 1] == 0.4483


# --- a Navios' pair ------------------------------------------------------------------------


def test_pair(tmp_path):
    path, sample = written(tmp_path, "navios", 5000)
    back = read_fcs(path)
    assert {item.code for item in back.findings} == {"FCS-DATASET-02"}
    first = read_fcs(path, dataset=1)
    assert first.scale is Scale.COMPENSATED
    assert first.channel_names[:3] == ("FS INT LIN", "SS INT LIN", "FL1 INT LOG")
    assert first.markers[:4] == ("FSC-A", "SSC-A", "FMC7", "CD10")
    assert {item.code for item in first.findings} <= {"SPILL-COULTER", "FCS-TAIL-02"}
    unmixed = compensate(sample).linear
    column = back.column("CD20")
    seen = first.linear[:, first.column("CD20")] * 1024
    bright = (unmixed[:, column] > 20_000) & (seen < 1_000_000)
    apart = np.log10(seen[bright]) - np.log10(unmixed[bright, column])
    assert bright.sum() > 500
    assert np.abs(apart).max() < 0.0021  # half a step of 4 / 1024 decades


def test_markers_and_matrix_stand_in_set_1_only(tmp_path):
    path, _ = written(tmp_path, "navios")
    one, two = read_multiple_data_sets(str(path))
    assert one.text["p3s"] == "FMC7-FITC"
    assert one.text["p3e"] == "4.0,0.1024"
    assert one.text["dfc1to2"] == "15.0"
    assert one.text["dfc7to8"] == "0.0"  # nothing is stained there
    assert len([key for key in one.text if key.startswith("dfc")]) == 100
    assert not any(re.fullmatch(r"dfc.*|p\d+s", key) for key in two.text)
    assert one.text["flowml_simulated"] == two.text["flowml_simulated"] == "yes"


def test_words_carry_their_channel(tmp_path):
    path, sample = written(tmp_path, "navios", 3)
    start = int(read_multiple_data_sets(str(path))[0].text["nextdata"])
    raw = path.read_bytes()
    width = len(sample.channels)
    words = np.frombuffer(raw, "<u4", 3 * width, start + 58).reshape(3, width)
    tags = words >> TAG_SHIFT
    assert tags[0].tolist() == tags[2].tolist() == list(range(width))
    assert tags[1].tolist() == [ODD_EVENT | n for n in range(width)]
    assert np.array_equal(words & (2**20 - 1), sample.events())
    assert raw[start : start + 6] == b"FCS3.0"


def test_too_many_events_for_an_lmd_file(tmp_path, monkeypatch):
    monkeypatch.setattr("flowml.simulator.formats.navios.LARGEST_OFFSET", 20_000)
    with pytest.raises(FcsError, match=r"up to 3\d\d events of 13 channels.*500 were given"):
        written(tmp_path, "navios", 500)
    monkeypatch.setattr("flowml.simulator.formats.logset.LARGEST_OFFSET", 20_000)
    with pytest.raises(FcsError, match=r"up to \d+ events of 11 channels.*5000 were given"):
        written(tmp_path, "navios", 5000)
    assert not list(tmp_path.iterdir())


def test_a_detector_that_is_none(tmp_path):
    _, sample = written(tmp_path, "navios")
    odd = tuple(
        Channel("FITC-A", c.label, c.marker, c.role, c.pulse, c.top) if c.name == "FL1-A" else c
        for c in sample.channels
    )
    matrix = Spillover(("FITC-A", *sample.spillover.channels[1:]), sample.spillover.matrix)
    renamed = Sample("odd", odd, sample.source, spillover=matrix)
    with pytest.raises(FcsError, match="'FITC-A', expected FL1-A to FL10-A"):
        FORMATS["navios"].write(tmp_path / "odd.lmd", renamed, {})


# --- other readers -----------------------------------------------------------------------


@pytest.mark.parametrize("style", ["cytoflex", "canto", "lyric"])
def test_flowio_and_flowkit(tmp_path, style):
    path, sample = written(tmp_path, style)
    data = flowio.FlowData(path)
    assert np.array_equal(data.as_array(preprocess=False), sample.events())
    assert data.pnn_labels == list(sample.channel_names)
    assert data.pns_labels == [channel.label for channel in sample.channels]
    other = flowkit.Sample(path, subsample=10)
    light = np.array([c.role is not Role.TIME for c in sample.channels])
    assert np.array_equal(other.get_events("raw")[:, light], sample.events()[:, light])
    assert other.time_index == len(sample.channels) - 1
    key = "spill" if style == "canto" else "spillover"
    other.apply_compensation(other.metadata[key])
    ours = compensate(sample).linear
    np.testing.assert_allclose(other.get_events("comp")[:, light], ours[:, light], rtol=1e-3,
                               atol=1e-5 * sample.channels[0].top)  # fmt: skip


@pytest.mark.parametrize("n_events", [0, 1, 200])
def test_flowio_and_flowkit_on_a_pair(tmp_path, n_events):
    path, sample = written(tmp_path, "navios", n_events)
    with pytest.raises(MultipleDataSetsError):  # of any pair; it must be told which set
        flowio.FlowData(path)
    one, two = read_multiple_data_sets(str(path))
    assert np.array_equal(two.as_array(preprocess=False), sample.events())
    assert two.pnn_labels == list(sample.channel_names)
    first = read_fcs(path, dataset=1)
    assert np.array_equal(one.as_array(preprocess=False), first.stored)
    if n_events:
        np.testing.assert_allclose(one.as_array(), first.linear, rtol=1e-6)
        for data in (one, two):
            other = flowkit.Sample(data, sample_id="a", subsample=10)
            assert np.array_equal(other.get_events("raw"), data.as_array())


# --- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("$COM", ""), ("$COM", " blank"), ("$COM", "Müller"), ("$COM", "a\nb"), ("", "x"),
        ("$COM", "a\\b\x0cc"),
    ],
)  # fmt: skip
def test_a_keyword_that_would_be_read_as_something_else(tmp_path, style, key, value):
    with pytest.raises(FcsError, match="cannot be written"):
        written(tmp_path, style, **{key: value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("style", STYLES)
def test_layout_cannot_be_overruled(tmp_path, style):
    path, sample = written(tmp_path, style, **{"$TOT": "7", "$P1R": "16", "$DATATYPE": "D"})
    assert read_fcs(path).events().tobytes() == sample.events().tobytes()


@pytest.mark.parametrize("style", STYLES)
def test_values_that_no_instrument_writes(tmp_path, style):
    _, sample = written(tmp_path, style)
    for change in (1e9, np.nan):
        values = sample.events()
        values[3, 4] = change
        odd = Sample("odd", sample.channels, ArraySource(values), spillover=sample.spillover)
        with pytest.raises(StateError, match="does not write"):
            FORMATS[style].write(tmp_path / "odd.fcs", odd, {})
    wide = Sample("wide", sample.channels, ArraySource(sample.events().astype(np.float64)))
    with pytest.raises(StateError, match="does not write"):
        FORMATS[style].write(tmp_path / "odd.fcs", wide, {})
    assert not (tmp_path / "odd.fcs").exists()


@pytest.mark.parametrize("style", STYLES)
def test_compensated_values_are_not_what_an_instrument_writes(tmp_path, style):
    _, sample = written(tmp_path, style)
    with pytest.raises(StateError, match="already compensated"):
        FORMATS[style].write(tmp_path / "odd.fcs", compensate(sample), {})


@pytest.mark.parametrize("style", STYLES)
def test_nothing_half_written(tmp_path, style, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        written(tmp_path, style)
    assert not list(tmp_path.iterdir())


def test_a_cytometer_of_another_scale():
    tube = load_panel("cll-9f").tubes[0]
    with pytest.raises(FlowmlError, match=r"ends at 1\.04858e\+06, expected 1\.67772e\+07"):
        FORMATS["cytoflex"].channels(tube, load_cytometer("navios"))


@pytest.mark.parametrize("style", ["navios", "cytoflex"])
def test_a_fluorochrome_without_detector(style):
    tube = load_panel("screening").tubes[0]
    if style == "cytoflex":
        assert FORMATS[style].channels(tube, load_cytometer(style))[-2].name == "Violet610-A"
        return
    with pytest.raises(FlowmlError, match="a Navios has no detector at V610 for BV605"):
        FORMATS[style].channels(tube, load_cytometer(style))
