"""A cohort: the same for the same seed, balanced, and the same on disk as in memory."""

import csv
import dataclasses
from collections import Counter

import flowio
import numpy as np
import pytest

from flowml.cases import find_cases
from flowml.errors import FlowmlError, LabelError, OutputError, StateError
from flowml.events import ArraySource
from flowml.fcs import read_fcs
from flowml.knowledge.simulator import load_simulator_knowledge
from flowml.records import Case, Sample, Scale, Tube
from flowml.simulate import (
    fingerprint,
    iterate_cohort,
    knowledge_sha256,
    known_entities,
    simulate_cohort,
    write_cohort,
)

ENTITIES = ["normal", "AML", "B-ALL", "T-ALL", "CLL", "MCL", "FL"]


def cohort(entities=ENTITIES, n_cases=7, seed=3, n_events=300):
    return simulate_cohort(entities, n_cases=n_cases, n_events=n_events, seed=seed)


def events(case):
    return case.tubes[0].origin.stored


def entities_of(cases):
    return [case.details["entity"] for case in cases]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    cases = cohort()
    files = write_cohort(cases, folder)
    return folder, cases, files


def test_the_same_seed_gives_the_same_bits():
    for one, other in zip(cohort(), cohort(), strict=True):
        assert one.details == other.details
        assert events(one).tobytes() == events(other).tobytes()
        first, second = one.tubes[0].origin.spillover, other.tubes[0].origin.spillover
        assert first.matrix.tobytes() == second.matrix.tobytes()


def test_another_seed_gives_other_cases():
    assert not np.array_equal(events(cohort(seed=3)[0]), events(cohort(seed=4)[0]))


def test_a_case_does_not_depend_on_how_many_there_are():
    for short, long in zip(cohort(n_cases=5), cohort(n_cases=20), strict=False):
        assert short.case_id == long.case_id
        assert short.details == long.details
        assert np.array_equal(events(short), events(long))


def test_patients_of_an_entity_do_not_depend_on_the_other_entities():
    alone = cohort({"CLL": 3}, None)
    among = [c for c in cohort({"FL": 2, "CLL": 3}, None) if c.details["entity"] == "CLL"]
    for one, other in zip(alone, among, strict=True):
        assert np.array_equal(events(one), events(other))


def test_the_patient_does_not_depend_on_the_number_of_events():
    few, many = cohort(n_events=100), cohort(n_events=1000)
    assert [case.details for case in few] == [case.details for case in many]


def test_equal_numbers_and_shuffled():
    found = entities_of(cohort(n_cases=21, n_events=5))
    assert Counter(found) == dict.fromkeys(ENTITIES, 3)
    assert found[:7] != found[7:14]
    assert found != sorted(found, key=ENTITIES.index)


def test_a_mapping_gives_the_number_of_each():
    cases = cohort({"CLL": 4, "normal": 8, "AML": 0}, None, n_events=5)
    assert Counter(entities_of(cases)) == {"CLL": 4, "normal": 8}
    assert [case.case_id for case in cases] == [f"S{n:04d}" for n in range(1, 13)]
    assert entities_of(cases) not in (
        ["CLL"] * 4 + ["normal"] * 8,
        ["normal"] * 8 + ["CLL"] * 4,
    )


def test_ten_of_each_where_no_number_is_given():
    assert len(cohort(["AML", "CLL"], None, n_events=2)) == 20


def test_aliases_become_canonical():
    assert entities_of(cohort(["common ALL"], 1)) == ["B-ALL"]


def test_iterating_gives_the_same_cases():
    kept = cohort()
    for case, other in zip(
        iterate_cohort(ENTITIES, n_cases=7, n_events=300, seed=3), kept, strict=True
    ):
        assert np.array_equal(events(case), events(other))


def test_known_entities_can_all_be_simulated():
    assert known_entities() == ENTITIES
    assert len(cohort(known_entities(), n_events=1)) == 7


def test_an_unknown_entity_names_the_nearest_and_the_known():
    with pytest.raises(LabelError, match=r"'T-AL'.*Nearest: T-ALL.*normal, AML, B-ALL"):
        cohort(["T-AL"])


