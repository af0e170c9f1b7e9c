"""The label tree: what the design promises of each entity."""

from __future__ import annotations

import pytest

from flowml.errors import FlowmlError, LabelError
from flowml.knowledge import load_label_tree
from flowml.knowledge.labels import label_tree_from, read_label_tree

ACUTE = ("acute_leukemia", "leukemia")
OVERLAP = ("leukemia_lymphoma_overlap", "undetermined")
LYMPHOMA = ("lymphoma", "lymphoma")
CHRONIC = ("chronic_leukemia", "leukemia")
AGGRESSIVE = ("aggressive_mature_leukemia", "leukemia")
NOTHING = ("no_abnormal_population", "neither")

# lineage, then category and answer
EXPECTED = {
    "AML": ("myeloid", *ACUTE), "APL": ("myeloid", *ACUTE),
    "B-ALL": ("B", *ACUTE), "T-ALL": ("T", *ACUTE), "ETP-ALL": ("T", *ACUTE),
    "MPAL": ("ambiguous", *ACUTE), "AUL": ("ambiguous", *ACUTE),
    "CLL": ("B", *OVERLAP), "HCL": ("B", *CHRONIC),
    "HCL variant": ("B", *OVERLAP), "B-PLL": ("B", *OVERLAP), "SDRPL": ("B", *OVERLAP),
    "splenic B-cell lymphoma/leukemia with prominent nucleoli": ("B", *OVERLAP),
    "MCL": ("B", *LYMPHOMA), "FL": ("B", *LYMPHOMA), "MZL": ("B", *LYMPHOMA),
    "LPL": ("B", *LYMPHOMA), "DLBCL": ("B", *LYMPHOMA), "BL": ("B", *LYMPHOMA),
    "T-PLL": ("T", *AGGRESSIVE), "T-LGLL": ("T", *CHRONIC), "NK-LGLL": ("NK", *CHRONIC),
    "aggressive NK-cell leukemia": ("NK", *AGGRESSIVE),
    "ATLL": ("T", *OVERLAP), "Sezary": ("T", *LYMPHOMA), "PTCL": ("T", *LYMPHOMA),
    "AITL": ("T", *LYMPHOMA), "HSTL": ("T", *LYMPHOMA), "NK/T lymphoma": ("NK", *LYMPHOMA),
    "MM": ("plasma_cell", "plasma_cell_neoplasm", "neither"),
    "plasma cell leukemia": ("plasma_cell", "plasma_cell_neoplasm", "leukemia"),
    "MGUS": ("plasma_cell", "precursor_state", "neither"),
    "MDS": ("myeloid", "myeloid_non_acute", "neither"),
    "MPN": ("myeloid", "myeloid_non_acute", "neither"),
    "CML": ("myeloid", *CHRONIC), "CMML": ("myeloid", *CHRONIC), "JMML": ("myeloid", *CHRONIC),
    "BPDCN": ("dendritic", "dendritic_neoplasm", "leukemia"),
    "normal": ("none", *NOTHING), "reactive": ("none", *NOTHING),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_every_line_of_the_design_is_in_the_tree(name):
    tree = load_label_tree()
    entity = tree.entities[tree.canonical(name)]
    assert (entity.lineage, entity.category, entity.answer) == EXPECTED[name]


def test_the_tree_has_nothing_else():
    tree = load_label_tree()
    assert {tree.canonical(name) for name in EXPECTED} == set(tree.entities)


@pytest.mark.parametrize("name", ["B-ALL", "T-ALL", "ETP-ALL", "AML", "APL", "MPAL", "AUL"])
def test_acute_leukemias_are_precursor_neoplasms_and_urgent(name):
    entity = load_label_tree().entities[name]
    assert entity.maturity == "precursor"
    assert entity.urgent


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("hcl", "HCL"), ("HZL", "HCL"), ("Haarzellleukämie", "HCL"), ("Mantel", "MCL"),
        ("Marginal", "MZL"), ("Plasmozytom", "MM"), ("CLL/SLL", "CLL"), ("MBL", "CLL"),
        ("b all", "B-ALL"), ("B_ALL", "B-ALL"), ("common ALL", "B-ALL"), ("pre-T-ALL", "T-ALL"),
        ("Sézary syndrome", "Sezary"), ("PL", "B-PLL"), ("LPL/WM", "LPL"), ("AML M3", "APL"),
        ("APL with PML::RARA", "APL"), ("gesund", "normal"), ("reaktiv", "reactive"),
        ("mixed-phenotype acute leukemia", "MPAL"), ("DIFFUSE LARGE B-CELL LYMPHOMA", "DLBCL"),
        ("chronische lymphatische Leukämie", "CLL"), ("Burkitt-Lymphom", "BL"),
    ],
)  # fmt: skip
def test_aliases_resolve_in_any_letter_case(written, canonical):
    assert load_label_tree().canonical(written) == canonical


