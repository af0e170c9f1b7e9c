"""A cohort on disk: a folder a case, tables beside them, and files that give nothing away."""

import csv
import errno
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

import flowml
from flowml.cases import find_cases
from flowml.errors import FcsError, OutputError, StateError
from flowml.fcs import read_fcs
from flowml.models.classifier import LineageClassifier
from flowml.records import Case, Tube
from flowml.simulator import simulate, truth_of, write_cohort
from flowml.simulator.truth import COLUMNS, truth_bytes
from flowml.simulator.write import CASE_COLUMNS, TUBE_COLUMNS

ISSUE = ("case_id", "patient_id", "entity", "specimen", "instrument", "date")
MATRIX = ("$SPILLOVER", "SPILL", "$DFC")
OF_A_RUN = {"$DATE", "$BTIM", "$ETIM", "$CYT", "$CYTSN", "$TOT"}
OF_LAYOUT = {"$BEGINDATA", "$ENDDATA", "$NEXTDATA"}


def cohort(panel="cll-9f", cases=6, **how):
    given = {"entities": "CLL,MCL,normal", "events": (100, 200), "instruments": 2, "seed": 7}
    return simulate(panel, cases=cases, **(given | how))


def rows(path):
    with Path(path).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def heading(path):
    return tuple(Path(path).read_text(encoding="utf-8").splitlines()[0].split(","))


