"""The file of thresholds: whole, sourced, and nothing in it that no rule asks for."""

from __future__ import annotations

import pytest
from places import ROOT

from flowml.errors import FlowmlError
from flowml.knowledge.files import HOME
from flowml.knowledge.rules import NUMBERS, load_rulebook

TEXT = (HOME / "rules.toml").read_text(encoding="utf-8")


def test_every_number_has_a_source():
    for name, numbers in load_rulebook().thresholds.items():
        assert load_rulebook().sources[name]
        assert all(number.source for number in numbers.values()), name


def test_every_number_is_asked_for():
    rules = (ROOT / "flowml" / "gating").rglob("*.py")
    code = "\n".join(path.read_text(encoding="utf-8") for path in rules)
    families = (  # names that are put together
        "dim_cd", "share_cd", "weak_cd", "level_", "cd3_cd", "bright_cd38", "plasma_cd38",
        "usual_", "least_mpo", "least_cycd3", "most_cd",
    )  # fmt: skip
    for name, numbers in NUMBERS.items():
        for number in numbers:
            assert number.startswith(families) or f'"{number}"' in code, f"{name}.{number}"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("ratio_high = ", "ratio_hihg = ", "ratio_hihg"),
        ("format = 1", "format = 2", "format"),
        ("default = { at = 2.8", "default = { at = 9.8", "at"),
        ("for_cll = { value = 4,", 'for_cll = { value = "4",', "value"),
        ("default = {", "usual = {", "default"),
    ],
)
def test_a_mistake_in_a_laboratorys_own_file_is_named(tmp_path, old, new, complaint):
    assert old in TEXT
    file = tmp_path / "rules.toml"
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FlowmlError, match=complaint):
        load_rulebook(file)


def test_a_laboratorys_own_thresholds_are_used(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(TEXT.replace("ratio_high = { value = 3.0", "ratio_high = { value = 4.0"))
    assert load_rulebook(file).number("light_chains", "ratio_high") == 4.0
    assert load_rulebook(file).cut("CD19") == load_rulebook().cut("CD19")
    assert load_rulebook().cut("no such marker") == load_rulebook().cut("default")
