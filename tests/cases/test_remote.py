"""Folders at an address: listed and fetched through fsspec, left as they were."""

from __future__ import annotations

import builtins
import subprocess
import sys
import tempfile
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from seen import codes, shape
from small import cohort, model

import flowml
from flowml.cases import (
    at_hand,
    fetched,
    find_cases,
    find_files,
    is_address,
    search_cases,
    search_files,
)
from flowml.cases.remote import shown
from flowml.errors import CaseError, FcsError, StateError
from flowml.features.opened import open_tube
from flowml.pipeline import Reading, classify
from flowml.records import RemoteFile, Tube


@pytest.fixture
def memory():
    """Return a function that puts files at memory://run; they go afterwards."""
    system = fsspec.filesystem("memory")

    def put(*names, content=b"x"):
        for name in names:
            system.pipe_file(f"/run/{name}", content)
        return "memory://run"

    yield put
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Have copies made in a folder of this test."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def cases_at(memory, tmp_path, count=2):
    """Put cases of the small cohort in memory and in a folder."""
    for case in cohort()[:count]:
        (tmp_path / "here").mkdir(exist_ok=True)
        file = tmp_path / "here" / f"{case.case_id}.fcs"
        sample = case.tubes[0].origin
        flowml.write_fcs(file, sample, sample.keywords)
        memory(file.name, content=file.read_bytes())
    return "memory://run", tmp_path / "here"


def test_a_remote_folder_is_found_like_one_of_this_machine(memory):
    place = memory("p1.fcs", "p2.LMD", "c1/t2.fcs", "c1/t1.fcs", "c2/day/t1.fcs", "c1/x.csv")
    memory("._p1.fcs", ".old/p1.fcs")
    search = search_cases(place)
    assert shape(search.cases) == {
        "c1": ["c1/t1.fcs", "c1/t2.fcs"], "c2": ["c2/day/t1.fcs"], "p1": ["p1.fcs"],
        "p2": ["p2.LMD"],
    }  # fmt: skip
    assert codes(search.findings) == {
        "FIND-HIDDEN": ["._p1.fcs", ".old"],
        "FIND-ENDING": ["c1/x.csv"],
    }
    by_folder = shape(find_cases(f"{place}/", case_per="folder"))
    assert sorted(by_folder) == ["c1", "c2/day", "run"]
    by_pattern = shape(find_cases(place, pattern=r"(?P<case>p.)\.(fcs|lmd)"))
    assert by_pattern == {"p1": ["p1.fcs"], "p2": ["p2.LMD"]}


def test_one_file_at_an_address_is_a_case(memory):
    memory("c1/t1.fcs", "manifest.csv")
    assert shape(find_cases("memory://run/c1/t1.fcs")) == {"t1": ["t1.fcs"]}
    with pytest.raises(
        CaseError, match=r"no measurement\. A manifest must lie on this machine"
    ):
        find_cases("memory://run/manifest.csv")


def test_what_is_listed_again_is_listed_anew(memory):
    assert len(find_cases(memory("a.fcs"))) == 1
    assert len(find_cases(memory("b.fcs"))) == 2


def test_the_answers_are_those_of_the_same_files_here(memory, tmp_path, temporary):
    place, here = cases_at(memory, tmp_path)
    far = classify(find_cases(place), model(), reading=Reading())
    near = classify(find_cases(here), model(), reading=Reading())
    assert [p.as_row(far.entities) for p in far.predictions] == [
        p.as_row(near.entities) for p in near.predictions
    ]
    assert list(temporary.iterdir()) == [], "copies go when they were read"


def test_features_of_a_real_file_system_are_computed_by_workers(memory, tmp_path):
    _, here = cases_at(memory, tmp_path)
    far = flowml.extract(f"file://{here}", jobs=2)
    assert far.equals(flowml.extract(here))
    assert far.notna().any(axis=None)


def test_a_file_that_is_gone_does_not_stop_the_others(memory, tmp_path, temporary):
    place, _ = cases_at(memory, tmp_path)
    cases = find_cases(place)
    fsspec.filesystem("memory").rm(f"/run/{cases[0].case_id}.fcs")
    table = flowml.extract(cases)
    assert list(table.notna().any(axis=1)) == [False, True]
    assert list(temporary.iterdir()) == []


def test_a_copy_is_private_named_like_the_file_and_goes(memory, temporary):
    memory("x/t 1.fcs", content=b"abc")
    (tube,) = (case.tubes[0] for case in find_cases("memory://run"))
    with at_hand(tube) as near:
        assert near.name == tube.name
        assert near.origin.read_bytes() == b"abc"
        assert near.origin.name == "t 1.fcs"
        assert near.origin.is_relative_to(temporary)
        assert near.origin.parent.stat().st_mode & 0o077 == 0
    assert list(temporary.iterdir()) == []
    with pytest.raises(KeyError), fetched(tube.origin):
        raise KeyError
    assert list(temporary.iterdir()) == []