def test_an_entity_that_only_the_label_tree_knows_is_refused():
    with pytest.raises(LabelError, match=r"does not know the entity 'HCL'.*CLL"):
        cohort(["HCL"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_cases": 0}, "n_cases is 0"),
        ({"n_events": 0}, "n_events is 0"),
        ({"n_events": 2.5}, "n_events is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": True}, "seed is True"),
        ({"entities": []}, "no entity"),
        ({"entities": {"AML": 2}}, "n_cases was given"),
        ({"entities": {"AML": -2}, "n_cases": None}, "number of AML"),
    ],
)
def test_numbers_that_cannot_be_used(arguments, message):
    with pytest.raises(FlowmlError, match=message):
        cohort(**arguments)


def test_errors_come_before_the_first_case():
    with pytest.raises(LabelError):
        iterate_cohort(["XYZ"], seed=1)


def test_files_hold_exactly_what_was_simulated(written):
    _, cases, files = written
    for case, file in zip(cases, files, strict=True):
        memory, disk = case.tubes[0].origin, read_fcs(file)
        assert disk.scale is Scale.RAW
        assert disk.findings == memory.findings == ()
        assert disk.channels == memory.channels
        assert disk.name == memory.name
        assert disk.stored.tobytes() == memory.stored.tobytes()
        assert disk.spillover.channels == memory.spillover.channels
        assert np.array_equal(disk.spillover.matrix, memory.spillover.matrix)
        assert disk.keywords["FLOWML_SIMULATED"] == memory.keywords["FLOWML_SIMULATED"] == "yes"


def test_flowio_reads_equal_values(written):
    _, cases, files = written
    for case, file in zip(cases[:3], files[:3], strict=True):
        other = flowio.FlowData(str(file))
        values = np.reshape(other.events, (-1, other.channel_count))
        assert np.array_equal(values.astype(np.float32), events(case))
        assert other.pnn_labels == list(case.tubes[0].origin.channel_names)
        assert other.pns_labels[3:13] == list(load_simulator_knowledge().tube.markers)


def test_files_do_not_tell_the_entity(written):
    _, cases, files = written
    texts = [set(read_fcs(file).keywords.items()) for file in files]
    shared = {key for key, _ in set.intersection(*texts)}
    differing = {key for text in texts for key, _ in text} - shared
    assert differing <= {"$SPILLOVER", "$BEGINDATA", "$ENDDATA"}
    assert [file.name for file in files] == [f"{case.case_id}.fcs" for case in cases]


def test_the_table_of_labels(written):
    folder, cases, _ = written
    with (folder / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["case_id", "entity", "specimen"]
    assert [row["entity"] for row in rows] == entities_of(cases)
    assert {row["specimen"] for row in rows} <= {"blood", "marrow"}
    found = find_cases(folder)
    assert [case.case_id for case in found] == [row["case_id"] for row in rows]


def test_two_cohorts_are_not_mixed(written):
    folder, cases, _ = written
    with pytest.raises(OutputError, match="Choose an empty folder"):
        write_cohort(cases, folder)


def test_no_labels_where_a_case_cannot_be_written(tmp_path):
    bad = Case("S0002", (Tube("x", tmp_path / "x.fcs"),))
    with pytest.raises(StateError, match="S0002"):
        write_cohort([*cohort(n_cases=1), bad], tmp_path / "out")
    assert not (tmp_path / "out" / "labels.csv").exists()


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_cohort(cohort(n_cases=1), tmp_path / "file")


def test_other_samples_in_memory_can_be_written(tmp_path):
    sample = cohort(n_cases=1)[0].tubes[0].origin
    few = dataclasses.replace(sample, source=ArraySource(sample.stored[:2]))
    assert isinstance(few, Sample)
    (file,) = write_cohort([Case("K1", (Tube("K1.fcs", few),))], tmp_path / "new")
    assert read_fcs(file).n_events == 2


def test_the_hash_follows_the_knowledge_and_the_version(monkeypatch, tmp_path):
    before = knowledge_sha256()
    assert before == knowledge_sha256()
    assert len(before) == 64
    monkeypatch.setattr(fingerprint, "SIMULATOR_VERSION", fingerprint.SIMULATOR_VERSION + 1)
    after = knowledge_sha256()
    assert after != before
    for name in fingerprint.KNOWLEDGE_FILES:
        (tmp_path / name).write_bytes((fingerprint.HOME / name).read_bytes())
    monkeypatch.setattr(fingerprint, "HOME", tmp_path)
    assert knowledge_sha256() == after
    with (tmp_path / fingerprint.KNOWLEDGE_FILES[-1]).open("ab") as stream:
        stream.write(b"\n")
    assert knowledge_sha256() != after
