"""Whole commands over folders as laboratories have them: patterns, links, addresses, gaps."""

from __future__ import annotations

import csv
import io
import os

import fsspec
import pytest
from commands import run_here
from small import cohort, on_disk, saved_model

import flowml as package

PATTERN = r"(?P<case>[^_/]+)_(?P<tube>[^/]+)\.(fcs|lmd)"
READING_VERBS = ("features", "train", "classify", "evaluate")


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("finding-model") / "m.flowml")


@pytest.fixture
def place(tmp_path):
    """Return a folder with two cases of one tube, a stranger, a link and a pipe."""
    folder = on_disk(tmp_path / "run", 2)
    ids = [case.case_id for case in cohort()[:2]]
    for case_id in ids:
        (folder / f"{case_id}.fcs").rename(folder / f"{case_id}_B.fcs")
    (folder / "stranger.fcs").write_bytes(b"")
    (folder / "link_B.fcs").symlink_to(f"{ids[0]}_B.fcs")
    os.mkfifo(folder / "pipe_B.fcs")
    return folder


def command(verb, place, tmp_path, model):
    """Return the arguments of a verb that reads cases."""
    labels = ("--labels", place / "cases.csv")
    return {
        "features": ("features", place),
        "train": ("train", place, *labels, "--out", tmp_path / "new.flowml"),
        "classify": ("classify", place, "--model", model),
        "evaluate": ("evaluate", place, *labels, "--model", model),
    }[verb]


