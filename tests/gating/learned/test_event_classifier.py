"""A classifier of events: labels in, populations out, kept in a file."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from hashlib import sha256

import numpy as np
import pytest
from blobs import CENTRES, MARKERS, classifier, labelled, named, sample_of, trained

import flowml
from flowml.archive.members import DIGEST, MANIFEST
from flowml.errors import FlowmlError, GateError, LabelError, ModelError, StateError
from flowml.gating.learned import (
    EventClassifier,
    NetworkSettings,
    labels_of_channel,
    labels_of_populations,
    read_event_labels,
    translated,
)
from flowml.gating.learned.file import TABLES
from flowml.gating.populations import Populations
from flowml.preprocess import display


@pytest.fixture(scope="module")
def model():
    return trained()


def test_populations_part_the_events(model):
    sample, truth = labelled(9)
    found = model.populations(sample)
    assert list(found.masks) == ["debris", "cells", "B", "NK", "T"]
    assert sum(found.masks[name] for name in CENTRES).tolist() == [1] * sample.n_events
    for name in ("B", "NK", "T"):
        assert found.parent(name) == "cells"
        assert (found.masks[name] == (truth == name)).mean() > 0.98
        assert found.is_sure(name)


def test_probabilities_add_up_and_agree_with_the_masks(model):
    scores = model.scores(labelled(9)[0])
    total = sum(scores.probability(name) for name in CENTRES)
    assert np.allclose(total, 1, atol=1e-5)
    assert np.allclose(scores.probability("cells"), 1 - scores.artefact)
    assert np.array_equal(scores.codes == -1, scores.artefact >= 0.5)


def test_a_score_is_the_agreement_that_was_to_be_expected(model):
    sample, truth = labelled(9)
    found = model.populations(sample)
    for name in ("B", "T"):
        hits = (found.masks[name] & (truth == name)).sum()
        f1 = 2 * hits / (found.masks[name].sum() + (truth == name).sum())
        assert found.score(name) == pytest.approx(f1, abs=0.03)


def test_a_population_without_events_is_sure_only_if_none_was_likely(model):
    only_t, _ = labelled(9, classes=("T",))
    assert model.populations(only_t).score("B") > 0.5
    between = sample_of(np.full((500, 3), [3.0, 1.0, 2.4]))
    scores = model.scores(between)
    loser = min(("B", "NK"), key=lambda name: float(scores.probability(name).sum()))
    assert scores.probability(loser).sum() > 1
    assert not scores.populations().is_sure(loser)


def test_events_unlike_those_of_training_are_not_sure(model):
    sample, _ = labelled(9)
    found = model.populations(sample_of(sample.linear + np.float32([0, 50, 0])))
    assert [item.code for item in found.findings] == ["EVENTS-FAR"]
    assert "CD3" in found.findings[0].message
    assert not any(found.is_sure(name) for name in found.masks)


@pytest.mark.parametrize("n_events", [0, 1])
def test_few_events_are_enough_to_be_classified(model, n_events):
    found = model.populations(sample_of(np.full((n_events, 3), [4.0, 1, 1])))
    assert found.masks["B"].tolist() == [True] * n_events


def test_an_event_without_a_value_is_in_no_population(model):
    sample, _ = labelled(9)
    values = sample.linear
    values[5, 0] = np.nan
    found = model.populations(sample_of(values))
    assert not any(mask[5] for mask in found.masks.values())
    whole = model.populations(sample)
    for name, mask in found.masks.items():
        assert np.array_equal(np.delete(mask, 5), np.delete(whole.masks[name], 5))


def test_channels_may_come_in_any_order(model):
    sample, _ = labelled(9)
    turned = sample_of(sample.linear[:, ::-1], MARKERS[::-1])
    assert np.array_equal(model.scores(turned).artefact, model.scores(sample).artefact)


def test_a_missing_channel_is_named(model):
    with pytest.raises(GateError, match="CD3"):
        model.scores(sample_of(np.ones((4, 2)), ("CD19", "CD56")))


def test_what_a_labeller_did_not_tell_apart_is_not_learned_against():
    first, truth = labelled(0)
    second, coarse = labelled(1, each=600)
    coarse[coarse == "NK"] = "B"  # these labels know no NK cells
    model = classifier().fit([first, second], [truth, coarse])
    test, expected = labelled(9)
    kept = expected == "NK"
    assert (named(model.scores(test))[kept] == "NK").mean() > 0.9


def test_linear_values_are_put_on_a_display_scale():
    def linear(seed):
        sample, truth = labelled(seed)
        return sample_of(10 ** sample.linear.astype(float)), truth

    train, truth = linear(0)
    model = classifier(scale="auto").fit([train], [truth])
    assert model.trained().view.scale == "logicle"
    test, expected = linear(9)
    assert (named(model.scores(test)) == expected).mean() > 0.97
    with pytest.raises(StateError, match="display scale"):
        model.scores(display(test))


def test_classes_must_be_at_least_two():
    sample, truth = labelled(0, classes=("T",))
    with pytest.raises(LabelError, match="one class more"):
        classifier().fit([sample], [truth])
    with pytest.raises(LabelError, match="name nothing"):
        classifier().fit([sample], [[""] * len(truth)])


def test_labels_must_fit_the_samples():
    sample, truth = labelled(0)
    with pytest.raises(LabelError, match="a name for each event"):
        classifier().fit([sample], [truth[1:]])
    with pytest.raises(LabelError, match="one list for each"):
        classifier().fit([sample], [])
    with pytest.raises(LabelError, match="'plasma'"):
        classifier(clonal=["plasma"]).fit([sample], [truth])


def test_what_is_not_trained_says_so():
    with pytest.raises(ModelError, match="fit"):
        classifier().scores(labelled(0)[0])


def test_the_same_bits_before_saving_and_after_loading(model, tmp_path):
    sample, _ = labelled(9)
    model.save(tmp_path / "a.events")
    model.save(tmp_path / "b.events")
    raw = (tmp_path / "a.events").read_bytes()
    assert raw == (tmp_path / "b.events").read_bytes()
    loaded = EventClassifier.load(tmp_path / "a.events", sha256=sha256(raw).hexdigest())
    before, after = model.scores(sample), loaded.scores(sample)
    assert np.array_equal(before.artefact, after.artefact)
    assert np.array_equal(before.given_cell, after.given_cell)
    with pytest.raises(ModelError, match="not the model that was asked for"):
        EventClassifier.load(tmp_path / "a.events", sha256="0" * 64)


def rewritten(path, **changes):
    """Change the manifest of a file, and make its digests right again."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= {key: changes.pop(key) for key in list(changes) if key in members}
    manifest = json.loads(members[MANIFEST]) | changes
    manifest["members"] = {TABLES: sha256(members[TABLES]).hexdigest()}
    members[MANIFEST] = json.dumps(manifest).encode()
    members[DIGEST] = sha256(members[MANIFEST]).hexdigest().encode()
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    path.write_bytes(raw.getvalue())
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "flowml-model"}, {"format_version": 2}, {"n_hidden": 17},
        {"n_hidden": 10**9}, {"n_hidden": "x"}, {"lineages": ["B", "B", "T"]},
        {"lineages": []}, {"artefact": "B"},
        {"artefact": 3}, {"channels": ["CD19"]}, {"scale": "cubic"}, {"scale": []},
        {"threshold": 0}, {"threshold": None}, {"counts": {"B": -1}}, {"counts": 3},
        {"tables": []}, {"tables": None}, {TABLES: b""}, {TABLES: b"\xff" * 2000},
    ],
    ids=str,
)  # fmt: skip
def test_files_that_were_changed_are_refused(model, tmp_path, changes):
    model.save(tmp_path / "a.events")
    with pytest.raises(ModelError):
        EventClassifier.load(rewritten(tmp_path / "a.events", **changes))


