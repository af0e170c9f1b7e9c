"""Links, pipes, shadows, folders that cannot be read: nothing is skipped in silence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from places import ROOT
from seen import codes, shape

from flowml.cases import SKIPS, counted, find_cases, find_files, search_cases, search_files
from flowml.cases.codes import skip
from flowml.errors import CaseError


def names(search):
    return [file.name for file in search.files]


@pytest.fixture
def linked(folder, tmp_path):
    """Return a folder with links of every kind."""
    outside = tmp_path / "outside"
    (outside / "in").mkdir(parents=True)
    (outside / "secret.fcs").touch()
    (outside / "in" / "deep.fcs").touch()
    os.mkfifo(outside / "pipe.fcs")
    root = folder("p1.fcs", "sub/p2.fcs")
    (root / "a.fcs").symlink_to(outside / "secret.fcs")
    (root / "again.fcs").symlink_to("p1.fcs")
    (root / "away").symlink_to(outside)
    (root / "gone.fcs").symlink_to("nowhere")
    (root / "sub" / "up").symlink_to("..")
    (root / "sub" / "above").symlink_to(tmp_path)
    (root / "self.fcs").symlink_to("self.fcs")
    (root / "side").symlink_to("sub")
    (root / "notes").symlink_to(outside / "notes.txt")
    return root


def test_symbolic_links_are_not_followed(linked):
    search = search_files(linked)
    assert names(search) == ["p1.fcs", "sub/p2.fcs"]
    assert codes(search.findings) == {
        "FIND-LINK": ["a.fcs", "again.fcs", "away", "gone.fcs", "self.fcs", "side",
                      "sub/above", "sub/up"],
        "FIND-ENDING": ["notes"],
    }  # fmt: skip
    assert find_files(linked) == [linked / "p1.fcs", linked / "sub" / "p2.fcs"]


def test_links_are_followed_if_asked_and_nothing_is_found_twice(linked):
    search = search_files(linked, follow_links=True)
    assert names(search) == ["a.fcs", "p1.fcs", "away/in/deep.fcs", "sub/p2.fcs"]
    assert codes(search.findings) == {
        "FIND-TWICE": ["again.fcs", "away/secret.fcs", "side"],
        "FIND-BROKEN": ["gone.fcs", "self.fcs"],
        "FIND-LOOP": ["sub/above", "sub/up"],
        "FIND-SPECIAL": ["away/pipe.fcs"],
        "FIND-ENDING": ["notes"],
    }  # fmt: skip
    assert shape(find_cases(linked, follow_links=True))["away"] == ["away/in/deep.fcs"]


def test_links_between_two_folders_end(folder):
    root = folder("a/1.fcs", "b/2.fcs")
    (root / "a" / "b").symlink_to("../b")
    (root / "b" / "a").symlink_to("../a")
    search = search_files(root, follow_links=True)
    assert names(search) == ["a/1.fcs", "b/2.fcs"]
    assert codes(search.findings) == {"FIND-TWICE": ["a/b", "b/a"]}


def test_links_that_lead_out_and_back_end(folder, tmp_path):
    root = folder("1.fcs")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "2.fcs").touch()
    (root / "out").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "back").symlink_to(root)
    (tmp_path / "other" / "top").symlink_to(tmp_path)
    search = search_files(root, follow_links=True)
    assert names(search) == ["1.fcs", "out/2.fcs"]
    assert codes(search.findings) == {"FIND-LOOP": ["out/back", "out/top"]}


def test_a_folder_that_is_a_link_itself_is_read(linked, tmp_path):
    (tmp_path / "door").symlink_to(linked)
    assert names(search_files(tmp_path / "door")) == ["p1.fcs", "sub/p2.fcs"]
    followed = search_files(tmp_path / "door", follow_links=True)
    assert names(followed) == names(search_files(linked, follow_links=True))


def test_special_files_shadows_and_other_files_are_told(folder, monkeypatch):
    root = folder("p1.fcs", "._p1.fcs", ".cache/p1.fcs", "cases.csv", ".DS_Store", "p1.fcs.gz")
    os.mkfifo(root / "pipe.FCS")
    monkeypatch.chdir(root)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.lmd")
        search = search_cases(root)
    assert shape(search.cases) == {"p1": ["p1.fcs"]}
    assert codes(search.findings) == {
        "FIND-ENDING": [".DS_Store", "cases.csv", "p1.fcs.gz"],
        "FIND-HIDDEN": ["._p1.fcs", ".cache"],
        "FIND-SPECIAL": ["pipe.FCS", "socket.lmd"],
    }


def test_a_folder_that_cannot_be_read_does_not_stop_the_others(folder, monkeypatch):
    root = folder("a/1.fcs", "b/2.fcs", "c/3.fcs")
    true_scandir = os.scandir

    def scandir(path):
        if os.path.basename(path) == "b":  # noqa: PTH119 - a string or a path
            raise PermissionError(13, "Permission denied", str(path))
        return true_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    search = search_cases(root)
    assert shape(search.cases) == {"a": ["a/1.fcs"], "c": ["c/3.fcs"]}
    assert codes(search.findings) == {"FIND-UNREADABLE": ["b: Permission denied"]}
    assert search.is_incomplete
    with pytest.raises(CaseError, match=r"could not read .*b: Permission denied"):
        search_cases(root / "b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_without_permission_is_told(folder):
    root = folder("a/1.fcs", "b/2.fcs")
    (root / "b").chmod(0)
    try:
        assert codes(search_cases(root).findings) == {
            "FIND-UNREADABLE": ["b: Permission denied"]
        }
    finally:
        (root / "b").chmod(0o700)


def test_a_place_behind_a_closed_folder_is_an_error(folder, monkeypatch):
    root = folder("a.fcs")

    def stat(self, **_):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", stat)
    for search in (search_cases, search_files):
        with pytest.raises(CaseError, match=r"run: Permission denied\. Ask for access"):
            search(root)


def test_folders_may_lie_deeper_than_the_stack_of_python(tmp_path):
    place = tmp_path
    for _ in range(600):  # a recursion would need two or three frames for each
        place /= "d"
    os.makedirs(place)  # noqa: PTH103
    (place / "x.fcs").touch()
    assert names(search_files(tmp_path)) == ["d/" * 600 + "x.fcs"]


def test_nothing_but_what_was_passed_over_is_refused_with_the_reasons(folder):
    root = folder("._a.fcs", "._b.fcs")
    with pytest.raises(CaseError, match=r"no FCS files.*FIND-HIDDEN, 2 times: hidden.*_a\.fcs"):
        find_cases(root)


def test_many_findings_are_a_line_each():
    findings = [skip("FIND-LINK", f"{n}.fcs") for n in range(5)]
    findings += [skip("FIND-ENDING", "a.csv"), skip("FIND-UNREADABLE", "a\x1b[31m")]
    unreadable = "FIND-UNREADABLE: a folder that cannot be read: cases may be missing"
    links = "FIND-LINK, 5 times: a symbolic link, not followed"
    assert counted(findings) == [
        f"{unreadable} (a?[31m)",
        f"{links} (0.fcs, 1.fcs, 2.fcs, and 2 more)",
    ]
    assert counted(findings, named=False) == [unreadable, links]
    assert counted(findings, verbose=True)[-1].startswith("FIND-ENDING: no measurement")


@pytest.mark.parametrize("code", SKIPS)
def test_every_code_is_given_somewhere(code):
    source = [p for p in (ROOT / "flowml" / "cases").glob("*.py") if p.name != "codes.py"]
    assert any(f'"{code}"' in path.read_text(encoding="utf-8") for path in source)