# Every name of the design (LABELS), and what the classifications of 2022 call the same; British
# and American, German with umlauts and without.
NAMES = {
    "AML": ["Acute myeloid leukaemia", "akute myeloische Leukaemie", "AML, NOS"],
    "APL": ["Acute promyelocytic leukaemia with PML::RARA fusion", "Promyelozytenleukaemie"],
    "B-ALL": ["B-lymphoblastic leukaemia/lymphoma", "pro-B", "common ALL", "pre-B", "c-ALL"],
    "T-ALL": ["T-lymphoblastic leukaemia/lymphoma, NOS", "pro-T", "pre-T", "cortical T-ALL",
              "mature T-ALL"],
    "ETP-ALL": ["Early T-precursor lymphoblastic leukaemia/lymphoma", "ETP",
                "Early T-cell precursor lymphoblastic leukemia"],
    "MPAL": ["MPAL, B/myeloid", "MPAL T/myeloid", "MPAL B/T",
             "Mixed-phenotype acute leukaemia, T/myeloid", "mixed phenotype acute leukemia"],
    "AUL": ["Acute undifferentiated leukaemia"],
    "CLL": ["SLL", "MBL", "CLL/SLL", "CLL+MBL", "chronische lymphatische Leukaemie",
            "Chronic lymphocytic leukaemia/small lymphocytic lymphoma"],
    "HCL": ["HZL", "Hairy cell leukaemia", "Haarzellleukaemie"],
    "HCL-v": ["HCL variant", "HZL-Variante", "hairy cell leukaemia variant"],
    "B-PLL": ["PL", "B-cell prolymphocytic leukemia", "B-prolymphocytic leukaemia"],
    "SBLPN": ["Splenic B-cell lymphoma/leukaemia with prominent nucleoli"],
    "SDRPL": ["Splenic diffuse red pulp small B-cell lymphoma"],
    "MCL": ["Mantel", "Mantelzelllymphom", "Mantle cell lymphoma"],
    "FL": ["Follicular lymphoma", "follikulaeres Lymphom"],
    "MZL": ["Marginal", "SMZL", "Splenic marginal zone lymphoma",
            "Nodal marginal zone lymphoma",
            "Extranodal marginal zone lymphoma of mucosa-associated lymphoid tissue"],
    "LPL": ["Waldenström", "Waldenstrom", "Waldenstroem", "Immunozytom",
            "IgM-LPL/Waldenström Macroglobulinaemia"],
    "DLBCL": ["Diffuse large B-cell lymphoma, NOS", "diffus grosszelliges B-Zell-Lymphom"],
    "BL": ["Burkitt lymphoma", "Burkitt"],
    "T-PLL": ["T-prolymphocytic leukaemia", "T-cell prolymphocytic leukemia"],
    "T-LGLL": ["T-large granular lymphocytic leukaemia",
               "T-cell large granular lymphocytic leukemia"],
    "NK-LGLL": ["NK-large granular lymphocytic leukaemia",
                "Chronic lymphoproliferative disorder of NK cells"],
    "ANKL": ["Aggressive NK-cell leukaemia"],
    "ATLL": ["Adult T-cell leukaemia/lymphoma", "ATL"],
    "Sezary": ["Sézary syndrome", "Sezary-Syndrom", "Sézary-Syndrom"],
    "PTCL": ["Peripheral T-cell lymphoma, NOS",
             "Peripheral T-cell lymphoma, not otherwise specified"],
    "AITL": ["Nodal TFH cell lymphoma, angioimmunoblastic type",
             "Follicular helper T-cell lymphoma, angioimmunoblastic type"],
    "HSTL": ["Hepatosplenic T-cell lymphoma"],
    "NKTCL": ["NK/T lymphoma", "Extranodal NK/T-cell lymphoma",
              "Extranodal NK/T-cell lymphoma, nasal type"],
    "MM": ["Plasmozytom", "Plasma cell myeloma", "Multiple myeloma", "Multiples Myelom"],
    "PCL": ["Plasma cell leukaemia", "Plasmazellleukaemie"],
    "MGUS": ["monoclonal gammopathy of undetermined significance"],
    "MDS": ["Myelodysplastic neoplasm", "Myelodysplastic syndrome"],
    "MPN": ["Myeloproliferative neoplasm"],
    "CML": ["Chronic myeloid leukaemia"],
    "CMML": ["Chronic myelomonocytic leukaemia"],
    "JMML": ["Juvenile myelomonocytic leukaemia"],
    "BPDCN": ["Blastic plasmacytoid dendritic cell neoplasm"],
    "normal": ["unauffällig", "unauffaellig", "gesund"],
    "reactive": ["reaktiv"],
}  # fmt: skip


@pytest.mark.parametrize("entity", NAMES)
def test_the_names_of_who_and_icc_2022_and_german_ones_resolve(entity):
    assert {name: load_label_tree().canonical(name) for name in NAMES[entity]} == dict.fromkeys(
        NAMES[entity], entity
    )
    assert set(NAMES) == set(load_label_tree().entities)


