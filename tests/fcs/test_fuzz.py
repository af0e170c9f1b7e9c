"""A short run of the fuzzer, and proof that its judge would see a wrong reader.

The long run is ``python scripts/fuzz_fcs.py``.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import warnings
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from fuzz_bases import PLACES, bases, divide
from judge import Judge, take
from mutate import Mutant, make_mutant
from places import ROOT
from strict_fcs import differs_as_allowed, same_matrix_form, strict_sets

from flowml.errors import FcsError, FlowmlError
from flowml.events import ArraySource
from flowml.fcs import read_fcs

N_MUTANTS = 3000
SCRIPT = ROOT / "scripts" / "fuzz_fcs.py"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz_fcs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def records(fuzz):
    return fuzz.judge_all(N_MUTANTS, seed=1, jobs=1)


def base_named(name):
    return next(base for base in bases() if base.name == name)


def changed(base, old, new):
    """Return a mutant in which one text was replaced by another, of any length."""
    assert base.content.count(old) >= 1
    return Mutant(0, base, "TEXT", ("by hand",), base.content.replace(old, new, 1), moved=False)


def test_no_mutant_is_silently_wrong(fuzz, records):
    report = fuzz.summarise(records, seed=1)
    assert report["missed"] == [], report["silent_mutants"] + report["crashes"]
    assert report["table"]["TEXT"]["told"] > 100
    assert report["table"]["HEADER"]["refused"] > 100


def test_mutants_reach_every_base_and_place(records):
    assert {item["base"] for item in records} == {base.name for base in bases()}
    for place in PLACES:
        share = np.mean([item["row"].startswith(place) for item in records])
        assert 0.2 < share < 0.3


@pytest.mark.parametrize("base", bases(), ids=lambda base: base.name)
def test_every_base_is_read_and_right_by_the_letter(tmp_path, base):
    assert divide(base.content) == base.pieces
    reading = Judge(tmp_path).base(base)
    assert reading.values.shape[0] >= 24
    assert np.isfinite(reading.values).all()
    sets = strict_sets(base.content, empties=base.empties)
    assert all(keywords is not None for _, keywords in sets)
    words = sets[base.data_sets - 1][1]
    assert [words[f"$P{n}N"] for n in range(1, int(words["$PAR"]) + 1)] == list(
        reading.sample.channel_names
    )


def test_a_mutant_depends_on_its_number_and_seed_alone():
    several = [make_mutant(number, 0) for number in range(200)]
    assert make_mutant(150, 0) == several[150]
    assert make_mutant(150, 1) != several[150]
    assert len({mutant.content for mutant in several}) > 190
    assert all(mutant.content != mutant.base.content for mutant in several)


def judged(tmp_path, mutant, read):
    """Judge a mutant by a reader that is right about its base only."""
    content = mutant.base.content
    honest = Judge(tmp_path)
    reading = honest.base(mutant.base)

    def either(path):
        return reading.sample if path.read_bytes() == content else read(path)

    judge = Judge(tmp_path, either)
    judge._bases[mutant.base.name] = reading
    return judge.verdict(mutant)


def refuse(code):
    def read(path):
        raise FcsError(f"{path.name} is odd", code)

    return read


def fail(error):
    def read(_):
        raise error

    return read


def warn(path):
    warnings.warn("an odd value", RuntimeWarning, stacklevel=1)
    return read_fcs(path)


def hang(path):
    """Never end, and swallow whatever comes."""
    while path:
        with suppress(Exception):
            path.stat()


@pytest.mark.parametrize(
    ("read", "outcome", "code"),
    [
        (refuse("FCS-AGREE"), "refused", "FCS-AGREE"),
        (refuse("FCS-NOWHERE"), "crash", "FCS-NOWHERE"),
        (fail(FlowmlError("no code")), "crash", "no code"),
        (fail(IndexError("pop")), "crash", "IndexError"),
        (fail(MemoryError()), "crash", "MemoryError"),
        (warn, "crash", "RuntimeWarning"),
        (hang, "crash", "TooLongError"),
    ],
)
def test_the_judge_tells_a_refusal_from_a_crash(tmp_path, monkeypatch, read, outcome, code):
    monkeypatch.setattr("judge.LONGEST", 0.2)
    mutant = changed(base_named("spillover"), b"04-MAR", b"05-MAR")
    verdict = judged(tmp_path, mutant, read)
    assert (verdict.outcome, verdict.code) == (outcome, code)


def alter(**fields):
    """Return a reader that is wrong about something and says nothing."""

    def read(path):
        sample = read_fcs(path)
        made = {name: make(sample) for name, make in fields.items()}
        return replace(sample, noticed=(), **made)

    return read


@pytest.mark.parametrize(
    ("fields", "outcome", "about"),
    [
        ({"source": lambda s: ArraySource(s.linear * 2)}, "silent", "other"),
        ({"source": lambda s: ArraySource(s.linear[:-1])}, "silent", "other"),
        ({"source": lambda s: replace(s.source, layout=replace(s.source.layout, offset=60))},
         "silent", "offsets"),
        ({"source": lambda s: replace(s.source, layout=replace(s.source.layout, order=">"))},
         "silent", "byte order"),
        ({"spillover": lambda s: replace(s.spillover, channels=s.spillover.channels[::-1])},
         "silent", "spillover"),
        ({"spillover": lambda _: None}, "silent", "spillover"),
        ({"scale": lambda s: type(s.scale).COMPENSATED}, "silent", "other"),
        ({"channels": lambda s: (replace(s.channels[0], name="X"), *s.channels[1:])},
         "renamed", ""),
        ({}, "same", ""),
    ],
)  # fmt: skip
def test_the_judge_sees_a_reader_that_is_wrong(tmp_path, fields, outcome, about):
    mutant = changed(base_named("spillover"), b"04-MAR", b"05-MAR")
    verdict = judged(tmp_path, mutant, alter(**fields))
    assert (verdict.outcome, verdict.about) == (outcome, about)


def test_a_finding_that_is_new_tells_unless_it_is_about_something_else(tmp_path):
    base = base_named("float little-endian")
    mutant = changed(base, b"04-MAR", b"05-MAR")

    def read(code, path):
        sample = read_fcs(path)
        item = replace(sample.findings[0], code=code)
        return replace(sample, source=ArraySource(sample.linear[:-1]), noticed=(item,))

    outcomes = {
        code: judged(tmp_path, mutant, lambda path, code=code: read(code, path)).outcome
        for code in ("FCS-OFFSET-01", "FCS-MARKER-01", "SPILL-NONE")
    }
    assert outcomes == {
        "FCS-OFFSET-01": "told", "FCS-MARKER-01": "silent", "SPILL-NONE": "silent"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "allowed"),
    [
        ("masked, logarithmic", b"$P2E/4,1/", b"$P2E/3,1/", True),
        ("masked, logarithmic", b"$P2E/4,1/", b"$P2E/4,0/", False),
        ("masked, logarithmic", b"$P2E/4,1/", b"$P2E/4;1/", False),
        ("masked, logarithmic", b"$P2R/1024/", b"$P2R/2048/", True),
        ("masked, logarithmic", b"$P2R/1024/", b"$P2R/10e4/", False),
        ("masked, logarithmic", b"$P1G/8/", b"$P1G/5/", True),
        ("masked, logarithmic", b"$P1G/8/", b"#P1G/8/", True),
        ("masked, logarithmic", b"$P1G/8/", b"$P1X/8/", False),
        ("masked, logarithmic", b"$P1G/8/", b"$P1G/0/", False),
        ("mixed widths", b"$P1R/256/", b"$P1R/257/", False),
        ("mixed widths", b"$P1B/8/", b"$P1B/9/", False),
        ("float little-endian", b"1,2,3,4", b"4,3,2,1", True),
        ("float little-endian", b"1,2,3,4", b"1,2,4,3", False),
        ("float little-endian", b"$P1E/0,0/", b"$P1E/4,1/", False),
        ("float little-endian", b"$TOT/24/", b"$TOT/23/", False),
        ("float little-endian", b"$P2G/2.5", b"$P2G/3.5", True),
        ("float little-endian", b"     438", b"     439", False),
        ("float little-endian", b"Cube 6", b"Cube 7", False),
        ("empty values", b"1,2,3,4", b"4,3,2,1", True),
        ("empty values", b"Lab 7", b"Lab 8", False),
    ],
)
def test_only_four_keywords_may_differ(name, old, new, allowed):
    base = base_named(name)
    content = changed(base, old, new).content
    offset = len(content) // 2
    assert differs_as_allowed(base.content, content, offset, empties=base.empties) is allowed


@pytest.mark.parametrize(
    ("value", "same"),
    [
        ("2,A,B,1,0.2,0.3,1", True),
        ("2,A,B,1,-0.2,9,1", True),
        ("2,A,B,1,0.2,11,1", False),
        ("2,A,B,1,0.2,0.3,2", False),
        ("2,A,B,1,0.2,,1", False),
        ("2,B,A,1,0.2,0.3,1", False),
        ("2,A,B,1,0.2,0.3", False),
    ],
)
def test_a_matrix_keeps_its_form(value, same):
    assert same_matrix_form("2,A,B,1,0.1,0.1,1", value) is same


def test_wilson_interval_is_the_published_one(fuzz):
    # Newcombe, Stat Med 17 (1998) 857, table I, method 3: 81 of 263, 15 of 148, 0 of 20
    for hits, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                               (0, 20, 0.0, 0.1611)):  # fmt: skip
        assert fuzz.wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def without_times(path):
    report = json.loads(path.read_text())
    del report["worst"]
    for item in report["silent_mutants"] + report["crashes"]:
        del item["seconds"]
    return report


def test_the_report_does_not_depend_on_the_number_of_jobs(tmp_path):
    for jobs in (1, 2):
        done = run("--n", 250, "--jobs", jobs, "--out", tmp_path / f"{jobs}.json")
        assert done.returncode in {0, 1}, done.stderr
        assert "HEADER and TEXT mutants" in done.stdout
    assert without_times(tmp_path / "1.json") == without_times(tmp_path / "2.json")


def test_one_mutant_is_written_with_its_story(tmp_path):
    target = tmp_path / "m.fcs"
    done = run("--only", 7, "--to", target)
    mutant = make_mutant(7, 0)
    assert target.read_bytes() == mutant.content
    assert mutant.base.name in done.stdout
    assert all(step in done.stdout for step in mutant.steps)
    with pytest.raises(FcsError):
        take(tmp_path / "none.fcs")


@pytest.mark.parametrize(
    ("old", "new", "conforming"),
    [
        (b"1,0.12,", b"1,0.21,", True),
        (b"1,0.12,", b"1;0.12,", False),
        (b"1,0.12,", b"1,21.0,", False),
        (b"B515-A,B610-A,R660-A", b"B515-A,R660-A,B610-A", False),
    ],
)
def test_only_other_shares_are_as_good_as_the_right_ones(tmp_path, old, new, conforming):
    mutant = changed(base_named("spillover"), old, new)
    outcome = Judge(tmp_path).verdict(mutant).outcome
    assert (outcome == "conforming") is conforming
    assert outcome != "same"
