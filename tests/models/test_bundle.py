"""One file, checked before anything in it is used."""

from __future__ import annotations

import hashlib
import io
import json
import pickletools
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small import cohort, model, saved_model, training

from flowml.errors import ModelError, OutputError
from flowml.features import FeatureTable, make_recipe
from flowml.models import bundle, load_model, save_model
from flowml.models.bundle import CARD, DIGEST, MANIFEST, MEMBERS, TABLES, TREES
from flowml.pipeline import extract_table

PARTS = (TREES, TABLES, CARD)


@cache
def saved_bytes():
    with tempfile.TemporaryDirectory() as folder:
        return saved_model(Path(folder) / "m.flowml").read_bytes()


def members():
    with zipfile.ZipFile(io.BytesIO(saved_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts, *, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in parts:
            archive.writestr(name, data)
    return stream.getvalue()


def consistent(change=None, **parts):
    """Pack members again, with all digests right."""
    held = members() | parts
    manifest = json.loads(held[MANIFEST])
    manifest["members"] = {n: hashlib.sha256(held[n]).hexdigest() for n in PARTS}
    if change is not None:
        change(manifest)
    held[MANIFEST] = json.dumps(manifest).encode()
    held[DIGEST] = hashlib.sha256(held[MANIFEST]).hexdigest().encode()
    return packed(held.items())


def load(tmp_path, raw):
    path = tmp_path / "m.flowml"
    path.write_bytes(raw)
    return load_model(path)


def refused(tmp_path, raw, match="cannot be used as a model"):
    with pytest.raises(ModelError, match=match):
        load(tmp_path, raw)


def test_predictions_have_the_same_bits_after_saving_and_loading(tmp_path):
    table = extract_table(cohort(), model().recipe)
    again = load_model(saved_model(tmp_path / "m.flowml"))
    assert again.feature_names == model().feature_names
    assert again.entities == model().entities
    values = table.columns(again.feature_names)
    assert again.predict_proba(values).tobytes() == model().predict_proba(values).tobytes()
    assert repr(again.predictions(table)) == repr(model().predictions(table))


def test_the_estimator_and_the_loaded_model_give_the_same_bits(tmp_path):
    frame = extract_table(cohort(), model().recipe).to_frame()[list(model().feature_names)]
    again = load_model(saved_model(tmp_path / "m.flowml"))
    by_estimator = training().classifier.predict_proba(frame)
    assert by_estimator.tobytes() == again.predict_proba(frame.to_numpy()).tobytes()


def test_the_same_model_is_the_same_file(tmp_path):
    first = saved_model(tmp_path / "a.flowml").read_bytes()
    second = saved_model(tmp_path / "b.flowml").read_bytes()
    save_model(load_model(tmp_path / "a.flowml"), tmp_path / "c.flowml")
    assert first == second == (tmp_path / "c.flowml").read_bytes()


def test_nothing_in_the_file_is_a_pickle():
    assert set(members()) == set(MEMBERS)
    for data in members().values():
        with pytest.raises(ValueError, match=r".*"):
            list(pickletools.genops(data))
    json.loads(members()[TREES])


def test_a_pin_accepts_its_file_and_no_other(tmp_path):
    path = saved_model(tmp_path / "m.flowml")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_model(path, sha256=f" {digest.upper()}\n").origin["sha256"] == digest
    with pytest.raises(ModelError, match=f"has SHA-256 {digest}, expected {'0' * 64}"):
        load_model(path, sha256="0" * 64)


def test_what_is_not_a_model_file_says_so(tmp_path):
    for raw in (
        b"",
        b"PK",
        b"not a zip" * 100,
        packed([("a.txt", b"x")]),
        saved_bytes()[:-100],
    ):
        refused(tmp_path, raw)
    with pytest.raises(ModelError, match="is not there"):
        load_model(tmp_path / "absent.flowml")
    with pytest.raises(ModelError, match="is a folder"):
        load_model(tmp_path)


def test_truncation_anywhere_is_refused(tmp_path):
    raw = saved_bytes()
    for end in np.linspace(0, len(raw) - 1, 30).astype(int):
        refused(tmp_path, raw[:end])


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # zipfile, on writing
def test_an_extra_a_double_and_a_missing_member_are_refused(tmp_path):
    parts = list(members().items())
    refused(
        tmp_path, packed([*parts, ("extra.txt", b"x")]), "not of a model that this flowml wrote"
    )
    refused(tmp_path, packed([*parts, parts[0]]), "not of a model that this flowml wrote")
    for gone in range(len(parts)):
        refused(
            tmp_path,
            packed(parts[:gone] + parts[gone + 1 :]),
            "not of a model that this flowml wrote",
        )


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_another_compression_is_refused(tmp_path, compression):
    refused(tmp_path, packed(members().items(), compression=compression), "compressed")


def test_an_oversized_member_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(bundle.LARGEST, "trees.json", 1000)
    refused(tmp_path, saved_bytes(), "trees.json in it is larger than 1000 bytes")


@pytest.mark.parametrize("name", MEMBERS)
def test_a_changed_member_is_refused(tmp_path, name):
    held = members()
    held[name] = held[name].replace(held[name][-2:-1], b"7", 1) + b" 7"
    refused(tmp_path, packed(held.items()), "digest")


def test_a_consistent_copy_is_read(tmp_path):
    assert load(tmp_path, consistent()).entities == model().entities


def test_tampered_trees_with_right_digests_are_refused(tmp_path):
    for key, value in (
        ("split_indices", 10**6),
        ("left_children", 10**6),
        ("split_conditions", None),
    ):
        document = json.loads(members()[TREES])
        tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
        assert tree["left_children"][0] != -1
        tree[key][0] = value
        refused(tmp_path, consistent(**{TREES: json.dumps(document).encode()}), "trees")


def test_trees_of_another_size_are_refused(tmp_path):
    def fewer_features(manifest):
        del manifest["feature_names"][10:]

    def fewer_entities(manifest):
        del manifest["entities"][-1]

    refused(tmp_path, consistent(fewer_features), "features outside its 10")
    refused(tmp_path, consistent(fewer_entities))


def test_what_could_not_be_read_again_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setitem(bundle.LARGEST, "tables.bin", 1000)
    with pytest.raises(ModelError, match=r"tables\.bin in it is larger than 1000 bytes"):
        save_model(model(), tmp_path / "m.flowml")
    assert list(tmp_path.iterdir()) == []


KEYS = ("flowml_version", "feature_names", "entities", "recipe", "recipe_sha256", "weights",
        "caution", "tables", "training", "members", "format", "format_version")  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_manifest_without_a_key_is_refused(tmp_path, key):
    refused(tmp_path, consistent(lambda manifest: manifest.pop(key)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "other"), ("format_version", 2), ("format_version", 4),
        ("format_version", "1" * 1000),
        ("feature_names", []), ("feature_names", ["a", "a"]), ("feature_names", "abc"),
        ("feature_names", [1, 2]), ("entities", []), ("entities", {}), ("entities", [1, 2]),
        ("entities", [{"name": "AML"}] * 3), ("recipe", []), ("recipe", {"name": "ecdf"}),
        ("recipe", {"name": "ecdf", "transform": "logicle", "bins": 33}), ("recipe", None),
        ("recipe", {"name": ["ecdf"], "transform": "logicle", "bins": 32}),
        ("recipe_sha256", "0"), ("weights", []), ("weights", [0, 0]), ("weights", [1, 0]),
        ("weights", [0, 1]), ("weights", [-1, 1]), ("weights", [True, 1]),
        ("weights", ["1", 1]), ("weights", [float("nan"), 1]), ("weights", [1e300, 1]),
        ("weights", [10**400, 1]), ("weights", [1, float("inf")]), ("weights", None),
        ("caution", None), ("caution", {}), ("caution", []), ("tables", []), ("tables", {}),
        ("tables", None),
        ("training", []), ("training", {}), ("training", {"data_kind": "dreamt"}),
        ("training", {"data_kind": ["real"]}), ("members", {}), ("members", []),
        ("members", {"x": "y"}),
    ],
)  # fmt: skip
def test_a_manifest_with_a_wrong_value_is_refused(tmp_path, key, value):
    refused(tmp_path, consistent(lambda manifest: manifest.update({key: value})))


LEVELS = ("entity", "lineage", "category", "answer", "normal", "acute")
NO_LEVELS = (0, 1.01, -1, True, "0.5", None, float("nan"), 10**400)


@pytest.mark.parametrize("level", LEVELS)
def test_a_required_probability_that_is_none_is_refused(tmp_path, level):
    for value in NO_LEVELS:
        refused(tmp_path, cautious(lambda found, v=value: found["levels"].update({level: v})))
    refused(tmp_path, cautious(lambda found: found["levels"].pop(level)))


def cautious(change):
    return consistent(lambda manifest: change(manifest["caution"]))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("limits", []), ("limits", [0.1]), ("limits", [0.1, 0.1, 1.5]), ("limits", None),
        ("limits", [0.1, -0.1, 0]), ("limits", [True, 0, 0]), ("limits", [float("nan"), 0, 0]),
        ("edges", [0, 1]), ("edges", [-1, 1]), ("edges", "2"), ("edges", [1, float("nan")]),
        ("edges", [True, 2]), ("edges", [1, 10**400]), ("edges", None), ("levels", None),
        ("levels", {}), ("levels", [0.5] * 7), ("more", 1),
    ],
)  # fmt: skip
def test_an_odd_caution_is_refused(tmp_path, key, value):
    refused(tmp_path, cautious(lambda found: found.update({key: value})))