def test_damaged_files_are_refused(model, tmp_path):
    path = tmp_path / "a.events"
    model.save(path)
    raw = path.read_bytes()
    for place in range(0, len(raw), 97):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 8]) + raw[place + 1 :])
        try:
            loaded = EventClassifier.load(path)
        except ModelError:
            continue
        sample = labelled(9)[0]  # a bit that says nothing, as of a date
        assert np.array_equal(loaded.scores(sample).artefact, model.scores(sample).artefact)
    with pytest.raises(ModelError, match="is not there"):
        EventClassifier.load(tmp_path / "none")


def test_a_gate_tree_names_events_by_the_innermost_gate():
    cells = np.array([True, True, True, False])
    t_cells = np.array([False, True, False, False])
    populations = Populations({"cells": cells, "T": t_cells}, {"T": "cells"})
    assert labels_of_populations(populations).tolist() == ["cells", "T", "cells", ""]
    assert labels_of_populations(populations, "debris")[3] == "debris"


def test_a_label_file_is_read_row_for_row(tmp_path):
    text = "event,population\n1, T cells \n2,\n3,B\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.csv", "a.csv.gz"):
        assert read_event_labels(tmp_path / name).tolist() == ["T cells", "", "B"]


@pytest.mark.parametrize("raw", [b"event\n1\n", b"", b"\x1f\x8b\x08rest", b"population\n\xff"])
def test_other_files_are_no_labels(tmp_path, raw):
    for name in ("a.csv", "a.csv.gz"):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(LabelError):
            read_event_labels(tmp_path / name)


