"""Tables of features in place of folders, and a laboratory's own entities: whole commands."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest
from commands import run_here
from places import ROOT
from plain_tables import COLUMNS, rows_of, written
from small import on_disk, saved_model

from flowml.models import load_model

SCHEMES = ROOT / "examples" / "schemes"
EIGHT = ("CLL", "Mantel", "B-PLL", "Immunozytom", "Marginal", "FL", "HZL", "gesund")


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


def says(found, status, *words):
    assert found.status == status, found.err
    text = " ".join((found.out + found.err).split())
    for word in words:
        assert word in text
    return True


def results(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def rows():
    """Forty labelled subjects, and four without a label."""
    labelled = rows_of(["aml", "normal"])
    return labelled + [r | {"label": ""} for r in rows_of(["x", "y"], count=2, seed=4)]


@pytest.fixture
def table(tmp_path, rows):
    return written(tmp_path / "features.csv", rows)


@pytest.fixture
def trained(flowml, table, tmp_path):
    """Return a model of the table."""
    model = tmp_path / "m.flowml"
    found = flowml("train", table, "--id", "subject", "--label", "label", "--out", model)
    assert says(
        found, 0, "trained on 40 unknown cases: 20 AML, 20 normal", "4 cases have no label"
    )
    return model


def test_the_commands_of_the_issue(flowml, table, trained, tmp_path, rows):
    found = flowml(
        "classify", table, "--id", "subject", "--model", trained, "--out", tmp_path / "o"
    )
    assert says(found, 0, "1 further column is not used by the model: label")
    answers = results(tmp_path / "o")
    assert [row["case_id"] for row in answers] == [row["subject"] for row in rows]
    assert {row["decision"] for row in answers} >= {"auto", "urgent"}
    entity = {row["subject"]: {"aml": "AML"}.get(row["label"], row["label"]) for row in rows}
    assert all(row["entity"] == entity[row["case_id"]] for row in answers[:40])
    # nothing is said of panels, scales or recipes; rows of training are known again
    assert [row["findings"] for row in answers] == ["MODEL-TRAINED-ON"] * 40 + [""] * 4
    document = json.loads((tmp_path / "o" / "results.json").read_text())
    assert document["provenance"]["table"]["n_rows"] == 44
    levels = load_model(trained).caution.levels
    assert document["provenance"]["parameters"] == {"required_probabilities": levels.to_dict()}


def test_evaluate_takes_the_labelled_rows(flowml, table, trained, tmp_path):
    found = flowml(
        "evaluate", table, "--id", "subject", "--label", "label", "--model", trained,
        "--out", tmp_path / "o",
    )  # fmt: skip
    assert says(found, 0, "40 of 40 labelled cases right", "4 cases have no label")
    assert len(results(tmp_path / "o")) == 40
    assert (tmp_path / "o" / "evaluation.json").is_file()


def test_a_column_of_labels_gives_the_accuracy_and_leaves_no_row_out(flowml, table, trained):
    found = flowml("classify", table, "--id", "subject", "--label", "label", "--model", trained)
    assert says(found, 0, "accuracy: 40 of 40")
    assert "further column" not in found.err


def test_the_order_of_rows_and_the_separator_change_no_bit(flowml, trained, tmp_path, rows):
    other = written(tmp_path / "t.csv", rows[::-1], ";", ",")
    again = tmp_path / "again.flowml"
    flowml("train", other, "--id", "subject", "--label", "label", "--out", again)
    assert again.read_bytes() == trained.read_bytes()


def test_parquet_and_tabs_are_tables_too(flowml, trained, tmp_path, rows):
    frame = pd.DataFrame(rows).astype(dict.fromkeys(COLUMNS, float))
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    for name in ("t.parquet", "t.tsv"):
        again = tmp_path / f"{name}.flowml"
        table = tmp_path / name
        flowml("train", table, "--id", "subject", "--label", "label", "--out", again)
        assert again.read_bytes() == trained.read_bytes()


def test_groups_dropped_columns_and_conditions(flowml, tmp_path, rows):
    more = [
        row | {"who": f"P{n // 2}", "sex": "f", "split": "train" if n % 4 else "test"}
        for n, row in enumerate(rows[:40])
    ]
    table, model = written(tmp_path / "t.csv", more), tmp_path / "m.flowml"
    command = ("train", table, "--id", "subject", "--label", "label", "--out", model)
    assert says(flowml(*command), 2, "not numeric: 'who' (line 2), 'sex' (line 2), 'split'",
                "--drop COLUMN")  # fmt: skip
    assert not model.exists()
    found = flowml(*command, "--group", "who", "--drop", "sex", "--where", "split=train")
    assert says(found, 0, "trained on 30 unknown cases", "3 columns: CD34 %")
    assert load_model(model).feature_names == COLUMNS


def test_labels_may_lie_in_a_table_of_their_own(flowml, trained, tmp_path, rows):
    bare = [{k: v for k, v in row.items() if k != "label"} for row in rows]
    table = written(tmp_path / "bare.csv", bare)
    labels = written(
        tmp_path / "l.csv", [{"subject": r["subject"], "dx": r["label"]} for r in rows]
    )
    model = tmp_path / "m2.flowml"
    how = ("--labels", labels, "--id", "subject", "--label", "dx")
    # as for a folder: cases that the table of labels leaves open are a status of 1
    assert says(flowml("train", table, *how, "--out", model), 1, "4 cases have no label")
    assert model.read_bytes() == trained.read_bytes()
    assert says(flowml("classify", table, *how, "--model", model), 0, "accuracy: 40 of 40")


def test_a_table_of_flowml_is_trained_on_as_its_folder_is(flowml, tmp_path):
    folder = on_disk(tmp_path / "cases")
    labels = ("--labels", folder / "cases.csv")
    for ending in (".csv", ".parquet"):
        table = tmp_path / f"t{ending}"
        assert flowml("features", folder, "--out", table).status == 0
        of_table, of_folder = tmp_path / "t.flowml", tmp_path / "f.flowml"
        assert says(flowml("train", table, *labels, "--out", of_table), 0, "12 synthetic cases")
        assert flowml("train", folder, *labels, "--out", of_folder).status == 0
        one, other = load_model(of_table), load_model(of_folder)
        assert one.recipe == other.recipe
        assert one.predictor.document == other.predictor.document
        tables = (each.predictor.tables() for each in (one, other))
        assert len({tuple(t.tobytes() for t in each.values()) for each in tables}) == 1
        assert one.training["panels"] == other.training["panels"]
        found = flowml("classify", table, "--model", of_table, *labels, "--format", "csv")
        assert says(found, 0, "MODEL-TRAINED-ON", "accuracy: 12 of 12")
        assert "TABLE-NO-STORY" not in found.out
        # a model of FCS files takes the folder too
        assert flowml("classify", folder, "--model", of_table).status == 0


def test_a_model_of_one_kind_is_not_asked_about_the_other(flowml, table, trained, tmp_path):
    folder = on_disk(tmp_path / "cases", 2)
    found = flowml("classify", folder, "--model", trained)
    assert says(found, 2, "has no recipe by which", "Give a table with its columns")
    found = flowml("classify", table, "--id", "subject", "--model", saved_model(tmp_path / "f"))
    assert says(found, 2, "trained on features of FCS files (recipe", "the table lacks",
                "Classify the FCS files, or a table that 'flowml features' wrote")  # fmt: skip


def test_columns_that_are_missing_are_named_with_the_nearest(flowml, trained, tmp_path, rows):
    renamed = [{k.replace("CD34 %", "CD 34 %"): v for k, v in row.items()} for row in rows]
    table = written(tmp_path / "renamed.csv", renamed)
    for verb in (("classify",), ("evaluate", "--label", "label")):
        found = flowml(*verb, table, "--id", "subject", "--model", trained)
        assert says(found, 2, "lacks 1 of 3 columns that the model needs: CD34 %",
                    "Nearest to the first: CD 34 %")  # fmt: skip


def test_a_gap_is_refused_by_the_name_of_its_column(flowml, trained, tmp_path, rows):
    gaps = [row | {"blasts|share": "", "extra": "text"} for row in rows[:1]]
    gaps += [row | dict.fromkeys(COLUMNS, "NA") for row in rows[1:2]] + rows[2:3]
    table = tmp_path / "gaps.csv"
    pd.DataFrame(gaps).to_csv(table, index=False)
    found = flowml("classify", table, "--id", "subject", "--model", trained, "--out", tmp_path)
    assert found.status == 1
    one, none, whole = results(tmp_path)
    assert one["reason"] == "not classifiable, because these columns are empty: blasts|share"
    assert none["reason"] == (
        "not classifiable, because these columns are empty: CD34 %, CD45-ECD_mean, blasts|share"
    )
    assert (one["decision"], whole["status"]) == ("review", "answered")


def test_a_column_with_a_gap_in_training_is_left_out_and_named(flowml, tmp_path, rows):
    table = written(tmp_path / "t.csv", [rows[0] | {COLUMNS[2]: ""}, *rows[1:40]])
    command = ("train", table, "--id", "subject", "--label", "label", "--out", tmp_path / "m")
    assert says(flowml(*command), 0, "left out, because not every case has them: blasts|share")
    empty = [row | dict.fromkeys(COLUMNS, "") for row in rows[:40]]
    written(table, empty)
    assert says(flowml(*command), 2, "none of 3 columns has a number for every training case")


def test_a_column_may_be_optional(flowml, tmp_path):
    rows = rows_of(["aml", "normal"], count=30)
    table, model = written(tmp_path / "t.csv", rows), tmp_path / "m.flowml"
    found = flowml(
        "train", table, "--id", "subject", "--label", "label", "--out", model,
        "--optional", "blasts,CD45-ECD_mean", "--tolerance", "0.5",
    )  # fmt: skip
    assert found.status == 0
    assert set(load_model(model).optional) == {"blasts", "CD45-ECD_mean"}
    few = [{k: v for k, v in row.items() if k not in COLUMNS[1:]} for row in rows]
    written(table, few)
    found = flowml("classify", table, "--id", "subject", "--model", model, "--format", "csv")
    assert says(found, 0, "MODEL-WITHOUT")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--id", "nope", "--label", "label"], ("no column 'nope'", "--id")),
        (["--id", "subject", "--label", "nope"], ("no column 'nope'; it has subject, label",)),
        (["--id", "subject"], ("no column 'entity'",)),
        (["--id", "subject", "--label", "label", "--group", "g"], ("no column 'g'",)),
        (["--id", "subject", "--label", "label", "--drop", "d"], ("no column 'd'",)),
        (["--id", "label", "--label", "label"], ("said to hold the labels, and something",)),
        (["--id", "label", "--label", "subject"], ("row 41 of 44 has no 'label'",)),
        (["--id", "subject", "--label", "CD34 %", "--drop", "label"], ("is not an entity",)),
        (["--id", "subject", "--label", "label", "--where", "a=1"], ("no column 'a'",)),
        (["--id", "subject", "--label", "label", "--recipe", "pairs"],
         ("--recipe reads FCS files", "is a table of features. Leave it out")),
        (["--id", "subject", "--label", "label", "--align"], ("--align reads FCS files",)),
        (["--id", "subject", "--label", "label", "--stand-in", "a=b"], ("--stand-in reads",)),
        (["--id", "subject", "--label", "label", "--quality", "mask"], ("--quality reads",)),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_status_2(flowml, table, tmp_path, options, words):
    out = tmp_path / "new" / "m.flowml"
    assert says(flowml("train", table, *options, "--out", out), 2, *words)
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [row | {"label": ""} for row in rows], ("'label' is empty in all 44",)),
        (lambda rows: [*rows, rows[0]], ("the same case id, 'aml-0'",)),
        (lambda rows: [rows[0] | {"CD34 %": "high"}, *rows[1:]], ("'CD34 %' (line 2)",)),
        (lambda rows: [rows[0] | {"CD34 %": "-inf"}, *rows[1:]], ("infinite", "'CD34 %'")),
        (lambda rows: [row | {"\x1b[2J": "1"} for row in rows], ("'?[2J' cannot be the name",)),
        (lambda rows: [row | {"": "1"} for row in rows], ("column 6 has no name",)),
        (lambda rows: rows[:20], ("found 1 class, 'AML', expected 2 or more",)),
        (lambda rows: [rows[0] | {"label": "amll"}, *rows[1:]], ("'amll' is not an", "AML")),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_trained_on_are_status_2(flowml, tmp_path, rows, change, words):
    table, out = written(tmp_path / "t.csv", change(rows)), tmp_path / "m.flowml"
    found = flowml("train", table, "--id", "subject", "--label", "label", "--out", out)
    assert says(found, 2, *words)
    assert not out.exists()
    assert "\x1b" not in found.err


def test_formulas_as_names_stay_text(flowml, tmp_path):
    rows = [
        {"subject": f"=cmd|{n}", "label": label, "=1+1": str(place * 9 + n), "@x": str(n)}
        for place, label in enumerate(["aml", "normal"])
        for n in range(8 * place, 8 * place + 8)
    ]
    table, model = written(tmp_path / "t.csv", rows), tmp_path / "m.flowml"
    assert (
        flowml("train", table, "--id", "subject", "--label", "label", "--out", model).status
        == 0
    )
    assert load_model(model).feature_names == ("=1+1", "@x")
    flowml("classify", table, "--id", "subject", "--model", model, "--out", tmp_path / "o")
    assert all(row["case_id"].startswith("'=") for row in results(tmp_path / "o"))


def test_a_folder_has_no_columns(flowml, tmp_path):
    folder = on_disk(tmp_path / "cases", 2)
    found = flowml("classify", folder, "--model", "demo", "--group", "who")
    assert says(found, 2, "--group names a column of a table of features", "is no such table")


def test_the_output_never_takes_the_place_of_the_table_or_the_scheme(flowml, table, tmp_path):
    scheme = tmp_path / "s.toml"
    scheme.write_bytes((SCHEMES / "flowcap.toml").read_bytes())
    how = ("train", table, "--id", "subject", "--label", "label", "--scheme", scheme, "--out")
    for out in (table, scheme):
        assert says(flowml(*how, out), 2, "Choose another name")


# --- a laboratory's own entities ------------------------------------------------------------


def test_the_scheme_of_two_entities(flowml, table, tmp_path):
    model = tmp_path / "m.flowml"
    how = ("--id", "subject", "--label", "label")
    found = flowml("train", table, *how, "--scheme", SCHEMES / "flowcap.toml", "--out", model)
    assert says(found, 0, "20 AML, 20 no AML")
    assert load_model(model).entities == ("AML", "no AML")
    # labels are those of the model's own scheme, wherever the model goes
    found = flowml("evaluate", table, *how, "--model", model)
    assert says(found, 0, "40 of 40 labelled cases right", "no AML")
    found = flowml("classify", table, "--id", "subject", "--model", model, "--out", tmp_path)
    assert {row["entity"] for row in results(tmp_path)} == {"AML", "no AML"}


def test_the_scheme_of_eight_classes_of_mature_b_cells(flowml, tmp_path):
    table = written(tmp_path / "t.csv", rows_of(EIGHT, count=8))
    model, how = tmp_path / "m.flowml", ("--id", "subject", "--label", "label")
    scheme = SCHEMES / "mature_b_8.toml"
    found = flowml("train", table, *how, "--scheme", scheme, "--out", model)
    assert says(found, 0, "64 unknown cases: 8 CLL+MBL, 8 FL, 8 HCL, 8 LPL, 8 MCL, 8 MZL, 8 PL")
    found = flowml("evaluate", table, *how, "--model", model, "--format", "csv")
    assert found.out.splitlines()[1].startswith("CLL+MBL,8,")
    # what the scheme does not hold is still known by flowml's own name, and cannot be right
    other = written(tmp_path / "o.csv", rows_of(["CLL", "AML"]))
    found = flowml("evaluate", other, *how, "--model", model)
    assert says(found, 0, "the model does not know AML: such cases cannot be right")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ("'aml' is not an entity of the scheme s.toml", "ANL", "add it to")),
        ("= broken", ("s.toml is not a TOML file",)),
        ("format = 2\n", ("another format",)),
        ("entities = 1\n", ("unknown key 'entities'",)),
        ("format = 1\n", ("it has no [[entity]]",)),
        ("entity = 3\n", ("expected a table [[entity]] for each",)),
        ("answers = ['Leukämie']\n", ("'Leukämie' is no answer; expected only leukemia",)),
        ("lineages = 'B'\n", ("lineages is no list of texts",)),
        ("[[entity]]\nname = 'A'\n", ("entity 1 of", "missing 5 required")),
        ("[[entity]]\nname = 3\n", ("entity 1 of",)),
    ],
)  # fmt: skip
def test_schemes_that_cannot_be_used_say_why(flowml, table, tmp_path, text, words):
    scheme = tmp_path / "s.toml"
    own = (SCHEMES / "flowcap.toml").read_text(encoding="utf-8")
    renamed = own.replace('"AML"', '"ANL"').replace('"aml", ', "")
    scheme.write_text(renamed if text is None else text, encoding="utf-8")
    found = flowml(
        "train", table, "--id", "subject", "--label", "label", "--scheme", scheme,
        "--out", tmp_path / "m",
    )  # fmt: skip
    assert says(found, 2, *words)


def test_a_folder_takes_a_scheme_too(flowml, tmp_path):
    folder, scheme = on_disk(tmp_path / "cases"), tmp_path / "lab.toml"
    entity = (
        '[[entity]]\nname = "{}"\nlineage = "B"\nmaturity = "mature"\ncategory = "lymphoma"\n'
        'answer = "lymphoma"\nrule = "own"\naliases = ["{}"]\n'
    )
    names = {"Klasse 1": "CLL", "Klasse 2": "AML", "Klasse 3": "normal"}
    scheme.write_text("".join(entity.format(*pair) for pair in names.items()), encoding="utf-8")
    model, labels = tmp_path / "m.flowml", ("--labels", folder / "cases.csv")
    found = flowml("train", folder, *labels, "--scheme", scheme, "--out", model)
    assert says(found, 0, "Klasse 1", "Klasse 2", "Klasse 3")
    found = flowml("evaluate", folder, *labels, "--model", model)
    assert says(found, 0, "12 of 12 labelled cases right")


# --- published features ---------------------------------------------------------------------


def test_the_published_features_are_trained_on(flowml, shared_data, tmp_path):
    table = shared_data / "aml-features" / "features.csv"
    if not table.is_file():
        pytest.skip("the published features are not beside the project")
    model, how = tmp_path / "aml.flowml", ("--id", "subject", "--label", "label")
    found = flowml("train", table, *how, "--out", model, "--data-kind", "real")
    assert says(found, 0, "trained on 179 real cases: 23 AML, 156 normal",
                "180 cases have no label and are left out")  # fmt: skip
    found = flowml("evaluate", table, *how, "--model", model)
    assert says(found, 0, "of 179 labelled cases right")
