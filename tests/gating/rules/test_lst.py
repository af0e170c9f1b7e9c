"""Light chains of donors and patients, against the labels of cytometrists."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.gating.rules import rule_findings
from flowml.gating.rules.cells import open_cells
from flowml.gating.rules.chains import KAPPA, LAMBDA
from flowml.gating.rules.staining import stain
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook
from tests.gating.rules.lst import samples


@pytest.fixture(scope="module")
def tubes(shared_data):
    folder = shared_data / "euroflow-lst"
    if not folder.is_dir():
        pytest.skip("the EuroFlow samples are not among the public data")
    return list(samples(folder))


def test_donors_have_no_restriction_and_patients_do(tubes):
    found = [(diagnosis, rule_findings([sample])[0].status) for diagnosis, sample, _ in tubes]
    assert [status for diagnosis, status in found if diagnosis != "HD"] == ["present"] * 3
    donors = [status for diagnosis, status in found if diagnosis == "HD"]
    assert len(donors) == 26
    assert donors.count("present") <= 1


def test_light_chains_agree_with_the_cytometrists(tubes):
    agreed = total = 0
    for diagnosis, sample, labels in tubes:
        if diagnosis != "HD":
            continue
        stained = stain(RuleTube(open_cells(sample), load_rulebook()))
        own = labels[stained.cells]
        for label, chain in (("Mature SIg Kappa", KAPPA), ("Mature SIg Lambda", LAMBDA)):
            chains = stained.chains[own == label]
            agreed += int(np.count_nonzero(chains == chain))
            total += len(chains)
    assert total > 20_000
    assert agreed / total > 0.99


def test_b_cells_of_the_cytometrists_are_gated(tubes):
    shares = []
    for _, sample, labels in tubes:
        wanted = np.char.find(labels, "Mature SIg") >= 0
        stained = stain(RuleTube(open_cells(sample), load_rulebook()))
        if wanted.sum() >= 50:
            shares.append(stained.cells[wanted].mean())
    assert np.median(shares) > 0.98
    assert min(shares) > 0.8