def test_a_channel_of_the_file_may_hold_the_labels():
    sample = sample_of([[1, 0, 0], [2, 0, 0], [np.nan, 0, 0], [7, 0, 0]])
    names = {1: "T", 2: "B"}
    assert labels_of_channel(sample, "CD19", names).tolist() == ["T", "B", "", ""]


def test_populations_become_classes_and_unknown_ones_are_named():
    classes = {"CD4": "T", "CD8": "T", "odd": ""}
    assert translated(["CD4", "", "CD8", "odd"], classes).tolist() == ["T", "", "T", ""]
    with pytest.raises(LabelError, match=r"'CD9'.*Nearest: CD"):
        translated(["CD9"], classes)


def test_real_lymphocyte_tubes(shared_data):
    folder = shared_data / "euroflow-lst"
    lines = (folder / "populations.csv").read_text(encoding="utf-8").splitlines()[1:]
    classes = {line.split(",")[0].strip(): line.split(",")[1] for line in lines}

    def read(name):
        labels = read_event_labels(folder / f"{name}.labels.csv.gz")
        return flowml.read_fcs(folder / f"{name}.fcs"), translated(labels, classes)

    samples, labels = zip(*map(read, ("lst-01", "lst-06", "lst-32", "lst-36")), strict=True)
    model = EventClassifier(most_events=500, clonal=["B"]).fit(samples, labels)
    assert model.trained().view.scale == "stored"
    sample, truth = read("lst-39")
    found = named(model.scores(sample))
    for name, least in {"T": 0.95, "B": 0.9, "neutrophil": 0.9, "artefact": 0.8}.items():
        assert (found[truth == name] == name).mean() > least


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_without_values_in_a_channel_is_not_sure(model, value):
    """All its populations are empty, and that is no result."""
    sample, _ = labelled(9)
    values = sample.linear
    values[:, 1] = value
    found = model.populations(sample_of(values))
    assert [item.code for item in found.findings] == ["EVENTS-FAR"]
    assert "no value" in found.findings[0].message
    assert not any(found.is_sure(name) for name in found.masks)
    assert not any(mask.any() for mask in found.masks.values())


def test_a_class_without_values_cannot_be_learned():
    sample, truth = labelled(0)
    values = sample.linear
    values[truth == "NK", 0] = np.nan
    with pytest.raises(LabelError, match="no event of 'NK' has a value"):
        classifier().fit([sample_of(values)], [truth])
    values[:, 0] = np.inf
    with pytest.raises(LabelError, match="no event of 'B' has a value"):
        classifier().fit([sample_of(values)], [truth])
    one = np.where(truth == "debris", "debris", "T").astype(object)
    values = sample.linear
    values[truth == "debris", 0] = np.nan
    with pytest.raises(LabelError, match=r"no event of 'debris' has a value.* one lineage"):
        classifier().fit([sample_of(values)], [one])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"most_events": 0}, "most_events 0"), ({"threshold": 0}, "threshold is 0"),
        ({"threshold": float("nan")}, "threshold is nan"), ({"artefact": ""}, "called ''"),
        ({"artefact": "cells"}, "called 'cells'"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(given, says):
    sample, truth = labelled(0)
    with pytest.raises(FlowmlError, match=says):
        EventClassifier(**given).fit([sample], [truth])


@pytest.mark.parametrize(
    "given",
    [
        {"n_hidden": 0}, {"n_hidden": 1001}, {"n_passes": 0}, {"n_batch": 0}, {"rate": 0.0},
        {"rate": float("nan")}, {"aberrant": 1.5}, {"most_changed": -1}, {"seed": -1},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(given):
    with pytest.raises(FlowmlError, match="expected"):
        NetworkSettings(**given)


def test_a_label_that_is_no_text_is_shown():
    sample, truth = labelled(0)
    truth = truth.copy()
    truth[5] = None
    with pytest.raises(LabelError, match="is None, expected text"):
        classifier().fit([sample], [truth])


def test_a_file_larger_than_any_classifier_is_not_read(model, tmp_path):
    path = tmp_path / "a.events"
    model.save(path)
    with path.open("ab") as stream:
        stream.truncate(80 << 20)  # a hole
    with pytest.raises(ModelError, match="more than any model"):
        EventClassifier.load(path)