@pytest.mark.parametrize(
    "written",
    ["Se\u0301zary", "B\u2013PLL", "B\u2011ALL", "T\u00a0ALL", "HAARZELLLEUKA\u0308MIE"],
)
def test_how_letters_and_dashes_are_coded_does_not_matter(written):
    assert load_label_tree().canonical(written) in {"Sezary", "B-PLL", "B-ALL", "T-ALL", "HCL"}


def test_a_model_s_tree_goes_before_that_of_flowml(tmp_path):
    own = own_tree(
        tmp_path, AXES + ENTITY.format(name="B", lineage="B") + 'aliases = ["CLL", "hzl"]'
    )
    tree = read_label_tree(own).widened()
    assert (tree.canonical("CLL"), tree.canonical("HZL")) == ("B", "B")
    assert (tree.canonical("Mantel"), tree.canonical("gesund")) == ("MCL", "normal")
    assert next(iter(tree.entities)) == "B"
    assert "HCL" in tree.entities  # by the names that are left to it
    assert tree.canonical("Haarzellleukämie") == "HCL"
    with pytest.raises(LabelError, match="not an entity"):  # whose owner is not sure
        tree.canonical("SLL")


def test_canonical_names_are_their_own():
    tree = load_label_tree()
    for name in tree.known_names():
        canonical = tree.canonical(name)
        assert tree.canonical(canonical) == canonical
        assert tree.canonical(name.upper()) == canonical


@pytest.mark.parametrize(
    ("wrong", "near"), [("CML-X", "CML"), ("Mantle cel lymphoma", "mantle cell lymphoma")]
)
def test_an_unknown_entity_is_refused_with_its_nearest_spelling(wrong, near):
    with pytest.raises(LabelError) as refused:
        load_label_tree().canonical(wrong)
    assert f"{wrong!r} is not an entity" in str(refused.value)
    assert near in str(refused.value)
    assert "Correct the label; the page on labels" in str(refused.value)


@pytest.mark.parametrize("wrong", ["", "x" * 100_000, "\x1b[31m"])
def test_hostile_entities_are_refused_in_a_short_message(wrong):
    with pytest.raises(LabelError) as refused:
        load_label_tree().canonical(wrong)
    assert len(str(refused.value)) < 800
    assert "\x1b" not in str(refused.value)


def test_a_subset_keeps_the_order_given():
    tree = load_label_tree().subset(["MCL", "hzl", "CLL"])
    assert list(tree.entities) == ["MCL", "HCL", "CLL"]


def test_a_tree_survives_its_plain_form():
    tree = load_label_tree()
    assert label_tree_from(tree.to_list(), "x").entities == tree.entities


ENTITY = """
[[entity]]
name = "{name}"
lineage = "{lineage}"
maturity = "mature"
category = "lymphoma"
answer = "lymphoma"
rule = "r"
"""
AXES = """
lineages = ["B"]
maturities = ["mature"]
categories = ["lymphoma"]
answers = ["lymphoma"]
"""


def own_tree(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_laboratory_may_bring_its_own_tree(tmp_path):
    path = own_tree(tmp_path, AXES + ENTITY.format(name="X", lineage="B"))
    assert list(read_label_tree(path).entities) == ["X"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (AXES + ENTITY.format(name="X", lineage="Z"), "'X' has lineage 'Z'; expected one of B"),
        (AXES + '[[entity]]\nname = "X"\n', "entity 1 of .*own.toml: .*lineage"),
        (AXES + ENTITY.format(name="X", lineage="B") + 'typo = "x"\n', "typo"),
        (AXES + ENTITY.format(name="X", lineage="B") + 'aliases = ["y"]\n'
         + ENTITY.format(name="Y", lineage="B"), "'Y' names both 'X' and 'Y'"),
        (AXES + ENTITY.format(name="X", lineage="B") + 'aliases = "y"\n', "are no list"),
        (AXES + ENTITY.format(name="X", lineage="B") + "aliases = [3]\n", "an alias is 3"),
        (AXES + ENTITY.format(name="X", lineage="B") + "urgent = 1\n", "urgent is neither"),
        (AXES + ENTITY.format(name="-", lineage="B"), "name is '-', expected a text"),
        (AXES + ENTITY.format(name="\\u001b[2J", lineage="B"), "signs that can be shown"),
        (AXES + 2 * ENTITY.format(name="X", lineage="B"), "an entity stands there twice"),
        (ENTITY.format(name="X", lineage="Z"), "lineage 'Z'; expected one of B, T, NK"),
    ],
)  # fmt: skip
def test_a_tree_with_errors_names_them(tmp_path, text, message):
    with pytest.raises(LabelError, match=message):
        read_label_tree(own_tree(tmp_path, text))


@pytest.mark.parametrize(("name", "text"), [("own.toml", "= broken"), ("absent.toml", None)])
def test_a_tree_that_cannot_be_read_is_an_error(tmp_path, name, text):
    if text is not None:
        own_tree(tmp_path, text)
    with pytest.raises(FlowmlError, match=name):
        read_label_tree(tmp_path / name)