def test_tables_that_count_for_nothing_are_refused(tmp_path):
    more = members()[TABLES] + np.float64(1).tobytes()

    def listed(manifest):
        manifest["tables"].append({"name": "more", "kind": "<f8", "shape": [1]})

    refused(tmp_path, consistent(listed, **{TABLES: more}), "count for nothing")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 3), ("name", None), ("lineage", ["B"]), ("category", {}), ("answer", 1),
        ("urgent", "yes"), ("aliases", "CLL"), ("aliases", [1]), ("unknown", "x"),
    ],
)  # fmt: skip
def test_an_entity_with_a_wrong_field_is_refused(tmp_path, field, value):
    refused(
        tmp_path, consistent(lambda manifest: manifest["entities"][0].update({field: value}))
    )


@pytest.mark.parametrize("raw", [b"[]", b"null", b"{}", b"[" * 100_000, b"\xff", b"1" * 9999])
def test_a_manifest_that_is_none_is_refused(tmp_path, raw):
    held = members() | {MANIFEST: raw, DIGEST: hashlib.sha256(raw).hexdigest().encode()}
    refused(tmp_path, packed(held.items()), "manifest")


def test_a_card_that_is_no_text_is_refused(tmp_path):
    refused(tmp_path, consistent(**{CARD: b"\xff\xfe\xfa"}))


