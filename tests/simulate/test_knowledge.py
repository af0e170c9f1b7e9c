"""The simulator's knowledge files: complete, and an error names the entry at fault."""

import shutil

import pytest

from flowml.errors import FlowmlError
from flowml.knowledge import load_label_tree
from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.files import HOME
from flowml.knowledge.simulator import (
    KNOWLEDGE_FILES,
    NEOPLASMS_FILE,
    NORMAL_FILE,
    PANEL_FILE,
    load_simulator_knowledge,
    read_simulator_knowledge,
)


@pytest.fixture
def folder(tmp_path):
    for name in (PANEL_FILE, NORMAL_FILE, NEOPLASMS_FILE):
        shutil.copy(HOME / name, tmp_path / name)
    return tmp_path


def changed(folder, name, old, new):
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def test_the_seven_entities_are_canonical():
    known = load_simulator_knowledge().entities
    assert list(known) == ["normal", "AML", "B-ALL", "T-ALL", "CLL", "MCL", "FL"]
    assert all(load_label_tree().canonical(name) == name for name in known)


def test_every_knowledge_file_is_there():
    assert all((HOME / name).is_file() for name in KNOWLEDGE_FILES)


def test_ladder_rises_in_steps():
    knowledge = load_simulator_knowledge()
    blasts = knowledge.populations["myeloid blasts"].expressions
    (start, _), (middle, _), (end, _) = blasts["CD34"].path
    assert start.decades > middle.decades > end.decades
    assert start.decades == pytest.approx(4.3 - 0.15)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            NORMAL_FILE,
            'CD3 = "bright"',
            'CD3 = "brigt"',
            r"'T cells', markers.*'brigt'.*bright",
        ),
        (NORMAL_FILE, 'CD3 = "bright"', 'CD99 = "bright"', r"'T cells'.*unknown entry 'CD99'"),
        (NORMAL_FILE, 'CD3 = "bright"', "CD3 = 4.3", r"'T cells'.*'CD3' is 4.3"),
        (NORMAL_FILE, '"dim..moderate"', '"pos..dim"', r"gamma-delta.*dimmer level first"),
        (
            NORMAL_FILE,
            '["neg", "dim", "bright"]',
            '["neg"]',
            r"hematogones.*1 steps, expected 3",
        ),
        (NORMAL_FILE, "fsc = 62000", 'fsc = "large"', r"'T cells': 'fsc' is 'large'"),
        (NORMAL_FILE, "fsc = 62000", "fsc = nan", r"'T cells': 'fsc' is nan"),
        (NORMAL_FILE, "fsc = 62000\n", "", r"'T cells': 'fsc' is missing"),
        (
            NORMAL_FILE,
            'name = "NK cells"',
            'name = "T cells"',
            "'T cells': the name is given twice",
        ),
        (NORMAL_FILE, "neutrophils = 56", "neutrophil = 56", r"'blood', percent.*neutrophils"),
        (NORMAL_FILE, "cells = [0.82, 0.96]", "cells = [0.96, 0.82]", "least first"),
        (NORMAL_FILE, "[0.045, 0.10]", "[0.045]", "expected two numbers"),
        (PANEL_FILE, "format = 1", "format = 2", "format is 2, expected 1"),
        (PANEL_FILE, 'marker = "CD117"', 'marker = "CD7"', "a marker of its own"),
        (PANEL_FILE, "neg = {", "negative = {", "no level 'neg'"),
        (PANEL_FILE, '"PE-A" = 0.16', '"PE-B" = 0.16', r"FITC-A.*'PE-B'.*PE-A"),
        (PANEL_FILE, '"PE-A" = 0.16', '"PE-A" = 16', "number from 0 to 1"),
        (PANEL_FILE, "debris = [", "debri = [", r"tube: unknown entry 'debri'"),
        (NEOPLASMS_FILE, 'name = "CLL"', 'name = "SLL"', r"'SLL'.*canonical 'CLL'"),
        (NEOPLASMS_FILE, 'name = "CLL"', 'name = "CLM"', r"entity 'CLM'.*not an entity"),
        (NEOPLASMS_FILE, 'draw = "log-uniform"', 'draw = "log"', r"'CLL': 'draw' is 'log'"),
        (NEOPLASMS_FILE, "share = [0.20, 0.90]", "share = []", r"'AML': a share needs a clone"),
        (NEOPLASMS_FILE, "blood = 0.5", "blod = 0.5", r"'normal', specimen.*'blod'.*blood"),
        (NEOPLASMS_FILE, "source = ", "sauce = ", "unknown entry 'sauce'"),
        (NEOPLASMS_FILE, "weight = 0.60", "weight = 0", r"'CD34-positive': 'weight' is 0,"),
        (
            NEOPLASMS_FILE,
            "blood = 0.5, marrow = 0.5",
            "blood = 0",
            "at least one number above 0",
        ),
    ],
)
def test_an_error_names_the_entry(folder, name, old, new, message):
    with pytest.raises(KnowledgeError, match=message) as caught:
        read_simulator_knowledge(changed(folder, name, old, new))
    assert name in str(caught.value)


def test_no_toml_at_all(folder):
    (folder / PANEL_FILE).write_text("format = ")
    with pytest.raises(FlowmlError, match="not a TOML file"):
        read_simulator_knowledge(folder)


def test_a_table_that_is_none(folder):
    (folder / NEOPLASMS_FILE).write_text("format = 1\nentity = 3\n")
    with pytest.raises(KnowledgeError, match="expected \\[\\[entity\\]\\] tables"):
        read_simulator_knowledge(folder)
    (folder / NEOPLASMS_FILE).write_text("format = 1\nentity = [3]\n")
    with pytest.raises(KnowledgeError, match=r"entity 1.*expected a table"):
        read_simulator_knowledge(folder)