def test_a_file_of_this_machine_is_not_copied(tmp_path):
    tube = Tube("a", tmp_path / "a.fcs")
    with at_hand(tube) as near, fetched(tube.origin) as path:
        assert near is tube
        assert path is tube.origin


def test_a_remote_tube_must_be_fetched_first():
    with pytest.raises(StateError, match=r"a lies elsewhere\. Fetch it first"):
        open_tube(Tube("a", RemoteFile("memory://run", "/run/a.fcs")))


def test_links_of_a_file_system_are_told(tmp_path):
    (tmp_path / "a.fcs").touch()
    (tmp_path / "b.fcs").symlink_to("a.fcs")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "loop.fcs").symlink_to(tmp_path)
    search = search_files(f"file://{tmp_path}")
    assert [file.name for file in search.files] == ["a.fcs"]
    assert codes(search.findings)["FIND-LINK"] == ["b.fcs", "loop.fcs"]


class Odd(MemoryFileSystem):
    """A file system with what a server may send."""

    protocol = "odd"

    def ls(self, path, detail=True, **kwargs):  # noqa: ARG002 - the contract of fsspec
        """List odd things."""
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        if "/more" in path or path.endswith("endless"):
            return [{"name": f"{path}/more", "type": "directory"}]
        return [
            {"name": f"{path}/", "type": "directory"},  # the folder itself
            {"name": "/elsewhere/x.fcs", "type": "file"},
            {"name": f"{path}/a.fcs", "type": "file"},
            {"name": f"{path}/pipe.fcs", "type": "other"},
            {"name": f"{path}/closed", "type": "directory"},
            {"name": f"{path}/endless", "type": "directory"},
        ]


def test_odd_listings_do_no_harm():
    fsspec.register_implementation("odd", Odd, clobber=True)
    search = search_files("odd://run")
    assert [file.name for file in search.files] == ["a.fcs"]
    found = codes(search.findings)
    assert found["FIND-SPECIAL"] == ["pipe.fcs"]
    assert found["FIND-UNREADABLE"][0] == "closed: Permission denied"
    assert found["FIND-UNREADABLE"][1].startswith("endless/more/more")
    assert search.is_incomplete


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense://x", r"cannot use the address nonsense://x: Protocol not known: nonsense"),
        ("memory://absent", r"could not list memory://absent: .*absent\. Check the address"),
        ("file:///absent/x", r"could not list file:///absent/x: No such file or directory\."),
    ],
)
def test_an_address_that_cannot_be_used_says_why(address, message):
    with pytest.raises(CaseError, match=message):
        find_cases(address)


def test_an_empty_address_says_what_was_looked_for(memory):
    with pytest.raises(CaseError, match=r"no FCS files in memory://run: looked for names"):
        find_cases(memory("notes.txt"))


def test_without_fsspec_an_address_says_what_to_install(monkeypatch):
    true_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("fsspec"):
            raise ImportError(name)
        return true_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CaseError, match=r"s3://b/x is an address.*flowml-cytometry\[remote\]"):
        find_cases("s3://b/x")


def test_no_password_is_shown(monkeypatch):
    address = "odd://me:secret@lab.example/run?key=secret"
    assert shown(address) == "odd://lab.example/run"
    assert "secret" not in repr(RemoteFile(address, "/run/a.fcs"))

    def refuse(*_args, **_kwargs):
        raise RuntimeError(f"401 for {address}")

    monkeypatch.setattr(Odd, "isfile", refuse)
    monkeypatch.setattr(Odd, "get_file", refuse)
    fsspec.register_implementation("odd", Odd, clobber=True)
    with pytest.raises(CaseError) as unlisted:
        find_cases(address)
    with pytest.raises(FcsError) as unfetched, fetched(RemoteFile(address, "/run/a.fcs")):
        pass
    for refused in (unlisted, unfetched):
        assert "secret" not in str(refused.value)
        assert "RuntimeError" in str(refused.value)
    assert unfetched.value.code == "FCS-FILE"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://bucket/run", True), ("memory://x", True), ("zip://*.fcs::s3://b/x.zip", True),
        ("simplecache::s3://b/x", True), ("runs/2024", False), ("C:/runs", False),
        ("a::b", False), ("", False), ("./s3://x", False), (Path("s3://bucket/run"), False),
    ],
)  # fmt: skip
def test_only_text_with_a_scheme_is_an_address(place, expected):
    assert is_address(place) is expected


def test_a_path_that_was_an_address_is_told():
    with pytest.raises(CaseError, match=r"is not there.* An address is given as a str"):
        find_cases(Path("s3://bucket/run"))
    with pytest.raises(CaseError, match=r"is an address\. Give a folder of this machine"):
        find_files("s3://bucket/run")


def test_fsspec_is_not_imported_without_an_address(tmp_path):
    (tmp_path / "a.fcs").touch()
    code = (
        "import sys; from flowml.cases import find_cases; find_cases(sys.argv[1]); "
        "print('fsspec' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
