"""``flowml simulate`` as a whole command: every option, good messages, the same on workers."""

from __future__ import annotations

import csv

import pytest
from commands import flowml_process, run_here

from flowml.cases import find_cases
from flowml.fcs import read_fcs
from flowml.knowledge.panels import known_panels, load_panel
from flowml.simulator import ACCIDENTS, known_entities

PANEL = """
format = 1
name = "{name}"
title = "a laboratory's own"
cytometers = ["{model}"]
entities = ["normal", "CLL"]
source = "a test"
[[tube]]
name = "{tube}"
title = "one"
[tube.stains]
{stains}
"""
STAINS = 'FITC = "CD3"\nPE = { marker = "CD56+kappa", brightness = [0.1, -0.2] }\nAPC = "CD19"'


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


def rows(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def simulated(flowml, out, *options, cases=3, events=100):
    """Simulate, and return the rows of ``cases.csv``."""
    found = flowml("simulate", out, "--cases", cases, "--events", events, *options)
    assert (found.status, found.out) == (0, ""), found.err
    return rows(out / "cases.csv")


def refused(flowml, out, *options):
    """Return what is said of options that cannot be used; nothing must be written."""
    found = flowml("simulate", out, *options)
    assert found.status == 2, found.err
    assert not out.exists()
    return " ".join(found.err.split())


def own_panel(folder, *, name="mine", model="canto", tube="1", stains=STAINS):
    path = folder / "mine.toml"
    text = PANEL.format(name=name, model=model, tube=tube, stains=stains)
    path.write_text(text, encoding="utf-8")
    return path


def held(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# --- every option ------------------------------------------------------------------------


def test_what_is_written_without_options(flowml, tmp_path):
    out = tmp_path / "new" / "place"
    found = flowml("simulate", out, "--events", 100)
    assert found.status == 0
    assert found.err.splitlines() == [
        "simulating cases: 42 of 42",
        f"42 simulated cases, 42 files in {out}, with cases.csv and manifest.csv",
    ]
    table = rows(out / "cases.csv")
    assert len(table) == 42
    assert {row["panel"] for row in table} == {"screening"}
    assert {row["instrument"] for row in table} == {"lyric-1"}
    assert {row["entity"] for row in table} == set(known_entities())
    assert {row["accident"] for row in table} == {""}
    assert len(find_cases(out / "manifest.csv")) == 42


def test_quiet_says_nothing(flowml, tmp_path):
    found = flowml("simulate", tmp_path / "a", "--cases", 1, "--events", 100, "-q")
    assert (found.status, found.out, found.err) == (0, "", "")


@pytest.mark.parametrize("panel", known_panels())
def test_every_panel_on_every_of_its_instruments(flowml, tmp_path, panel):
    models = load_panel(panel).cytometers
    ask = ("--panel", panel, "--instruments", ",".join(models))
    table = simulated(flowml, tmp_path / "a", *ask, cases=6)
    assert {row["panel"] for row in table} == {panel}
    assert {row["instrument"].split("-")[0] for row in table} <= set(models)
    tubes = rows(tmp_path / "a" / "manifest.csv")
    assert len(tubes) == 6 * len(load_panel(panel).tubes)
    for row in tubes:
        ending = ".lmd" if row["instrument"].startswith("navios") else ".fcs"
        assert row["path"].endswith(ending)


def test_instruments_of_two_models(flowml, tmp_path):
    table = simulated(flowml, tmp_path / "a", "--panel", "cll-9f", "--instruments",
                      "navios, cytoflex", cases=12)  # fmt: skip
    assert {row["instrument"] for row in table} == {"navios-1", "cytoflex-2"}
    titles = set()
    for row in rows(tmp_path / "a" / "manifest.csv"):
        titles.add((row["instrument"], read_fcs(tmp_path / "a" / row["path"]).keywords["$CYT"]))
    assert titles == {("navios-1", "Navios"), ("cytoflex-2", "CytoFLEX")}


def test_a_number_of_instruments(flowml, tmp_path):
    table = simulated(flowml, tmp_path / "a", "--instruments", "3", cases=20)
    assert {row["instrument"] for row in table} == {"lyric-1", "lyric-2", "lyric-3"}


def test_entities_in_equal_numbers_and_two_in_one_case(flowml, tmp_path):
    table = simulated(flowml, tmp_path / "a", "--entities", "Normal, cll ,CLL+T-LGLL", cases=9)
    both = [row for row in table if row["second_entity"]]
    assert len(both) == sum(row["entity"] == "normal" for row in table) == 3
    for row in both:
        assert {row["entity"], row["second_entity"]} == {"CLL", "T-LGLL"}
        assert float(row["neoplastic_share"]) >= float(row["second_share"])


def test_a_range_of_events(flowml, tmp_path):
    simulated(flowml, tmp_path / "a", events="150..600", cases=12)
    found = [read_fcs(path).n_events for path in (tmp_path / "a").rglob("*.fcs")]
    assert 150 <= min(found) < max(found) <= 600
    assert len(set(found)) > 3


@pytest.mark.parametrize(
    ("share", "low", "high"), [("0.005..0.02", 0.005, 0.02), ("0.5", 0.5, 0.5)]
)
def test_a_stratum(flowml, tmp_path, share, low, high):
    table = simulated(flowml, tmp_path / "a", "--share", share, "--entities", "CLL")
    for row in table:
        assert low - 1e-6 <= float(row["neoplastic_share"]) <= high + 1e-6


def test_accidents(flowml, tmp_path):
    table = simulated(flowml, tmp_path / "a", "--accidents", "1", "--accident-kinds",
                      "aged sample, wrong spillover", cases=12)  # fmt: skip
    assert {row["accident"] for row in table} == {"aged sample", "wrong spillover"}
    every = simulated(flowml, tmp_path / "b", "--accidents", "0.5", cases=30)
    kinds = {row["accident"] for row in every}
    assert "" in kinds
    assert len(kinds) > 4
    assert kinds <= {"", *ACCIDENTS}


def test_truth(flowml, tmp_path):
    simulated(flowml, tmp_path / "a", "--truth")
    simulated(flowml, tmp_path / "b")
    with_it, without = held(tmp_path / "a"), held(tmp_path / "b")
    assert set(with_it) - set(without) == {f"S000{n}/S000{n}_1.truth.csv.gz" for n in (1, 2, 3)}
    assert {name: with_it[name] for name in without} == without


def test_workers_write_the_same_bytes(flowml, tmp_path):
    options = ("--panel", "cll-9f", "--accidents", "0.5", "--truth", "--instruments", "2")
    for name, jobs in (("one", 1), ("two", 2)):
        simulated(flowml, tmp_path / name, *options, "--jobs", jobs, cases=8, events="100..900")
    assert held(tmp_path / "one") == held(tmp_path / "two")


def test_in_a_process_of_its_own(tmp_path):
    found = flowml_process("simulate", tmp_path / "a", "--cases", 4, "--events", 200)
    assert found.status == 0
    assert "4 simulated cases, 4 files" in found.err
    assert len(held(tmp_path / "a")) == 6


# --- a laboratory's own panel ------------------------------------------------------------


def test_a_laboratorys_own_panel(flowml, tmp_path):
    table = simulated(flowml, tmp_path / "a", "--panel", own_panel(tmp_path))
    assert {row["panel"] for row in table} == {"mine"}
    assert {row["entity"] for row in table} == {"normal", "CLL"}
    sample = read_fcs(tmp_path / "a" / "S0001" / "S0001_1.fcs")
    assert sample.markers[3:-1] == ("CD3", "CD56+kappa", "CD19")
    other = simulated(flowml, tmp_path / "b", "--panel", own_panel(tmp_path), "--instruments",
                      "lyric")  # fmt: skip
    assert {row["instrument"] for row in other} == {"lyric-1"}


def test_a_panel_may_be_a_link(flowml, tmp_path):
    (tmp_path / "link.toml").symlink_to(own_panel(tmp_path))
    assert len(simulated(flowml, tmp_path / "a", "--panel", tmp_path / "link.toml")) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tube": "../../evil"}, "'name' is '../../evil', expected up to 40 letters"),
        ({"tube": "/somewhere/evil"}, "'name' is '/somewhere/evil'"),
        ({"tube": "a\\u0000b"}, "'name' is 'a?b'"),
        ({"tube": "x" * 41}, "expected up to 40 letters"),
        ({"name": "=cmd()"}, "'name' is '=cmd()'"),
        ({"stains": 'FITC = "CD3"\nBB515 = "CD4"'}, "unknown entry 'BB515'"),
        ({"stains": 'FITC = "cd3"'}, "stains 'cd3', expected canonical markers"),
        ({"stains": 'FITC = "CD351"'}, "has the marker 'CD351', by which no population"),
        ({"stains": 'FITC = "CD3"\nPE = "CD3"'}, "CD3 is stained twice"),
        ({"stains": 'PacBlue = "CD3"\nV450 = "CD4"'}, "both measured at V450"),
        ({"stains": 'BV605 = "CD3"'}, "the cytometer 'canto' has no detector"),
        (
            {"stains": 'FITC = { marker = "CD3", brightness = nan }'},
            "is nan, expected a number",
        ),
        ({"stains": 'FITC = { marker = "CD3", brightness = 9 }'}, "is 9, expected a number"),
        ({"stains": ""}, "at least one dye = marker"),
        ({"stains": 'FITC = "FSC-A"'}, "has the marker 'FSC-A', by which no population"),
        ({"model": "facscan"}, "'cytometers' is 'facscan'; nearest"),
    ],
)
def test_a_hostile_panel(flowml, tmp_path, changes, message):
    said = refused(
        flowml, tmp_path / "a" / "b" / "c", "--panel", own_panel(tmp_path, **changes)
    )
    assert message in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_panels_that_are_none(flowml, tmp_path):
    out = tmp_path / "out"
    assert "unknown panel 'cll9f'; nearest: cll-9f" in refused(flowml, out, "--panel", "cll9f")
    assert "No such file" in refused(flowml, out, "--panel", tmp_path / "no.toml")
    assert "Is a directory" in refused(flowml, out, "--panel", tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert "not a TOML file" in refused(flowml, out, "--panel", tmp_path / "binary.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (5 << 20))
    assert "is larger than" in refused(flowml, out, "--panel", tmp_path / "large.toml")


# --- bad values --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--cases", "0", "0 is not in the range"),
        ("--cases", "-3", "-3 is not in the range"),
        ("--cases", "1e9", "not a valid integer range"),
        ("--events", "0", "'0' is not between 100 and 5000000"),
        ("--events", "-100", "is not between"),
        ("--events", "nan", "'nan' is not a number, nor two with '..' between them"),
        ("--events", "1e4", "is not a number"),
        ("--events", "500..200", "the smaller number first"),
        ("--events", "..", "is not a number"),
        ("--events", "100..200..300", "is not a number"),
        ("--events", "9" * 5000, "is not a number"),
        ("--events", "10000000", "is not between"),
        ("--share", "nan", "share is nan to nan, expected two numbers between 0 and 1"),
        ("--share", "0..0.1", "share is 0.0 to 0.1"),
        ("--share", "0.2..0.1", "the smaller first"),
        ("--share", "1", "between 0 and 1"),
        ("--share", "inf", "share is inf"),
        ("--share", "ten", "'ten' is not a number"),
        ("--instruments", "0", "instruments is 0, expected a whole number from 1 to 1000"),
        ("--instruments", "-1", "instruments is -1"),
        ("--instruments", "99999", "instruments is 99999"),
        ("--instruments", "9" * 5000, "unknown cytometer"),
        ("--instruments", "²", "unknown cytometer '²'"),
        ("--instruments", ",", "no instrument was given"),
        ("--instruments", "lyric,naios", "unknown cytometer 'naios'; nearest: navios"),
        ("--instruments", "navios", "'screening' cannot be measured on the cytometer 'navios'"),
        ("--entities", "CLL,gout", "does not know the entity 'gout'. Nearest:"),
        ("--entities", "", "no entity was given; choose from normal"),
        ("--entities", "CLL+", "does not know the entity ''"),
        ("--entities", "\x1b[31m", "does not know the entity '?[31m'"),
        ("--accidents", "1.5", "1.5 is not in the range"),
        ("--accidents", "nan", "share of accidents is nan"),
        ("--accidents", "often", "not a valid float range"),
        ("--seed", "-1", "-1 is not in the range"),
        ("--jobs", "0", "0 is not in the range"),
    ],
)
def test_values_that_cannot_be_used(flowml, tmp_path, option, value, message):
    assert message in refused(flowml, tmp_path / "out", option, value)


def test_accidents_that_are_none(flowml, tmp_path):
    ask = ("--accidents", "0.5", "--accident-kinds")
    out = tmp_path / "out"
    assert "nearest: lost tube" in refused(flowml, out, *ask, "lost tub")
    assert "none was named" in refused(flowml, out, *ask, ",")


def test_a_folder_that_holds_a_cohort_or_is_a_file(flowml, tmp_path):
    simulated(flowml, tmp_path / "a", cases=1)
    before = held(tmp_path / "a")
    again = flowml("simulate", tmp_path / "a", "--cases", 1)
    assert again.status == 3
    assert "Choose an empty folder" in again.err
    assert held(tmp_path / "a") == before
    (tmp_path / "file").write_text("x")
    assert flowml("simulate", tmp_path / "file").status == 2