def test_random_mutations_are_refused_or_change_nothing(tmp_path):
    random = np.random.default_rng(77)
    raw = saved_bytes()
    refusals = 0
    for _ in range(300):
        damaged = bytearray(raw)
        for place in random.integers(len(raw), size=random.integers(1, 4)):
            damaged[place] = random.integers(256)
        try:
            found = load(tmp_path, bytes(damaged))
        except ModelError:
            refusals += 1
            continue
        assert found.predictor.document == model().predictor.document
        assert found.card == model().card
        assert found.feature_names == model().feature_names
    assert refusals > 200


def test_the_card_says_what_the_model_is():
    card = model().card
    assert "Research use only; not a medical device." in card
    assert "This model has seen simulated cases only" in card
    assert "`synthetic`" in card
    for entity in model().entities:
        assert f"| {entity} |" in card
    assert "| 4 |" in card


def test_a_place_that_cannot_be_written_to_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        save_model(model(), tmp_path / "file" / "m.flowml")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_model_of_another_recipe_refuses_the_table():
    other = extract_table(cohort()[:1], "ecdf")
    wrong = FeatureTable(
        other.names, other.values, other.cases, make_recipe("ecdf", "arcsinh").fit(())
    )
    with pytest.raises(ModelError, match="arcsinh"):
        model().predictions(wrong)


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        ("scales", [[], 5, None, "abc", {"CD19": 5}, {"CD19": [1]}, {"CD19": ["a", "b"]}]),
        ("scales", [{"CD19": pair} for pair in ([None] * 2, [2, 1], [0, 1], [1, 10**400])]),
        ("compensated", ["True", 1, True, [1], None]),
        ("inputs", [5, None, "abc", [1]]),
        ("cases", [[], {"AML": -1}, {"AML": "4"}, {"AML": True}]),
    ],
)
def test_an_odd_training_summary_is_refused(tmp_path, key, odd):
    for value in odd:

        def change(manifest, value=value):
            manifest["training"][key] = value

        refused(tmp_path, consistent(change), "training summary is not one")