@pytest.mark.parametrize("verb", READING_VERBS)
def test_a_pattern_finds_cases_and_all_else_is_told(flowml, place, tmp_path, model, verb):
    call = command(verb, place, tmp_path, model)
    found = flowml(*call, "--pattern", PATTERN)
    assert found.status == 0, found.err
    assert (
        "FIND-PATTERN: the pattern does not match, or finds no case in the name " in found.err
    )
    for told in ("(stranger.fcs)", "FIND-LINK", "(link_B.fcs)", "FIND-SPECIAL", "(pipe_B.fcs)"):
        assert told in found.err
    assert "FIND-ENDING" not in found.err
    assert "FIND-ENDING" in flowml(*call, "--pattern", PATTERN, "-v").err
    assert "FIND-" not in flowml(*call, "--pattern", PATTERN, "-q").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pattern", "(?P<case>["), "is not a regular expression"),
        (("--pattern", "(.+)"), "has no group 'case'"),
        (
            ("--pattern", "(?P<case>x)"),
            "finds no case in any of 3 names, such as 'S0001_B.fcs'",
        ),
        (("--pattern", PATTERN, "--case-per", "file"), "by file and by a pattern. Choose one"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_wrong_usage(flowml, place, options, said):
    found = flowml("features", place, *options)
    assert found.status == 2
    assert said in found.err
    assert found.out == ""


def test_links_are_followed_if_asked(flowml, tmp_path):
    folder, away = tmp_path / "run", on_disk(tmp_path / "away", 2)
    folder.mkdir()
    (folder / "away").symlink_to(away)
    (away / "back").symlink_to(folder)
    for verb in ("features", "inspect", "check"):
        refused = flowml(verb, folder)
        assert refused.status == 2
        assert "FIND-LINK: a symbolic link, not followed (away)" in refused.err
        found = flowml(verb, folder, "--follow-links")
        assert found.status == 0
        assert "FIND-LOOP" in found.err


def test_an_address_is_read_by_every_verb(flowml, tmp_path, model):
    folder = on_disk(tmp_path / "run", 2)
    system = fsspec.filesystem("memory")
    system.put(f"{folder}/", "/lab/", recursive=True)
    try:
        for verb, *rest in (("features",), ("classify", "--model", model, "--format", "csv")):
            near, far = flowml(verb, folder, *rest), flowml(verb, "memory://lab", *rest)
            assert (far.status, far.out) == (0, near.out)
        for verb in ("inspect", "check"):
            near, far = flowml(verb, folder), flowml(verb, "memory://lab")
            assert (far.status, far.out) == (0, near.out)
        refused = flowml("inspect", "memory://lab", "--cross-check")
        assert refused.status == 2
        assert "files of this machine, not of an address" in refused.err
    finally:
        system.store.clear()
        system.pseudo_dirs[:] = [""]
    gone = flowml("features", "memory://lab")
    assert gone.status == 2
    assert "could not list memory://lab" in gone.err


def test_check_finds_copies_at_an_address(flowml, tmp_path):
    folder = on_disk(tmp_path / "run", 1)
    (folder / "copy.fcs").write_bytes(next(folder.glob("S*.fcs")).read_bytes())
    system = fsspec.filesystem("memory")
    system.put(f"{folder}/", "/lab/", recursive=True)
    try:
        found = flowml("check", "memory://lab")
    finally:
        system.store.clear()
        system.pseudo_dirs[:] = [""]
    assert found.status == 1
    assert "FILE-COPY" in found.out


@pytest.mark.parametrize("verb", [*READING_VERBS, "inspect", "check", "deidentify"])
def test_a_folder_that_cannot_be_read_is_told_by_the_status(
    flowml, tmp_path, model, monkeypatch, verb
):
    folder = on_disk(tmp_path / "run", 2)
    (folder / "closed").mkdir()
    true_scandir = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return true_scandir(path)

    call = {
        "inspect": ("inspect", folder),
        "check": ("check", folder),
        "deidentify": ("deidentify", folder, tmp_path / "copies"),
    }.get(verb) or command(verb, folder, tmp_path, model)
    assert flowml(*call).status == 0
    monkeypatch.setattr(os, "scandir", scandir)
    again = ("--overwrite",) if verb == "deidentify" else ()
    found = flowml(*call, *again)
    assert found.status == 1
    assert "FIND-UNREADABLE: a folder that cannot be read: cases may be missing" in found.err


def test_numbered_copies_tell_no_name_of_what_was_passed_over(flowml, tmp_path):
    folder = on_disk(tmp_path / "run", 1)
    (folder / "Meier.fcs").symlink_to("nowhere")
    call = ("deidentify", folder, tmp_path / "copies", "--rename", "number", "--map")
    found = flowml(*call, tmp_path / "map.csv")
    assert found.status == 0
    assert "FIND-LINK: a symbolic link, not followed\n" in found.err
    assert "Meier" not in found.err + found.out
    assert (folder / "Meier.fcs").is_symlink()


def test_inspect_says_the_same_with_workers(flowml, tmp_path):
    folder = on_disk(tmp_path / "run", 3)
    (folder / "cut.fcs").write_bytes(b"FCS3.1")
    one, two = (flowml("inspect", folder, "--format", "csv", "--jobs", n) for n in (1, 2))
    assert one.out == two.out
    assert one.status == two.status == 1
    assert {row["file"] for row in csv.DictReader(io.StringIO(one.out))} == {
        path.name for path in folder.glob("*.fcs")
    }


def test_what_the_simulator_writes_is_found_three_ways(tmp_path):
    cases = package.simulate(entities="CLL", cases=2, events=200, seed=3, panel="cll-9f")
    package.write_cohort(cases, tmp_path / "cohort")
    by_folder = package.find_cases(tmp_path / "cohort")
    by_table = package.find_cases(tmp_path / "cohort" / "manifest.csv")
    by_name = package.find_cases(tmp_path / "cohort", pattern=rf"[^/]+/{PATTERN}")

    def files(found):
        return {case.case_id: [tube.name for tube in case.tubes] for case in found}

    def labels(found):
        return [tube.label for case in found for tube in case.tubes]

    assert files(by_folder) == files(by_table) == files(by_name)
    assert len(labels(by_table)) == len(labels(by_name)) >= 2
    assert all(labels(by_name))
    assert set(by_table[0].details) == {"patient_id", "specimen", "instrument", "date"}
