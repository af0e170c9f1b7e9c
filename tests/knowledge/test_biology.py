"""What cells there are: the files are complete, and an error names the entry at fault."""

import pytest

from flowml.errors import FlowmlError
from flowml.knowledge import load_label_tree
from flowml.knowledge.biology import load_biology, read_biology
from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.markers import name_channel
from tests.knowledge.small_biology import written

TOGETHER = 'together = [["CD3", "CD7", 0.5]]'


@pytest.fixture
def small(tmp_path):
    return read_biology(written(tmp_path))


def test_a_population_inherits_what_it_does_not_say(small):
    t_cells, b_cells = small.populations["T cells"], small.populations["B cells"]
    assert b_cells.fsc == t_cells.fsc
    assert b_cells.expressions["CD45"] == t_cells.expressions["CD45"]
    assert b_cells.expressions["CD3"].path[0][0].decades == 1.5
    assert b_cells.together == t_cells.together == (("CD3", "CD7", 0.5),)
    assert (b_cells.size_to_ssc, t_cells.size_to_ssc) == (0.6, 0.6)
    assert b_cells.light_chains.kappa == 0.6
    assert t_cells.light_chains is None


def test_how_much_donors_vary_is_not_inherited(tmp_path):
    more = 'name = "T cells"', 'name = "T cells"\nvariation = 2'
    found = read_biology(written(tmp_path, populations=more))
    assert found.populations["T cells"].variation == 2
    assert found.populations["B cells"].variation == 1
    altered = found.diseases["CLL"].variants[1].altered["T cells"]
    assert altered.variation == 2  # the same cells, changed


def test_a_level_a_range_a_path_and_a_table(small):
    t_cells, young = small.populations["T cells"], small.populations["hematogones"]
    assert t_cells.expressions["CD3"].path == (t_cells.expressions["CD45"].path[0],) * 3
    cd7 = t_cells.expressions["CD7"]
    assert (cd7.path[0][0].decades, cd7.path[0][1].decades) == (2.8, 3.7)
    assert (cd7.share, cd7.cells, cd7.spread) == (0.5, (0.4, 0.9), 0.3)
    assert [low.decades for low, _ in young.expressions["CD34"].path] == [4.2, 2.8, 1.5]
    assert small.levels["pos--"].decades == pytest.approx(3.4)


def test_a_variant_overrides_its_entity(small):
    typical, other = small.diseases["CLL"].variants
    assert (typical.share, typical.draw) == ((0.02, 0.9), "log-uniform")
    assert (other.share, other.draw) == ((0.1, 0.2), "uniform")
    assert (typical.specimens, other.specimens) == ({"blood": 1.0}, {"marrow": 1.0})
    assert typical.composition == {"B cells": (0.5, 0.5)}
    assert other.composition == {"B cells": (0.5, 0.5), "hematogones": (0.1, 0.3)}
    assert [clone.part for clone in other.clones] == [None, (0.1, 0.2)]
    assert other.altered["T cells"].ssc == 20000
    assert other.altered["T cells"].fsc == small.populations["T cells"].fsc
    assert other.altered["T cells"].expressions["CD7"].path[0][0].decades == 1.5


def test_what_lies_outside_the_label_tree_comes_last(small):
    assert list(small.diseases) == ["normal", "CLL", "tumor"]
    assert small.diseases["tumor"].outside


