"""Light chains of B cells, and of small parts of them."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.gating.rules.chains import KAPPA, LAMBDA, NEITHER, aligned, count, light_chains
from flowml.gating.rules.light_chains import light_chain_finding
from flowml.gating.rules.regions import nearest
from flowml.gating.rules.small_groups import find_group
from flowml.gating.rules.staining import stain
from tests.gating.rules.mixing import LYMPHOCYTES, tube, without

MARKERS = "CD45 CD19 CD5 CD20 CD38 kappa lambda"
SHARED = "CD45 CD19+TCRgd CD3 CD5 CD4+CD20 CD38 CD56+kappa CD8+lambda"
B = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.1, "CD19": 3.7, "CD20": 4.2}
T = LYMPHOCYTES | {"CD5": 4.0}
K, L = B | {"kappa": 3.7}, B | {"lambda": 3.7}
CLONE = {"CD5": 3.4, "CD20": 3.4, "CD19": 3.3}


def polyclonal(markers=MARKERS, n=1000, *more, **names):
    return tube(markers, (3000, T), (6 * n // 10, K), (4 * n // 10, L), *more, **names)


def test_polyclonal_b_cells_are_no_finding_but_numbers():
    found = light_chain_finding([polyclonal()])
    assert (found.status, found.urgent) == ("absent", False)
    assert found.numbers["ratio"] == pytest.approx(1.5, abs=0.1)
    assert found.numbers["ratio_low"] < 1.5 < found.numbers["ratio_high"]
    assert found.n_events == pytest.approx(1000, abs=20)
    assert found.source


@pytest.mark.parametrize("chain", ["kappa", "lambda"])
def test_a_large_clone_is_found_among_all_b_cells(chain):
    found = light_chain_finding([polyclonal(MARKERS, 500, (2000, B | {chain: 4.0}))])
    assert found.status == "present"
    assert f"{chain} restricted" in found.summary
    assert found.population == "all B cells"


@pytest.mark.parametrize("chain", ["kappa", "lambda"])
def test_a_small_clone_is_found_in_its_part_of_the_b_cells(chain):
    found = light_chain_finding([polyclonal(MARKERS, 3000, (160, B | CLONE | {chain: 3.5}))])
    assert found.status == "present"
    assert f"{chain} restricted" in found.summary
    assert "CD5 higher" in found.population
    assert found.numbers["share_of_b_cells"] == pytest.approx(0.05, abs=0.02)


def test_b_cells_without_a_light_chain_are_a_finding():
    found = light_chain_finding([polyclonal(MARKERS, 500, (1000, B | CLONE))])
    assert found.status == "present"
    assert "without either" in found.summary


def test_precursors_and_plasma_cells_need_no_light_chain():
    early = B | {"CD45": 3.5, "CD38": 4.2, "CD20": 2.2}
    plasma = B | {"CD38": 4.6, "CD20": 2.0, "FSC": 4.8}
    found = light_chain_finding([polyclonal(MARKERS, 500, (800, early), (400, plasma))])
    assert found.status == "absent"
    assert found.n_events == pytest.approx(500, abs=20)


def test_channels_that_two_markers_share_are_read_in_b_cells_only():
    kappa = {"CD19+TCRgd": 3.7, "CD4+CD20": 4.2, "CD56+kappa": 3.7}
    lambda_ = {"CD19+TCRgd": 3.7, "CD4+CD20": 4.2, "CD8+lambda": 3.7}
    plain = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.1}
    mixed = tube(
        SHARED, (2000, T | {"CD4+CD20": 3.5}), (3000, T | {"CD8+lambda": 3.8}),
        (500, plain | {"CD56+kappa": 3.6}), (600, plain | kappa), (400, plain | lambda_),
    )  # fmt: skip
    found = light_chain_finding([mixed])
    assert found.status == "absent"
    assert found.n_events == pytest.approx(1000, abs=20)


def test_too_few_b_cells_are_not_judged():
    found = light_chain_finding([polyclonal(MARKERS, 60)])
    assert found.status == "not assessable"
    assert "60 B cells only" in found.summary


def test_missing_markers_are_named():
    whole = polyclonal()
    found = light_chain_finding([without(whole, "lambda")])
    assert (found.status, found.missing) == ("not assessable", ("lambda",))
    apart = [without(whole, "lambda"), without(whole, "kappa")]
    assert light_chain_finding(apart).missing == ("kappa", "lambda", "CD19")


def test_the_tube_with_the_restriction_is_reported():
    clone = polyclonal(MARKERS, 500, (2000, B | {"kappa": 4.0}), name="clone")
    assert light_chain_finding([polyclonal(name="other"), clone]).tube == "clone"


def test_the_order_of_events_does_not_matter():
    mixed = polyclonal(MARKERS, 1000, (100, B | CLONE | {"kappa": 3.5}))
    turned = {key: values[::-1].copy() for key, values in mixed.cells.levels.items()}
    other = type(mixed)(type(mixed.cells)("1", turned, mixed.cells.n_events), mixed.book)
    assert light_chain_finding([mixed]).numbers == light_chain_finding([other]).numbers


def test_background_of_the_other_chain_does_not_make_a_cell_double():
    kappa = np.full(200, 2.9, np.float32)
    lambda_ = np.full(200, 3.7, np.float32)
    assert set(light_chains(kappa, lambda_, (2.0, 2.0), 0.5)) == {LAMBDA}
    assert set(light_chains(kappa * 0 + 2, lambda_ * 0 + 2, (2.0, 2.0), 0.5)) == {NEITHER}


def test_spillover_of_a_chain_is_taken_out_of_other_markers():
    rng = np.random.default_rng(3)
    chains = np.repeat([KAPPA, LAMBDA], 500).astype(np.int8)
    spilt = rng.normal(2.0, 0.2, 1000) + 0.6 * (chains == KAPPA)
    moved = aligned(spilt.astype(np.float32), chains)
    medians = [np.median(moved[chains == chain]) for chain in (KAPPA, LAMBDA)]
    assert medians[0] == pytest.approx(medians[1], abs=0.01)


def test_counts_of_no_cells():
    counts = count(np.zeros(0, np.int8))
    assert counts.total == 0
    assert np.isnan(counts.ratios(0.95)[0])


def test_stained_cells_are_b_cells():
    stained = stain(polyclonal())
    assert stained.cells.sum() == len(stained.chains) == pytest.approx(1000, abs=20)


HAIRY = {"CD5": 2.0, "CD20": 4.6, "CD19": 4.3}


def test_two_clones_of_different_chains_are_both_reported():
    two = (300, B | CLONE | {"kappa": 3.5}), (200, B | HAIRY | {"lambda": 3.7})
    found = light_chain_finding([polyclonal(MARKERS, 3000, *two)])
    assert found.status == "present"
    assert found.signs == ("kappa", "lambda")
    assert found.n_events == pytest.approx(300, rel=0.2)
    assert found.numbers["second_events"] == pytest.approx(200, rel=0.2)
    assert "A second subset of B cells: lambda restricted" in found.summary


@pytest.mark.parametrize("size", [160, 400, 900, 1500])
def test_one_clone_however_large_is_not_two(size):
    found = light_chain_finding(
        [polyclonal(MARKERS, 3000, (size, B | CLONE | {"lambda": 3.5}))]
    )
    assert found.signs == ("lambda",)
    assert "second_events" not in found.numbers


@pytest.mark.parametrize(("own", "other"), [("kappa", "lambda"), ("lambda", "kappa")])
def test_a_clone_that_is_most_of_its_chain_is_found(own, other):
    few = tube(
        MARKERS, (3000, T), (150, B | {own: 3.7}), (260, B | {other: 3.7}),
        (400, B | CLONE | {own: 3.5}),
    )  # fmt: skip
    found = light_chain_finding([few])
    assert found.status == "present"
    assert found.signs == (own,)
    assert found.n_events == pytest.approx(400, abs=40)


def test_a_light_chain_that_spills_into_another_channel_is_no_clone():
    spilt = tube(
        MARKERS, (3000, T), (500, B | {"kappa": 3.7, "CD5": 2.9}), (400, B | {"lambda": 3.7})
    )
    assert light_chain_finding([spilt]).status == "absent"


GROUP = (40, B | CLONE | {"kappa": 3.5})


@pytest.mark.parametrize("chain", ["kappa", "lambda"])
def test_a_small_group_of_one_chain_is_described_and_no_clone(chain):
    found = light_chain_finding([polyclonal(MARKERS, 1000, (40, B | CLONE | {chain: 3.5}))])
    assert (found.status, found.signs) == ("absent", ())
    assert found.n_events == pytest.approx(1040, abs=20)  # of all B cells, not of the group
    assert "CD5 higher" in found.summary
    assert f"{chain}: kappa to lambda" in found.summary
    assert "not enough to call a clone" in found.summary
    assert found.numbers[f"group_{chain}"] > 0.9 * found.numbers["group_events"]
    assert 25 <= found.numbers["group_events"] <= 40


def test_a_small_group_without_a_light_chain_is_described():
    found = light_chain_finding([polyclonal(MARKERS, 1000, (40, B | CLONE))])
    assert found.status == "absent"
    assert "mostly without a light chain" in found.summary


def test_the_cells_of_a_described_group_are_those_that_were_put_in():
    mixed = polyclonal(MARKERS, 1000, GROUP)
    stained = stain(mixed)
    group = find_group(stained)
    added = np.arange(mixed.cells.n_events) >= mixed.cells.n_events - GROUP[0]
    assert added[stained.cells][group.part].mean() > 0.95


@pytest.mark.parametrize(
    "more",
    [
        (),
        ((24, B | CLONE | {"kappa": 3.5}), (16, B | CLONE | {"lambda": 3.5})),  # of both
        ((40, K),),  # of one chain, but like the others
        ((8, B | CLONE | {"kappa": 3.5}),),  # too few for any test
    ],
)
def test_nothing_is_described_where_no_small_group_is_restricted_and_apart(more):
    found = light_chain_finding([polyclonal(MARKERS, 1000, *more)])
    assert found.status == "absent"
    assert "group_events" not in found.numbers
    assert "below about 100 cells would not be called" in found.summary


EARLY = B | {"CD45": 3.5, "CD38": 4.2, "CD20": 3.4}
TAKEN = EARLY | {"lambda": 2.7}  # noise takes them for lambda cells


def test_precursors_whose_noise_is_taken_for_a_chain_are_not_described():
    found = light_chain_finding([polyclonal(MARKERS, 1000, (300, EARLY), (40, TAKEN))])
    assert "group_events" not in found.numbers
    alone = light_chain_finding([polyclonal(MARKERS, 1000, (40, TAKEN))])
    assert alone.numbers["group_lambda"] > 20  # dim cells of a lymphoma look so too


def test_precursors_whose_noise_is_taken_for_a_chain_are_no_clone():
    taken = (150, TAKEN)
    assert light_chain_finding([polyclonal(MARKERS, 1000, (2000, EARLY), taken)]).status == (
        "absent"
    )
    assert light_chain_finding([polyclonal(MARKERS, 1000, taken)]).signs == ("lambda",)


@pytest.mark.parametrize(("cells", "status"), [(300, "present"), (40, "absent")])
def test_a_lymphoma_that_looks_early_is_seen_beside_many_precursors(cells, status):
    follicular = EARLY | {"CD20": 4.2, "CD38": 3.8, "lambda": 3.2}
    found = light_chain_finding([polyclonal(MARKERS, 1000, (2000, EARLY), (cells, follicular))])
    assert found.status == status
    assert cells == 300 or found.numbers["group_lambda"] > 20


def test_in_chance_groups_are_as_rare_as_the_search_promises():
    rng = np.random.default_rng(8)
    stained = stain(polyclonal(MARKERS, 300))
    drawn = [
        stained._replace(chains=rng.permutation(stained.chains).astype(np.int8))
        for _ in range(40)
    ]
    assert sum(find_group(item) is not None for item in drawn) <= 4  # 5 % at most, of 40


def test_of_very_many_b_cells_some_are_looked_at():
    found = light_chain_finding([polyclonal(MARKERS, 12000, (95, B | CLONE | {"kappa": 3.5}))])
    assert found.numbers["group_kappa"] > 40


def test_neighbours_are_the_nearest_ones_in_their_order():
    places = np.array([[0.0], [1.0], [3.0], [7.0], [15.0]], np.float32)
    found = nearest(places, places[[0, 4]], 3)
    np.testing.assert_array_equal(found, [[0, 1, 2], [4, 3, 2]])
