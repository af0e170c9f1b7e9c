"""Tubes of one person agree in what cells they hold; tubes of two seldom do."""

import numpy as np
import pytest

import flowml
from flowml.findings import Severity
from flowml.gating.backbone import (
    DIFFERENT,
    LEAST_CELLS,
    LIMIT,
    N_KINDS,
    NOT_ASSESSED,
    Agreement,
    _distances,
    compare_tubes,
)
from flowml.gating.rules.cells import Cells, open_cells

# log10 of FSC, SSC, CD45, CD19: lymphocytes, B cells, monocytes, granulocytes
KINDS = np.array(
    [[4.65, 4.45, 4.3, 1.5], [4.65, 4.45, 4.2, 3.7], [4.9, 4.75, 4.1, 1.5], [5, 5.15, 3.8, 1.5]]
)
SPREAD = np.array([0.06, 0.07, 0.07, 0.2])
HEALTHY, CLL = [0.3, 0.05, 0.08, 0.57], [0.1, 0.75, 0.03, 0.12]


def tube(shares, name="1", n=4000, seed=1, shift=0.0):
    """Draw a tube of four kinds of cells, and debris."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(4, size=n, p=shares)
    rows = KINDS[kind] + SPREAD * rng.standard_normal((n, 4)) + shift
    debris = rng.random(n) < rng.uniform(0.05, 0.2)
    rows[debris] -= [0.7, 0.5, 1.5, 0]
    levels = dict(zip(("FSC", "SSC", "CD45", "CD19"), rows.astype(np.float32).T, strict=True))
    return Cells(name, levels, n)


def test_tubes_of_one_person_agree_whatever_their_debris():
    found = compare_tubes([tube(HEALTHY, str(n), seed=n) for n in range(3)])
    assert found.distances.max() < 0.06
    assert (found.odd, found.findings) == ((), ())
    assert found.markers == ("FSC", "SSC", "CD45", "CD19")


def test_the_tube_of_another_person_is_named():
    tubes = [tube(HEALTHY, "a", seed=1), tube(CLL, "b", seed=2), tube(HEALTHY, "c", seed=3)]
    found = compare_tubes(tubes)
    assert found.odd == ("b",)
    (finding,) = found.findings
    assert (finding.code, finding.severity) == (DIFFERENT, Severity.REVIEW)
    assert finding.message.endswith(": b")


def test_of_two_tubes_neither_is_the_right_one():
    found = compare_tubes([tube(HEALTHY, "a"), tube(CLL, "b")])
    assert found.odd == ("a", "b")


def test_the_distance_is_that_of_the_shares():
    """Kinds lie far apart here: clusters are kinds, and Hellinger's distance is known."""
    found = compare_tubes([tube(HEALTHY, "a", n=20_000), tube(CLL, "b", n=20_000, seed=2)])
    known = np.sqrt(((np.sqrt(HEALTHY) - np.sqrt(CLL)) ** 2).sum() / 2)
    assert found.distances[0, 1] == pytest.approx(known, abs=0.03)
    assert (found.distances == found.distances.T).all()
    assert (np.diag(found.distances) == 0).all()


def test_the_order_of_tubes_does_not_matter_and_a_small_change_of_gain_neither():
    one, other = tube(HEALTHY, "a"), tube(HEALTHY, "b", seed=2, shift=0.03)
    found = compare_tubes([one, other]).distances[0, 1]
    assert found < LIMIT
    assert compare_tubes([other, one]).distances[0, 1] == pytest.approx(found, abs=0.03)


@pytest.mark.parametrize("n", [600, 4000])
def test_what_chance_brings_is_taken_off(n):
    """Shares of two samples of one distribution have a distance of about 0 on average."""
    rng = np.random.default_rng(n)
    p = rng.dirichlet(np.full(N_KINDS, 5.0))
    counts = rng.multinomial(n, p, size=(300, 2))
    square = ((np.sqrt(counts[:, 0] / n) - np.sqrt(counts[:, 1] / n)) ** 2).sum(axis=1) / 2
    assert square.mean() == pytest.approx((N_KINDS - 1) / 8 * 2 / n, rel=0.1)
    assert np.median([_distances(pair / n, [n, n])[0, 1] for pair in counts]) < 0.02


@pytest.mark.parametrize(
    ("tubes", "reason"),
    [
        ([], "has one tube"),
        ([tube(HEALTHY)], "has one tube"),
        ([tube(HEALTHY), tube(HEALTHY, "few", n=LEAST_CELLS // 2)], "few has fewer than 500"),
        ([tube(HEALTHY), Cells("x", {"CD19": np.ones(900, "f4")}, 900)], "have CD45, FSC, SSC"),
        ([tube(HEALTHY), Cells("x", {}, 0)], "not all tubes have CD45, FSC, SSC"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_said(tubes, reason):
    (finding,) = compare_tubes(tubes).findings
    assert (finding.code, finding.severity) == (NOT_ASSESSED, Severity.INFO)
    assert reason in finding.message


def test_values_that_are_no_number_and_all_alike_do_not_disturb():
    levels = {m: row.copy() for m, row in tube(HEALTHY, n=3000).levels.items()}
    levels["CD45"][:500] = np.nan
    odd = Cells("nan", levels, 3000)
    assert compare_tubes([tube(HEALTHY), odd]).findings == ()
    flat = Cells("flat", {m: np.full(900, 4.0, np.float32) for m in levels}, 900)
    assert np.isfinite(compare_tubes([flat, flat]).distances).all()
    empty = Agreement(("a",), (), np.zeros((1, 1)))
    assert empty.odd == ()


def test_scatter_may_be_missing_and_the_order_of_events_does_not_matter():
    levels = tube(HEALTHY, n=6000).levels
    without = Cells("x", {m: row for m, row in levels.items() if m != "FSC"}, 6000)
    assert (
        "not all tubes have FSC" in compare_tubes([tube(HEALTHY), without]).findings[0].message
    )
    order = np.argsort(levels["SSC"])
    sorted_ = Cells("sorted", {m: row[order] for m, row in levels.items()}, 6000)
    assert compare_tubes([Cells("as it came", levels, 6000), sorted_]).distances.max() < 0.05


def is_odd(case):
    return bool(compare_tubes([open_cells(tube.origin) for tube in case.tubes]).odd)


def test_simulated_cases_with_and_without_a_foreign_tube():
    names = {"entities": "all", "cases": 12, "events": 5000, "seed": 90, "instruments": 2}
    sound = flowml.simulate("cll-9f", **names)
    odd = flowml.simulate("cll-9f", **names, accidents=1.0, accident_kinds=["foreign tube"])
    assert sum(map(is_odd, sound)) == 0
    assert sum(map(is_odd, odd)) >= 10