def test_markers_are_those_of_all_files(small):
    assert small.markers == tuple(sorted(small.markers))
    assert {"CD3", "CD5", "CD34", "kappa", "lambda", "cykappa", "cylambda"} <= set(
        small.markers
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("levels", "neg = {", "negative = {", "no level 'neg'"),
        ("levels", "decades = 2.8", "decades = 28", "levels, dim: 'decades' is 28"),
        ("populations", '"bright"', '"brigt"', r"'T cells', markers.*'brigt'.*bright"),
        ("populations", 'CD3 = "bright"', 'cd3 = "bright"', r"'cd3' is not the canonical"),
        ("populations", "CD3 =", '"no such thing" =', "markers.toml lacks it"),
        ("populations", 'CD3 = "bright"', "CD3 = 4.3", r"'T cells'.*'CD3' is 4.3"),
        ("populations", '"dim..pos"', '"pos..dim"', "dimmer level first"),
        ("populations", '["bright", "dim", "neg"]', '["neg"]', "1 steps, expected 3"),
        ("populations", "fsc = 46000", 'fsc = "large"', r"'T cells': 'fsc' is 'large'"),
        ("populations", "fsc = 46000", "fsc = nan", r"'T cells': 'fsc' is nan"),
        ("populations", "fsc = 46000\n", "", r"'T cells': 'fsc' is missing"),
        ("populations", 'like = "T cells"', 'like = "Tcells"', r"'Tcells'.*nearest: T cells"),
        ("populations", 'name = "B cells"', 'name = "T cells"', "the name is given twice"),
        ("populations", "cells = [0.4, 0.9]", "cells = [0.9, 0.4]", "least first"),
        ("populations", "[0.05, 0.1]", "[0.05]", "expected two numbers"),
        ("populations", '"polytypic"', '"mixed"', "'kind' is 'mixed', expected polytypic"),
        ("populations", TOGETHER, 'together = "CD3"', "'together' is 'CD3', expected a list"),
        ("populations", TOGETHER, 'together = [["CD3", "CD7"]]', "two markers and their"),
        ("populations", TOGETHER, 'together = [["CD3", "CD3", 0.5]]', "two markers and their"),
        ("populations", TOGETHER, 'together = [["CD3", "CD7", 2]]', "'correlation' is 2"),
        ("populations", TOGETHER, 'together = [["CD3", "cd7", 0.5]]', "'cd7' is not the can"),
        ("populations", TOGETHER, "size_to_ssc = 1.2", "'size_to_ssc' is 1.2"),
        ("populations", 'source = "a test"', 'sauce = "a test"', "unknown entry 'sauce'"),
        ("populations", 'source = "a test"', "", "'T cells': 'source' is missing"),
        ("specimens", '"B cells" = 10', '"B cell" = 10', r"'blood', percent.*nearest: B cells"),
        ("specimens", '= 60\n"B cells" = 10', '= 0\n"B cells" = 0', "one number above 0"),
        ("all", 'name = "CLL"', 'name = "SLL"', r"'SLL'.*canonical 'CLL'"),
        ("all", 'name = "CLL"', 'name = "CLM"', r"entity 'CLM'.*not an entity"),
        ("all", 'draw = "log-uniform"', 'draw = "log"', r"'CLL'.*'draw' is 'log'"),
        ("all", "share = [0.02, 0.9]", "share = []", "a share needs a clone"),
        ("all", "blood = 0.5", "blod = 0.5", r"'normal'.*'blod'.*blood"),
        ("all", "weight = 3", "weight = -3", r"'typical': 'weight' is -3"),
        ("all", "part = [0.1, 0.2]\n", "", "exactly one clone must have no 'part'"),
        ("all", 'population = "T cells"', 'population = "T cell"', "no such population"),
        ("all", 'outside = true', 'outside = "yes"', "'outside' must be true or false"),
        ("all", '"B cells" = 0.5', '"B cell" = 0.5', r"composition.*'B cell'.*B cells"),
        ("all", '"restricted"', '"polytypic"', r"'CLL cells'.*one light chain"),
        ("all", 'name = "tumor"', 'name = "CLL"', "'CLL'.*given twice|stands twice"),
    ],
)  # fmt: skip
def test_an_error_names_the_entry(tmp_path, file, old, new, message):
    with pytest.raises(KnowledgeError, match=message):
        read_biology(written(tmp_path, **{file: (old, new)}))


def test_an_entity_that_stands_in_two_files(tmp_path):
    place = written(tmp_path)
    (place / "entities" / "more.toml").write_text(
        (place / "entities" / "all.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with pytest.raises(KnowledgeError, match="'normal' stands twice"):
        read_biology(place)


def test_no_entities_at_all(tmp_path):
    place = written(tmp_path)
    (place / "entities" / "all.toml").unlink()
    with pytest.raises(FlowmlError, match="holds no TOML file"):
        read_biology(place)


def test_another_format_and_no_toml_at_all(tmp_path):
    place = written(tmp_path, levels=("format = 1", "format = 2"))
    with pytest.raises(KnowledgeError, match="format is 2, expected 1"):
        read_biology(place)
    (place / "levels.toml").write_text("format = ")
    with pytest.raises(FlowmlError, match="not a TOML file"):
        read_biology(place)


def test_a_table_that_is_none(tmp_path):
    place = written(tmp_path)
    (place / "entities" / "all.toml").write_text("format = 1\nentity = 3\n")
    with pytest.raises(KnowledgeError, match=r"expected \[\[entity\]\] tables"):
        read_biology(place)
    (place / "entities" / "all.toml").write_text("format = 1\nentity = [3]\n")
    with pytest.raises(KnowledgeError, match=r"entity 1.*expected a table"):
        read_biology(place)


def test_flowmls_own_entities_are_canonical_and_described():
    diseases = load_biology().diseases
    inside = [name for name, disease in diseases.items() if not disease.outside]
    assert set(inside) == set(load_label_tree().entities)
    assert all(disease.source for disease in diseases.values())


def test_flowmls_own_markers_are_known():
    for marker in load_biology().markers:
        assert name_channel("", marker).marker == marker
        assert name_channel("", marker).known
