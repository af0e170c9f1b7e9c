"""Hardware and panels: complete, consistent, and an error names the entry at fault."""

import shutil

import numpy as np
import pytest

from flowml.errors import FlowmlError
from flowml.knowledge import load_label_tree
from flowml.knowledge.biology import load_biology
from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.files import HOME
from flowml.knowledge.hardware import (
    CYTOMETERS_FILE,
    FLUOROCHROMES_FILE,
    known_cytometers,
    load_cytometer,
    load_fluorochromes,
    read_cytometers,
    read_fluorochromes,
    typical_spillover,
)
from flowml.knowledge.markers import name_channel
from flowml.knowledge.panels import (
    VIEWS_FILE,
    known_panels,
    load_panel,
    load_views,
    read_panel,
    read_views,
)
from flowml.simulator.formats import FORMATS

PANELS = ("acute", "alot", "cll-9f", "lst", "plasma-cell", "screening")
ACUTE_MARKERS = {
    "CD34", "CD117", "HLA-DR", "CD13", "CD33", "CD11b", "CD16", "CD10", "CD14", "CD64", "CD15",
    "CD7", "CD19", "CD56", "CD2", "CD5", "CD3", "CD4", "CD38", "CD20", "CD22", "CD123", "MPO",
    "cyCD3", "cyCD79a", "TdT", "CD45",
}  # fmt: skip
OWN_PANEL = """
format = 1
name = "ours"
title = "our tube"
cytometers = ["lyric", "canto"]
entities = ["normal", "MM", "MGUS"]
source = "here"
[scored_as]
MGUS = "MM"
[[tube]]
name = "a"
title = "A"
[tube.stains]
PE = { marker = "CD38", brightness = 0.2 }
FITC = { marker = "CD8+lambda", brightness = [0.1, -0.3] }
PacBlue = "CD45"
[tube.autofluorescence]
PE = 42.5
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text(OWN_PANEL, encoding="utf-8")
    return path


def changed(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def copied(tmp_path, name):
    return shutil.copy(HOME / name, tmp_path / name)


def tubes():
    return [
        pytest.param(tube, id=f"{name}-{tube.name}")
        for name in PANELS
        for tube in load_panel(name).tubes
    ]


# --- flowml's own ------------------------------------------------------------------------


def test_the_panels():
    assert tuple(known_panels()) == PANELS
    assert known_cytometers() == ["navios", "cytoflex", "canto", "lyric"]
    assert load_panel("cll-9f").cytometers == ("navios", "cytoflex")
    assert [len(load_panel(name).tubes) for name in PANELS] == [4, 1, 3, 1, 2, 1]
    assert load_panel("lst") is load_panel("lst")


@pytest.mark.parametrize("name", PANELS)
def test_entities_are_canonical_and_normal_ones_are_among_them(name):
    panel = load_panel(name)
    tree = load_label_tree()
    assert all(tree.canonical(entity) == entity for entity in panel.entities)
    assert {"normal", "reactive"} <= set(panel.entities)
    assert set(panel.scored_as) | set(panel.scored_as.values()) <= set(panel.entities)


@pytest.mark.parametrize("name", PANELS)
def test_cells_are_described_by_the_markers_of_every_panel(name):
    biology, panel = load_biology(), load_panel(name)
    assert set(panel.markers) <= set(biology.markers)
    assert set(panel.entities) <= set(biology.diseases)


def test_mature_panels_do_not_claim_acute_leukemias():
    for name in ("cll-9f", "lst", "plasma-cell"):
        urgent = {"AML", "APL", "B-ALL", "T-ALL", "ETP-ALL", "MPAL", "AUL", "BPDCN"}
        assert not urgent & set(load_panel(name).entities)


def test_tubes_of_cll_9f():
    first, second, third = load_panel("cll-9f").tubes
    assert first.markers == (
        "FMC7", "CD10", "IgM", "CD79b", "CD20", "CD23", "CD19", "CD5", "CD45"
    )  # fmt: skip
    assert second.markers == (
        "kappa", "lambda", "CD38", "CD25", "CD11c", "CD103", "CD19", "CD22", "CD45"
    )  # fmt: skip
    assert third.markers == ("CD8", "CD4", "CD3", "CD56", "CD19", "HLA-DR", "CD45")
    dyes = [stain.fluorochrome.name for stain in first.stains]
    assert dyes == [
        "FITC", "PE", "ECD", "PC5.5", "PC7", "APC", "APC-A750", "PacBlue", "KrOr"
    ]  # fmt: skip


def test_acute_panel_holds_what_its_rules_need():
    panel = load_panel("acute")
    assert set(panel.markers) >= ACUTE_MARKERS
    assert all("CD45" in tube.markers for tube in panel.tubes)
    promyelocytic = {"CD117", "CD33", "HLA-DR", "CD11b", "CD34", "CD2", "CD10", "CD16"}
    lineage = {"MPO", "cyCD3", "cyCD79a", "CD34", "CD7", "CD19", "CD3", "CD22"}
    for needed in (promyelocytic, lineage):
        assert any(needed <= set(tube.markers) for tube in panel.tubes)


def test_two_markers_on_one_dye():
    (tube,) = load_panel("lst").tubes
    shared = {stain.fluorochrome.name: stain.markers for stain in tube.stains}
    assert shared["PacBlue"] == ("CD20", "CD4")
    assert shared["FITC"] == ("CD8", "lambda")
    assert shared["PE"] == ("CD56", "kappa")
    assert shared["PE-Cy7"] == ("CD19", "TCRgd")
    assert all(len(stain.brightness) == len(stain.markers) for stain in tube.stains)
    total = dict(
        zip(tube.markers, np.concatenate([s.brightness for s in tube.stains]), strict=True)
    )
    fitted = {"CD3": -0.14, "CD45": -0.80, "CD20": -0.35, "CD4": -0.30, "kappa": -0.15}
    assert {marker: total[marker] for marker in fitted} == pytest.approx(fitted)
    assert {stain.label: stain.autofluorescence for stain in tube.stains}["CD5"] == 68


@pytest.mark.parametrize("tube", tubes())
def test_spillover_of_a_tube(tube):
    matrix = typical_spillover(tube.stains)
    between = matrix[~np.eye(len(matrix), dtype=bool)]
    assert (np.diag(matrix) == 1).all()
    assert between.min() >= 0
    assert 0.10 <= between.max() <= 0.40
    assert np.linalg.cond(matrix) < 5
    assert (matrix != matrix.T).any()


def test_pe_spills_into_ecd_and_not_the_other_way_round():
    stains = load_panel("cll-9f").tubes[0].stains
    matrix = typical_spillover(stains)
    names = [stain.fluorochrome.name for stain in stains]
    pe, ecd = names.index("PE"), names.index("ECD")
    assert matrix[pe, ecd] == 0.35  # $DFC2TO3 of a Navios: 45 percent
    assert matrix[ecd, pe] == 0.08  # $DFC3TO2: 8 percent
    assert matrix[pe, names.index("APC")] == 0


def test_two_dyes_at_one_position_are_refused():
    stains = load_panel("screening").tubes[0].stains
    fitc = stains[0]
    with pytest.raises(FlowmlError, match="FITC and FITC are both measured at B525"):
        typical_spillover((*stains, fitc))
    assert typical_spillover(()).shape == (0, 0)


def test_cytometers_have_their_files_scale():
    for name in known_cytometers():
        cytometer = load_cytometer(name)
        assert cytometer.style in FORMATS
        assert cytometer.top == FORMATS[cytometer.style].top
        assert cytometer.events_per_second[0] < cytometer.events_per_second[1]


@pytest.mark.parametrize("tube", tubes())
def test_autofluorescence_lies_above_what_sticks_to_any_cell(tube):
    for stain in tube.stains:
        assert stain.autofluorescence > 0
        assert stain.photon > 0
        assert all(-2 < decades < 1 for decades in stain.brightness)


def test_views_are_of_known_markers():
    views = load_views()
    assert len({view.name for view in views}) == len(views)
    assert all(name_channel(axis, "").known for view in views for axis in (view.x, view.y))
    named = {view.name for view in views}
    assert {"CD19 x CD5", "kappa x lambda", "CD25 x CD11c", "CD45 x SSC", "FSC x SSC"} <= named


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_has_views(name):
    scatter = {"FSC-A", "FSC-H", "SSC-A"}
    for tube in load_panel(name).tubes:
        seen = {*tube.markers, *scatter}
        shown = [view for view in load_views() if {view.x, view.y} <= seen]
        assert len([view for view in shown if not {view.x, view.y} <= scatter]) >= 2


# --- a laboratory's own ------------------------------------------------------------------


def test_a_laboratory_s_own_panel(own):
    panel = load_panel(own)
    assert panel == load_panel(str(own)) == read_panel(own)
    assert (panel.name, panel.cytometers) == ("ours", ("lyric", "canto"))
    assert panel.scored_as == {"MGUS": "MM"}
    (tube,) = panel.tubes
    assert tube.markers == panel.markers == ("CD38", "CD8", "lambda", "CD45")
    pe, fitc, blue = tube.stains
    dyes = load_fluorochromes()[1]
    assert pe.brightness == (dyes["PE"].brightness + 0.2,)
    assert fitc.brightness == (dyes["FITC"].brightness + 0.1, dyes["FITC"].brightness - 0.3)
    assert blue.brightness == (dyes["PacBlue"].brightness,)
    assert (pe.autofluorescence, fitc.autofluorescence) == (42.5, 190.0)
    assert fitc.label == "CD8+lambda"


def test_a_panel_is_read_anew(own):
    assert load_panel(own).title == "our tube"
    changed(own, "our tube", "another")
    assert load_panel(own).title == "another"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "format is 2, expected 1"),
        ('title = "our tube"', "", "'title' is missing"),
        ('source = "here"', "", "'source' is missing"),
        ('"lyric", "canto"', '"lyrik"', "'cytometers' is 'lyrik'; nearest: lyric"),
        ('["lyric", "canto"]', "[]", "expected a list of names"),
        ('"lyric", "canto"', '"lyric", "lyric"', "'cytometers' holds a name twice"),
        ('"lyric", "canto"', '"navios"', "FITC.*|PE.*"),
        ('"normal", "MM"', '"normal", "myelox"', "'myelox' is not an entity"),
        ('"normal", "MM"', '"normal", "SLL"', "'SLL' is called 'CLL'"),
        ('entities = ["normal"', 'entities = ["MM"', "'entities' holds a name twice"),
        ('entities = ["normal", "MM", "MGUS"]', "entities = 3", "expected a list of names"),
        ('MGUS = "MM"', 'MGUS = "PCL"', "scored_as: 'MGUS' is 'PCL'"),
        ('MGUS = "MM"', 'PCL = "MM"', "scored_as: unknown entry 'PCL'"),
        ('MGUS = "MM"', 'MGUS = "MM"\nMM = "normal"', "MGUS is scored as MM, which is scored"),
        ('PacBlue = "CD45"', 'PacBleu = "CD45"', "tube 'a', stains: unknown entry 'PacBleu'"),
        ('PacBlue = "CD45"', 'PacBlue = "CD45x"', "'PacBlue' stains 'CD45x'"),
        ('PacBlue = "CD45"', 'PacBlue = "cd45"', "nearest: 'CD45'"),
        ('PacBlue = "CD45"', 'PacBlue = "CD38"', "CD38 is stained twice"),
        ('PacBlue = "CD45"', "PacBlue = 3", "'PacBlue' is 3, expected a text"),
        ('PacBlue = "CD45"', 'ECD = "CD45"', "ECD is measured at B610, where .* 'lyric'"),
        (
            'PacBlue = "CD45"',
            'V450 = "CD45"\nBV421 = "CD5"',
            "V450 and BV421 are both measured",
        ),
        ("[0.1, -0.3]", "[0.1]", "2 markers and 1 numbers of brightness"),
        ("[0.1, -0.3]", "[0.1, 9]", "number from -2 to 2"),
        ("brightness = 0.2", "bright = 0.2", "PE: unknown entry 'bright'"),
        ("PE = 42.5", "APC = 42.5", "autofluorescence: unknown entry 'APC'"),
        ("PE = 42.5", "PE = -1", "'PE' is -1"),
        ("[[tube]]", "[[tubes]]", "unknown entry 'tubes'; nearest: tube"),
        ('title = "A"', 'titel = "A"', "tube 'a': unknown entry 'titel'"),
    ],
)
def test_an_error_names_the_entry_of_a_panel(own, old, new, message):
    changed(own, old, new)
    if message == "FITC.*|PE.*":  # a Navios has all of these detectors
        assert read_panel(own).cytometers == ("navios",)
        return
    with pytest.raises(KnowledgeError, match=message) as caught:
        read_panel(own)
    assert "ours.toml" in str(caught.value)


def test_a_panel_without_tubes(own):
    text = own.read_text(encoding="utf-8")
    own.write_text(text[: text.index("[[tube]]")], encoding="utf-8")
    with pytest.raises(KnowledgeError, match="at least one \\[\\[tube\\]\\]"):
        read_panel(own)


def test_unknown_names():
    with pytest.raises(FlowmlError, match="unknown panel 'cll9f'; nearest: cll-9f"):
        load_panel("cll9f")
    with pytest.raises(FlowmlError, match="unknown cytometer 'navio'; nearest: navios"):
        load_cytometer("navio")
    with pytest.raises(FlowmlError, match=r"could not read .*nothing\.toml"):
        load_panel("nothing.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('position = "B585"', 'position = "B580"', "fluorochrome 'PE': 'position' is 'B580'"),
        ("B610 = 0.35", "B611 = 0.35", "'PE', spill: unknown entry 'B611'"),
        ("B610 = 0.35", "B585 = 0.35", "'PE', spill: unknown entry 'B585'"),
        ("B610 = 0.35", "B610 = 35", "expected a number from 0 to 0.9"),
        ('name = "ECD"', 'name = "PE"', "'PE': the name is given twice"),
        ("photon = 15.0", "", "position 'B525': 'photon' is missing"),
        ("photon = 15.0", "photons = 25.0", "unknown entry 'photons'"),
    ],
)
def test_an_error_names_the_fluorochrome(tmp_path, old, new, message):
    path = changed(copied(tmp_path, FLUOROCHROMES_FILE), old, new)
    with pytest.raises(KnowledgeError, match=message):
        read_fluorochromes(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("top = 1048576", 'top = "20 bits"', "cytometer 'navios': 'top' is '20 bits'"),
        ("time_step = 0.25", "time_step = 0", "'time_step' is 0"),
        ("[400.0, 2500.0]", "[2500.0, 400.0]", "expected the least first"),
        ('"B525", "B585"', '"B525", "B999"', "'positions' is 'B999'"),
        ("run_gain = 0.03", "run_gain = 3", "'run_gain' is 3"),
        ("day_gain = 0.02", "day = 0.02", "unknown entry 'day'"),
    ],
)
def test_an_error_names_the_cytometer(tmp_path, old, new, message):
    path = changed(copied(tmp_path, CYTOMETERS_FILE), old, new)
    with pytest.raises(KnowledgeError, match=message):
        read_cytometers(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('y = "CD5"', 'y = "cd5"', "view 'CD19 x CD5': 'y' is 'cd5'"),
        ('y = "CD5"', 'y = "CD19"', "'x' and 'y' are the same"),
        ('gate = "lymphocytes"', "gate = 3", "'gate' is 3, expected a text"),
        ('name = "FSC x SSC"', 'name = "CD45 x SSC"', "the name is given twice"),
    ],
)
def test_an_error_names_the_view(tmp_path, old, new, message):
    path = changed(copied(tmp_path, VIEWS_FILE), old, new)
    with pytest.raises(KnowledgeError, match=message):
        read_views(path)
