"""The file of rules that decide beyond the model: checked whole when it is read."""

from __future__ import annotations

import pytest

from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.verdict import load_verdicts

HEAD = """format = 1
[detection]
source = "s"
events_to_detect = { value = 30, source = "s" }
events_to_quantify = { value = 50, source = "s" }
"""
RULE = """[[rule]]
name = "a"
entities = ["CLL"]
source = "s"
"""


def read(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return load_verdicts(path)


def test_a_laboratory_can_have_its_own(tmp_path):
    own = read(tmp_path, HEAD + RULE + 'when = [{ of = "clonal_b_cells", at_least = 10 }]\n')
    assert own.rules[0].holds({"clonal_b_cells": 10.0})
    assert not own.rules[0].holds({"clonal_b_cells": 9.9})
    assert not own.rules[0].holds({})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('entities = ["CML", "Foo"]', "Foo"),
        ('answer = "maybe"', "maybe"),
        ('category = "leukaemia"', "leukaemia"),
        ('when = [{ of = "weight", below = 3 }]', "weight"),
        ('when = [{ of = "lymphocytes" }]', "at_least"),
        ('when = [{ of = "specimen", is = "blood" }]', "list of texts"),
        ('when = "always"', "list"),
        ("urgent = 1", "true or false"),
        ('leukemic_phase = "often"', "often"),
        ('answer = "undetermined"', "say why"),
        ('colour = "red"', "colour"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, line, told):
    rule = RULE.replace('entities = ["CLL"]\n', "") if line.startswith("entities") else RULE
    with pytest.raises(KnowledgeError, match=told):
        read(tmp_path, f"{HEAD}{rule}{line}\n")


@pytest.mark.parametrize("value", ["0", "-1", '"many"'])
def test_a_limit_of_detection_needs_events(tmp_path, value):
    with pytest.raises(KnowledgeError, match=r"events_to_detect|value"):
        read(tmp_path, HEAD.replace("30", value, 1))


def test_every_entity_whose_rule_has_no_conditions_has_the_last_word_of_the_file():
    """What labels.toml says without counts is what the file says where nothing was given."""
    for entity in load_label_tree().entities.values():
        rules = [rule for rule in load_verdicts().rules if entity.name in rule.entities]
        last = [rule for rule in rules if not rule.when]
        assert len(last) <= 1
        if last and entity.name not in {"PCL", "BPDCN"}:  # these lean on what the scope assumes
            assert last[0].name == entity.rule
            assert last[0].answer in {"", entity.answer}
