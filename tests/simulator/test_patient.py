"""One patient: which cells, how many of each, which light chain, and in whose blood."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from flowml.knowledge.biology import load_biology, read_biology
from flowml.knowledge.diseases import UNIFORM
from flowml.knowledge.phenotypes import RESTRICTED
from flowml.simulator.patient import (
    CHAIN_SHIFT,
    MOST_NEOPLASTIC,
    MOST_SUBCLONES,
    details_of,
    draw_patient,
)
from tests.knowledge.small_biology import written
from tests.simulator.drawing import generator, one_variant

N = 300
MIXED = "with plasma cells"


@pytest.fixture(scope="module")
def biology(tmp_path_factory):
    return read_biology(written(tmp_path_factory.mktemp("small")))


def patients(biology, *names, n=N, seed=1, variant=None, share=None, **changes):
    """Draw patients with one disease or several, each changed as told."""
    diseases = [biology.diseases[name] for name in names]
    if variant is not None:
        diseases = [one_variant(disease, variant) for disease in diseases]
    if changes:
        diseases = [
            replace(disease, variants=tuple(replace(v, **changes) for v in disease.variants))
            for disease in diseases
        ]
    rng = generator(seed)
    return [draw_patient(diseases, biology, rng, share) for _ in range(n)]


def part_of(patient, name, chain=None):
    """Return the share of a population among the intact cells."""
    looks = zip(patient.looks.names, patient.looks.chains, strict=True)
    return sum(
        weight
        for weight, (found, its_chain) in zip(patient.weights, looks, strict=True)
        if found == name and chain in {None, its_chain}
    )


def shares(found):
    return np.array([patient.leading.share for patient in found])


def within(values, expected, error):
    """Whether a mean lies within five standard errors of what is expected."""
    return abs(np.mean(values) - expected) < 5 * error / np.sqrt(len(values))


# --- how much is neoplastic --------------------------------------------------------------


def test_shares_add_up_and_debris_is_no_cell(biology):
    for patient in patients(biology, "CLL", n=50) + patients(biology, "normal", n=50):
        assert patient.weights.sum() == pytest.approx(1)
        assert (patient.weights >= 0).all()
        assert (patient.looks.names[-1], patient.weights[-1]) == ("debris", 0)
        assert patient.disease[-1] == -1
        assert len(patient.looks) == len(patient.weights) == len(patient.disease)
        neoplastic = patient.weights[patient.disease >= 0].sum()
        assert neoplastic == pytest.approx(patient.leading.share)


def test_a_share_is_drawn_log_uniformly(biology):
    found = np.log(shares(patients(biology, "CLL", variant="typical")))
    low, high = np.log([0.02, 0.9])
    assert low <= found.min() < found.max() <= high
    assert within(found, (low + high) / 2, (high - low) / np.sqrt(12))
    assert found.var() == pytest.approx((high - low) ** 2 / 12, rel=0.25)


def test_a_share_is_drawn_uniformly_where_the_variant_says_so(biology):
    found = shares(patients(biology, "CLL", variant=MIXED))
    assert 0.1 <= found.min() < found.max() <= 0.2
    assert within(found, 0.15, 0.1 / np.sqrt(12))


def test_a_share_that_is_asked_for_takes_the_place_of_the_entitys_own(biology):
    found = np.log(shares(patients(biology, "CLL", share=(0.001, 0.01))))
    low, high = np.log([0.001, 0.01])
    assert low - 1e-9 <= found.min() < found.max() <= high + 1e-9
    assert within(found, (low + high) / 2, (high - low) / np.sqrt(12))


def test_a_share_is_nothing_to_those_without_a_clone(biology):
    for patient in patients(biology, "normal", n=20, share=(0.1, 0.2)):
        assert patient.leading.share == 0
        assert (patient.disease == -1).all()


def test_normal_cells_do_not_depend_on_the_share_that_is_asked_for(biology):
    small, large = (
        patients(biology, "CLL", n=1, variant="typical", share=(part, part))[0]
        for part in (0.01, 0.9)
    )
    assert np.array_equal(small.looks.path, large.looks.path)
    assert part_of(small, "T cells") / 0.99 == pytest.approx(part_of(large, "T cells") / 0.1)


# --- which normal cells ------------------------------------------------------------------


def test_normal_cells_are_those_of_the_specimen(biology):
    found = patients(biology, "normal")
    specimens = Counter(patient.specimen for patient in found)
    assert within([patient.specimen == "blood" for patient in found], 0.5, 0.5)
    assert set(specimens) == {"blood", "marrow"}
    for patient in found:
        assert ("hematogones" in patient.looks.names) == (patient.specimen == "marrow")
    blood = [patient for patient in found if patient.specimen == "blood"]
    ratio = [np.log10(part_of(p, "T cells") / part_of(p, "B cells")) for p in blood]
    assert within(ratio, np.log10(6), 0.1 * np.sqrt(2))  # variation: 0.1 decades each
    assert np.std(ratio) == pytest.approx(0.1 * np.sqrt(2), rel=0.25)


def test_a_disease_displaces_and_expands(biology):
    found = patients(biology, "CLL", variant="typical")  # half of the B cells are gone
    ratio = [np.log10(part_of(p, "T cells") / part_of(p, "B cells")) for p in found]
    assert within(ratio, np.log10(12), 0.1 * np.sqrt(2))


def test_a_range_of_composition_is_drawn_log_uniformly(biology):
    quiet = replace(biology.specimens["marrow"], variation={})
    still = replace(biology, specimens={**biology.specimens, "marrow": quiet})
    found = patients(still, "CLL", variant=MIXED)
    factor = [3 * part_of(p, "hematogones") / part_of(p, "T cells") for p in found]
    assert 0.1 - 1e-9 <= min(factor) < max(factor) <= 0.3 + 1e-9
    width = np.log(3)
    assert within(np.log(factor), np.log(0.1) + width / 2, width / np.sqrt(12))


def test_a_factor_of_nothing_takes_a_population_away(biology):
    for patient in patients(biology, "normal", n=5, composition={"B cells": (0.0, 0.0)}):
        assert "B cells" not in patient.looks.names
    drawn = [
        part_of(p, "B cells") * 6 / part_of(p, "T cells")
        for p in patients(biology, "normal", composition={"B cells": (0.0, 2.0)})
        if p.specimen == "blood"
    ]
    assert within(drawn, 1.0, 0.8)


def test_altered_populations_take_the_place_of_normal_ones(biology):
    cd7 = biology.markers.index("CD7")
    for patient in patients(biology, "CLL", n=20, variant=MIXED):
        look = patient.looks.names.index("T cells")
        assert patient.looks.scatter[look, 1] == pytest.approx(np.log10(20_000), abs=0.13)
        assert patient.looks.path[look, 0, cd7] < 1.61
    normal = patients(biology, "normal", n=20)
    found = np.mean([p.looks.scatter[0, 1] for p in normal])
    assert found == pytest.approx(np.log10(28_000), abs=0.05)


def test_kappa_to_lambda_is_about_three_to_two_in_polytypic_cells(biology):
    logit = []
    for patient in patients(biology, "normal"):
        kappa, lambda_ = (part_of(patient, "B cells", chain) for chain in ("kappa", "lambda"))
        logit.append(np.log(kappa / lambda_))
    assert within(logit, np.log(1.5), CHAIN_SHIFT)
    assert np.std(logit) == pytest.approx(CHAIN_SHIFT, rel=0.25)


# --- clones ------------------------------------------------------------------------------


def chains_of(patient, name):
    pairs = zip(patient.looks.names, patient.looks.chains, strict=True)
    return {chain for found, chain in pairs if found == name}


def test_all_clones_of_a_patient_have_one_light_chain(biology):
    for patient in patients(biology, "CLL", n=200, variant=MIXED):
        chain = patient.leading.chain
        assert chain in {"kappa", "lambda"}
        assert chains_of(patient, "CLL cells") == {chain}
        assert chains_of(patient, "clonal plasma cells") == {chain}


def test_light_chains_of_clones_come_as_often_as_the_line_says(biology):
    found = [p.leading.chain for p in patients(biology, "CLL", variant="typical")]
    assert within([chain == "none" for chain in found], 0.1, 0.3)
    restricted = [chain == "kappa" for chain in found if chain != "none"]
    assert within(restricted, 0.6, 0.5)


def test_a_clone_with_neither_chain_shows_none(biology):
    found = patients(biology, "CLL", n=100, variant="typical")
    first = next(patient for patient in found if patient.leading.chain == "none")
    assert chains_of(first, "CLL cells") == {""}
    look = first.looks.names.index("CLL cells")
    both = [biology.markers.index(chain) for chain in ("kappa", "lambda")]
    assert (first.looks.path[look][:, both] < 1.8).all()
    assert details_of(first)["light_chain"] == "none"


def test_cells_that_make_no_chain_are_not_restricted(biology):
    (tumor,) = patients(biology, "tumor", n=1)
    assert tumor.leading.chain == ""
    assert chains_of(tumor, "tumor cells") == {""}


def test_a_clone_has_one_to_three_subclones_whose_parts_add_up(biology):
    found = patients(biology, "CLL", variant=MIXED)
    counts = Counter()
    for patient in found:
        counts[patient.looks.names.count("CLL cells")] += 1
        plasma = part_of(patient, "clonal plasma cells") / patient.leading.share
        assert 0.1 - 1e-9 <= plasma <= 0.2 + 1e-9
        assert part_of(patient, "CLL cells") + plasma * patient.leading.share == pytest.approx(
            patient.leading.share
        )
    assert set(counts) == set(range(1, MOST_SUBCLONES + 1))
    assert min(counts.values()) > N / MOST_SUBCLONES * 0.7


def test_subclones_differ_in_what_they_express(biology):
    found = patients(biology, "CLL", n=30, variant="typical")
    patient = next(p for p in found if p.looks.names.count("CLL cells") == 3)
    rows = [n for n, name in enumerate(patient.looks.names) if name == "CLL cells"]
    cd5 = patient.looks.path[rows, 0, biology.markers.index("CD5")]
    cd34 = patient.looks.path[rows, 0, biology.markers.index("CD34")]
    assert 0.01 < np.ptp(cd5) < 0.6
    assert np.ptp(cd34) == 0


# --- variants, specimens, several diseases -----------------------------------------------


def test_variants_come_by_their_weight(biology):
    found = [p.leading.variant for p in patients(biology, "CLL")]
    assert within([variant == "typical" for variant in found], 0.75, 0.43)


def test_a_variant_has_a_specimen_of_its_own(biology):
    for patient in patients(biology, "CLL", n=100):
        expected = "blood" if patient.leading.variant == "typical" else "marrow"
        assert patient.specimen == expected


def test_of_two_diseases_the_larger_one_leads(biology):
    for patient in patients(biology, "CLL", "tumor", n=200, share=(0.05, 0.4)):
        first, second = patient.illnesses
        assert {first.entity, second.entity} == {"CLL", "tumor"}
        assert first.share >= second.share
        assert patient.leading is first
        for number, illness in enumerate(patient.illnesses):
            cells = patient.weights[patient.disease == number].sum()
            assert cells == pytest.approx(illness.share)
        normal = patient.weights[patient.disease == -1].sum()
        assert normal == pytest.approx(1 - first.share - second.share)


def test_equal_shares_keep_the_order_that_was_asked_for(biology):
    for names in (("CLL", "tumor"), ("tumor", "CLL")):
        (patient,) = patients(biology, *names, n=1, share=(0.2, 0.2))
        assert [illness.entity for illness in patient.illnesses] == list(names)


def test_clones_leave_room_for_normal_cells(biology):
    for patient in patients(biology, "CLL", "tumor", n=20, share=(0.9, 0.95)):
        assert sum(illness.share for illness in patient.illnesses) == pytest.approx(
            MOST_NEOPLASTIC
        )
        assert part_of(patient, "T cells") > 0.01


def test_two_diseases_change_the_normal_cells_together(biology):
    changes = {"composition": {"B cells": (0.5, 0.5)}, "share": (0.1, 0.1), "draw": UNIFORM}
    found = patients(biology, "CLL", "tumor", n=200, **changes)
    ratio = [
        np.log10(part_of(p, "T cells") / part_of(p, "B cells"))
        for p in found
        if p.specimen == "blood"
    ]
    assert within(ratio, np.log10(24), 0.1 * np.sqrt(2))


def test_what_the_table_says_of_a_patient(biology):
    (patient,) = patients(biology, "CLL", "tumor", n=1, share=(0.00002, 0.00002))
    told = details_of(patient)
    assert (told["entity"], told["second_entity"]) == ("CLL", "tumor")
    assert told["neoplastic_share"] == told["second_share"] == "0.000020"
    (healthy,) = patients(biology, "normal", n=1)
    assert details_of(healthy) == {
        "entity": "normal", "variant": "healthy", "specimen": healthy.specimen,
        "neoplastic_share": "0.000000", "light_chain": "", "second_entity": "",
        "second_share": "",
    }  # fmt: skip


# --- the same again, and flowml's own knowledge ------------------------------------------


def test_the_same_draws_give_the_same_patient(biology):
    one, same, other = (patients(biology, "CLL", n=1, seed=seed)[0] for seed in (1, 1, 2))
    assert details_of(one) == details_of(same)
    assert one.leading.share == same.leading.share
    assert np.array_equal(one.weights, same.weights)
    assert np.array_equal(one.looks.path, same.looks.path)
    assert one.leading.share != other.leading.share


@pytest.mark.parametrize("name", list(load_biology().diseases))
def test_every_variant_of_every_disease_makes_a_patient(name):
    known = load_biology()
    for variant in known.diseases[name].variants:
        (patient,) = patients(known, name, n=1, variant=variant.name)
        assert patient.weights.sum() == pytest.approx(1)
        assert patient.weights.min() >= 0
        for values in (patient.looks.path, patient.looks.spread, patient.looks.scatter):
            assert np.isfinite(values).all()
        assert ((patient.looks.cells >= 0) & (patient.looks.cells <= 1)).all()
        restricted = [
            clone.population.light_chains is not None
            and clone.population.light_chains.kind == RESTRICTED
            for clone in variant.clones
        ]
        assert (patient.leading.chain != "") == any(restricted)