def held(folder):
    """Return the bytes of every file below a folder."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort") / "new" / "place"
    cases = cohort()
    return folder, cases, write_cohort(cases, folder, truth=True)


# --- folders and tables ------------------------------------------------------------------


def test_a_case_is_a_folder_and_a_tube_a_file(written):
    folder, cases, files = written
    expected = [
        f"{case_id}/{case_id}_{tube}.lmd" for case_id in cases.case_ids for tube in (1, 2, 3)
    ]
    assert [path.relative_to(folder).as_posix() for path in files] == expected
    truths = [name.replace(".lmd", ".truth.csv.gz") for name in expected]
    assert sorted(held(folder)) == sorted([*expected, *truths, "cases.csv", "manifest.csv"])


def test_the_table_of_cases(written):
    folder, cases, _ = written
    found = heading(folder / "cases.csv")
    assert found == CASE_COLUMNS
    assert found[: len(ISSUE)] == ISSUE
    for row, case in zip(rows(folder / "cases.csv"), cases, strict=True):
        assert row == {"case_id": case.case_id, **case.details}


def test_the_table_of_tubes(written):
    folder, cases, files = written
    assert heading(folder / "manifest.csv") == TUBE_COLUMNS
    assert not {"entity", "variant", "accident", "scored_as"} & set(TUBE_COLUMNS)
    table = rows(folder / "manifest.csv")
    assert [folder / row["path"] for row in table] == files
    assert [row["tube"] for row in table] == ["1", "2", "3"] * len(cases)
    told = {case.case_id: case.details for case in cases}
    for row in table:
        for column in ("patient_id", "specimen", "instrument", "date"):
            assert row[column] == told[row["case_id"]][column]


def test_the_manifest_finds_the_cases(written):
    folder, cases, _ = written
    by_table, by_folder = find_cases(folder / "manifest.csv"), find_cases(folder)
    for one, other, case in zip(by_table, by_folder, cases, strict=True):
        assert one.case_id == other.case_id == case.case_id
        names = [tube.name for tube in case.tubes]
        assert [tube.name for tube in one.tubes] == [tube.name for tube in other.tubes] == names
        assert one.details == {
            key: case.details[key] for key in TUBE_COLUMNS if key in case.details
        }
        assert [tube.label for tube in one.tubes] == ["1", "2", "3"]


def test_a_model_can_be_trained_on_it(tmp_path):
    cases = cohort("screening", 12, events=300, instruments=1)
    write_cohort(cases, tmp_path / "a")
    labels = {row["case_id"]: row["entity"] for row in rows(tmp_path / "a" / "cases.csv")}
    from_files, from_memory = (
        flowml.train(source, labels)
        for source in (find_cases(tmp_path / "a" / "manifest.csv"), list(cases))
    )
    assert isinstance(from_files.classifier, LineageClassifier)
    assert set(from_files.classifier.classes_) == {"CLL", "MCL", "normal"}
    assert list(from_files.classifier.classes_) == list(from_memory.classifier.classes_)


# --- truth -------------------------------------------------------------------------------


def test_the_truth_stands_row_for_row(written):
    _, cases, files = written
    paths = iter(files)
    for case in cases:
        for tube in case.tubes:
            path = next(paths).with_suffix(".truth.csv.gz")
            with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
                table = list(csv.DictReader(stream))
            truth = truth_of(tube.origin)
            assert len(table) == tube.origin.n_events
            assert tuple(table[0]) == COLUMNS
            assert [row["population"] for row in table] == truth.population.tolist()
            assert [row["light_chain"] for row in table] == truth.light_chain.tolist()
            for name in ("neoplastic", "doublet"):
                found = np.array([row[name] for row in table]) == "1"
                assert np.array_equal(found, getattr(truth, name))


def test_the_truth_is_that_of_the_events():
    sample = cohort(entities="CLL", cases=1, events=5000, share=(0.4, 0.4))[0].tubes[0].origin
    truth, values = truth_of(sample), sample.events()
    debris = truth.population == "debris"
    fsc = values[:, 0]
    assert np.median(fsc[debris]) < 0.7 * np.median(fsc[truth.intact])
    assert truth.neoplastic[truth.intact].mean() == pytest.approx(0.4, abs=0.05)
    ratio = fsc / np.maximum(values[:, 1], 1)
    assert np.median(ratio[truth.doublet]) > 1.3 * np.median(ratio[truth.intact])
    assert set(truth.light_chain) == {"", "kappa", "lambda"}
    assert not truth.neoplastic[debris].any()


def test_the_truth_of_no_events_and_of_a_file(tmp_path):
    (case,) = cohort(cases=1, accidents=1.0, accident_kinds="empty tube")
    samples = [tube.origin for tube in case.tubes]
    (empty,) = [sample for sample in samples if sample.n_events == 0]
    assert (
        gzip.decompress(truth_bytes(truth_of(empty)))
        == b",".join(name.encode() for name in COLUMNS) + b"\n"
    )
    (path, *_) = write_cohort([case], tmp_path / "a")
    with pytest.raises(StateError, match="was not drawn here"):
        truth_of(read_fcs(path))


def test_without_being_asked_for_the_truth_is_not_written(tmp_path):
    write_cohort(cohort(cases=1), tmp_path)
    assert not [name for name in held(tmp_path) if "truth" in name]


def test_the_same_cohort_has_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_cohort(cohort(cases=3), tmp_path / name, truth=True)
    assert held(tmp_path / "a") == held(tmp_path / "b")


# --- files do not tell -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("panel", "models"), [("cll-9f", ["navios", "cytoflex"]), ("lst", ["canto", "lyric"])]
)
def test_files_do_not_tell_the_entity(tmp_path, panel, models):
    for model in models:
        cases = cohort(panel, 6, instruments=[model], entities="all")
        files = iter(write_cohort(cases, tmp_path / model))
        by_tube = {}
        for case in cases:
            for tube in case.tubes:
                path = next(files)
                assert path.stem == f"{case.case_id}_{tube.label}"
                words = read_fcs(path).keywords
                by_tube.setdefault(tube.label, []).append(set(words.items()))
                text = path.read_bytes()
                for secret in ("patient_id", "variant", "specimen"):
                    assert case.details[secret].encode() not in text
        for texts in by_tube.values():
            shared = {key for key, _ in set.intersection(*texts)}
            differing = {key for text in texts for key, _ in text} - shared
            telling = differing - OF_A_RUN - OF_LAYOUT
            assert not [key for key in telling if not key.startswith(MATRIX)]


def test_what_a_file_says_does_not_depend_on_the_entity():
    """Date, instrument and matrix are drawn alike, so that no model can learn from them."""
    means = {}
    for entity in ("CLL", "normal"):
        found = cohort("alot", entities=entity, cases=80, events=1, instruments=2)
        means[entity] = np.mean(
            [
                (
                    case.details["date"] < "2025",
                    case.details["instrument"] == "canto-1",
                    case.tubes[0].origin.spillover.matrix[0, 1],
                )
                for case in found
            ],
            axis=0,
        )
    np.testing.assert_allclose(means["CLL"], means["normal"], atol=0.35)


# --- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["cases.csv", "manifest.csv", "old.fcs", "OLD.LMD", "S0009/S0009_1.fcs", "x/cases.csv"],
)
def test_two_cohorts_are_not_mixed(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x")
    with pytest.raises(OutputError, match=r"holds .*Choose an\s+empty folder"):
        write_cohort(cohort(cases=1), tmp_path)
    assert list(held(tmp_path)) == [name]


def test_a_folder_may_hold_other_things(tmp_path):
    (tmp_path / "panel.toml").write_text("x")
    (tmp_path / "empty").mkdir()
    assert len(write_cohort(cohort(cases=1), tmp_path)) == 3


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"could not write.*Choose a"):
            write_cohort(cohort(cases=1), place)


def test_links_are_followed_to_folders_and_not_to_nowhere(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert len(write_cohort(cohort(cases=1), tmp_path / "link")) == 3
    assert (tmp_path / "real" / "cases.csv").is_file()
    with pytest.raises(OutputError, match="could not write"):
        write_cohort(cohort(cases=1), tmp_path / "nowhere")
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        write_cohort(cohort(cases=1), tmp_path)


def test_a_folder_that_cannot_be_written_to_is_found_before_any_case_is_drawn(
    tmp_path, monkeypatch
):
    def refuse(*_args, **_kwargs):
        raise OSError(errno.EACCES, "Permission denied")

    drawn = []
    monkeypatch.setattr("flowml.safety.tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("flowml.simulator.cohort.draw_case", lambda *_: drawn.append(1))
    with pytest.raises(OutputError, match="Permission denied"):
        write_cohort(cohort(cases=1), tmp_path)
    assert not drawn


def test_nothing_is_half_written_when_the_disk_refuses(tmp_path, monkeypatch):
    replaced, count = os.replace, [0]

    def full(source, target):
        count[0] += 1
        if count[0] > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        replaced(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        write_cohort(cohort(cases=3), tmp_path / "a")
    whole = held(tmp_path / "a")
    assert sorted(whole) == [
        "S0001/S0001_1.lmd", "S0001/S0001_2.lmd", "S0001/S0001_3.lmd", "S0002/S0002_1.lmd",
    ]  # fmt: skip
    for name in whole:
        read_fcs(tmp_path / "a" / name, strict=True)
    monkeypatch.undo()
    with pytest.raises(OutputError, match="would mix"):  # what is left is no cohort
        write_cohort(cohort(cases=3), tmp_path / "a")


def test_cases_that_were_not_simulated(tmp_path):
    (case,) = cohort("screening", cases=1)
    (path,) = write_cohort([case], tmp_path / "a")
    other = Case("K1", (Tube("K1/K1.fcs", read_fcs(path)),), case.details)
    with pytest.raises(StateError, match="was not drawn here"):
        write_cohort([other], tmp_path / "b")
    assert not held(tmp_path / "b")


# --- accidents that show on disk only ----------------------------------------------------


def test_a_truncated_file_has_lost_its_end(tmp_path):
    how = {"cases": 2, "events": 1000, "instruments": 1}
    whole = write_cohort(cohort(**how), tmp_path / "whole")
    broken = cohort(**how, accidents=1.0, accident_kinds="truncated file")
    cut = write_cohort(broken, tmp_path / "cut", truth=True)
    for number, (one, other) in enumerate(zip(whole, cut, strict=True)):
        if number % 3:
            assert one.read_bytes() == other.read_bytes()  # the other tubes are whole
            continue
        assert other.stat().st_size == int(one.stat().st_size * 0.6)
        assert one.read_bytes().startswith(other.read_bytes())
        with pytest.raises(FcsError):
            read_fcs(other)
    assert {row["accident"] for row in rows(tmp_path / "cut" / "cases.csv")} == {
        "truncated file"
    }


def test_a_lost_tube_is_not_in_the_manifest(tmp_path):
    cases = cohort(accidents=1.0, accident_kinds="lost tube")
    files = write_cohort(cases, tmp_path)
    table = rows(tmp_path / "manifest.csv")
    assert len(files) == len(table) == 2 * len(cases)
    assert len(rows(tmp_path / "cases.csv")) == len(cases)
    assert {
        case.case_id: len(case.tubes) for case in find_cases(tmp_path / "manifest.csv")
    } == (dict.fromkeys(cases.case_ids, 2))
