"""Every hazard of the corpus: exactly what was declared, in little time and little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

import pytest
from hazards import CORPUS, Exact, Refused
from hazards.compare import differences
from hazards.run import BLOCKS
from places import ROOT

from flowml.fcs.codes import FINDINGS, REFUSALS

HERE = Path(__file__).resolve().parent
MANY_CELLS = 10_000  # beyond, blocks of one or two events would take long
TIME_FOR_ALL = 300  # seconds


def blocks_for(expected: Exact | Refused) -> tuple[int, ...]:
    """Return sizes of blocks: all of them, unless there are many events."""
    few = isinstance(expected, Refused) or len(expected.stored) < MANY_CELLS
    return BLOCKS if few else (3000, BLOCKS[-1])


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, dict]:
    """Lay the corpus out, and read it in one process of little memory."""
    folder = tmp_path_factory.mktemp("hazards")
    entries = [
        {
            "name": item.name,
            "path": item.lay_out(folder / str(number)),
            "dataset": item.dataset,
            "strict": item.strict,
            "nobody": item.nobody,
            "blocks": blocks_for(item.expected),
            "keywords": sorted(getattr(item.expected, "keywords", ())),
        }
        for number, item in enumerate(CORPUS)
    ]
    manifest, out = folder / "manifest.json", folder / "outcomes.jsonl"
    manifest.write_text(json.dumps(entries), encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-m", "hazards.run", str(manifest), str(out)],
        env={**os.environ, "PYTHONPATH": str(HERE), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIME_FOR_ALL,
        check=False,
    )
    read = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert process.returncode == 0, (process.stderr[-2000:], read[-1].get("entry"))
    return {item.pop("entry", "limit"): item for item in read}


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.name)
def test_hazard(entry, outcomes):
    found = outcomes[entry.name]
    assert not differences(entry.expected, found), entry.clause


def test_the_limit_of_memory_bites(outcomes):
    assert outcomes["limit"]["bites"]


def test_nothing_hangs_and_only_documented_errors_escape(outcomes):
    assert [name for name, found in outcomes.items() if "failed" in found] == []
    assert {found["refused"] for found in outcomes.values() if "refused" in found} <= set(
        REFUSALS
    )
    codes = {code for found in outcomes.values() for code, _ in found.get("findings", ())}
    assert codes <= set(FINDINGS)


def test_no_refusal_shows_what_could_harm_a_terminal(outcomes):
    for name, found in outcomes.items():
        message = found.get("message", "")
        assert message.isprintable(), name
        assert len(message) < 1000, name


def test_a_sample_is_named_by_its_file_never_by_fil(outcomes):
    named = {found["name"] for found in outcomes.values() if "name" in found}
    assert named >= {"a.fcs", "link.fcs"}
    assert not any("Doe" in name for name in named)


def test_entries_have_names_of_their_own_and_codes_that_exist():
    assert [
        name for name, count in Counter(item.name for item in CORPUS).items() if count > 1
    ] == []
    for item in CORPUS:
        table = FINDINGS if isinstance(item.expected, Exact) else REFUSALS
        for code in item.expected.codes:
            assert any(fnmatchcase(known, code) for known in table), (item.name, code)


@pytest.mark.parametrize(
    "clause",
    [
        "versions and types", "TEXT", "keywords", "offsets", "several data sets", "values",
        "units", "duplicate or blank", "spillover", "safety", "the contract", "the rule",
    ],
)  # fmt: skip
def test_every_section_has_entries(clause):
    assert any(item.clause.startswith(clause) for item in CORPUS)


def test_the_corpus_is_as_large_as_promised():
    assert len(CORPUS) > 250


def failures(text: str) -> tuple[str, dict[str, str]]:
    """Return the reader, and what it fails at: name to column."""
    reader, *lines = text.splitlines()
    pairs = (line.split("\t") for line in lines)
    return reader, {name: column for column, name in pairs}


def test_flowio_agrees_but_for_what_it_is_known_to_fail_at(tmp_path):
    known = HERE / "hazards" / "flowio.txt"
    reader, expected = failures(known.read_text(encoding="utf-8"))
    if reader != f"flowio {version('flowio')}":
        pytest.skip(f"measured with {reader}")
    script, out = ROOT / "scripts" / "peers_on_hazards.py", tmp_path / "found.txt"
    subprocess.run(
        [sys.executable, str(script), "flowio", "--known", str(out)],
        check=True,
        capture_output=True,
        timeout=TIME_FOR_ALL,
    )
    found = failures(out.read_text(encoding="utf-8"))[1]
    assert found == expected, f"if the corpus changed: {script.name} flowio --known {known}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stored": [[1.5, 2.5]]}, "stored"),
        ({"linear": [[1.5, 2.5], [3.5, 4.5], [5.5, -6.4]]}, "linear"),
        ({"findings": [["FCS-TEXT-03", "warn"]]}, "FCS-TEXT-03"),
        ({"names": ["FL2", "FL1"]}, "names"),
        ({"blocks": [2]}, "blocks"),
        ({"refused": "FCS-KEY", "message": "x"}, "refused"),
        ({"failed": "MemoryError"}, "MemoryError"),
    ],
)
def test_a_wrong_outcome_is_noticed(outcomes, change, reason):
    entry = next(item for item in CORPUS if item.name == "version-FCS3.1")
    assert reason in str(differences(entry.expected, {**outcomes[entry.name], **change}))


@pytest.mark.parametrize("name", ["cut-by-1", "mode-C"])
def test_a_file_that_is_read_though_it_should_be_refused_is_noticed(outcomes, name):
    entry = next(item for item in CORPUS if item.name == name)
    assert differences(entry.expected, outcomes["version-FCS3.1"])
    assert differences(entry.expected, {"refused": "FCS-FILE", "message": "x"})
