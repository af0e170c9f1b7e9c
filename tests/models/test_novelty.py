"""Novelty: far classes are found, near ones are not, and few alarms are false."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from flowml.errors import ModelError
from flowml.models import gauging
from flowml.models.gauging import fit_novelty, learned_novelty, reached_by
from flowml.models.heldout import Cohort
from flowml.models.novelty import LACKS, TABLES, Unlike, expected, novelty_from, supports


def cases(n, n_features=12, seed=0, at=(0.0, 6.0)):
    """Two entities that lie apart on the first feature; the second one is wider."""
    rng = np.random.default_rng(seed)
    codes = (np.arange(n) % 2).astype(np.int64)
    rows = rng.normal(0, 1, (n, n_features)) * np.where(codes == 1, 2.0, 1.0)[:, None]
    rows[:, 0] += np.array(at)[codes]
    return rows.astype(np.float32), codes


def foreseen(rows):
    """Return probabilities of both entities, from the feature that tells them apart."""
    margin = np.nan_to_num(rows[:, 0].astype(float)) - 3.0
    return np.column_stack([1 / (1 + np.exp(margin)), 1 / (1 + np.exp(-margin))])


def held(rows, codes, parts=5):
    """Hold out every case once."""
    part = np.arange(len(codes)) * parts // len(codes)
    return SimpleNamespace(
        cases=np.arange(len(codes)), part=part, codes=codes, probabilities=foreseen(rows)
    )


def learned(n=600, seed=0, n_features=12):
    rows, codes = cases(n, n_features, seed)
    return learned_novelty(Cohort(rows, codes, np.arange(n)), held(rows, codes))


def scored(found, rows):
    """Score cases of which the model makes what it learned to."""
    return found.scores(rows, foreseen(rows))


def test_a_score_from_which_on_a_case_is_unlike():
    assert not Unlike(1.99, 1.5, 2.0).is_novel
    assert Unlike(2.0, 1.5, 2.0).is_novel
    assert [Unlike(score, 1.5, 2.0).is_unusual for score in (1.49, 1.5, 3)] == [0, 1, 1]


def test_distances_by_hand():
    """One feature, spreads of 2 around 0 and 10: the distance is in units of the spread."""
    rows = np.float32([[-2], [2], [8], [12]])
    found = fit_novelty(rows, np.array([0, 0, 1, 1]), 2)
    assert found.standard.spread[0] == pytest.approx(np.sqrt(29))
    squared = found.squared(np.float32([[0], [2], [10], [20]]))
    expected = np.array([[0, 100], [4, 64], [100, 0], [400, 100]]) / 4
    assert squared == pytest.approx(expected, rel=1e-6)
    one = np.float32([[2]])
    assert found.scores(one, np.array([[1.0, 0]])) == pytest.approx([1], rel=1e-6)
    assert found.scores(one, np.array([[0.75, 0.25]])) == pytest.approx([4.75], rel=1e-6)


@pytest.mark.parametrize(
    ("n", "place"),
    [(98, None), (99, 98), (198, 197), (199, 197), (299, 296)],
)
def test_the_limit_by_hand(n, place):
    """ceil(0.99 * (n + 1)): the largest of 99, the second of 199; twice the largest of 98."""
    scores = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    assert reached_by(scores, 0.01) == (2.0 * n if place is None else place + 1)


def test_a_class_far_away_is_found_and_one_between_is_not():
    found = learned()
    rng = np.random.default_rng(5)
    far = rng.normal(0, 1, (200, 12))
    far[:, 1] += 15
    near = rng.normal(0, 1, (200, 12))
    near[:, 0] += 1.0
    both = [np.mean(scored(found, rows.astype(np.float32)) >= found.furthest)
            for rows in (far, near)]  # fmt: skip
    assert both[0] > 0.99
    assert both[1] < 0.05


@pytest.mark.parametrize(("n", "n_features", "fewest"), [(300, 12, 0.002), (200, 250, 0)])
def test_one_case_in_a_hundred_is_a_false_alarm(n, n_features, fewest):
    """20 cohorts, 300 new cases for each. With more features than cases there are fewer
    alarms: the cases held out were measured by models of fewer cases."""
    shares = []
    for seed in range(20):
        found = learned(n, seed, n_features)
        new, _ = cases(300, n_features, 1000 + seed)
        shares.append((scored(found, new) >= found.furthest).mean())
    error = np.std(shares) / np.sqrt(20)
    assert fewest <= np.mean(shares) <= 0.01 + 3 * error


def test_a_wide_entity_is_measured_by_its_own_width():
    found = learned()
    assert found.usual[1] > 2 * found.usual[0]
    new, codes = cases(400, seed=77)
    scores = scored(found, new)
    medians = [np.median(scores[codes == code]) for code in (0, 1)]
    assert 0.6 < min(medians) <= max(medians) < 1.5


def test_a_row_has_the_same_bits_alone_and_in_company():
    found = learned(200)
    rows, _ = cases(50, seed=3)
    rows[::4, 2] = np.nan
    together = scored(found, rows)
    turned = found.scores(np.asfortranarray(rows[::-1]), foreseen(rows)[::-1])[::-1]
    alone = np.concatenate([scored(found, row[None]) for row in rows])
    assert together.tobytes() == alone.tobytes() == turned.copy().tobytes()
    again = novelty_from(found.tables(), 12, 2, (found.unusual, found.furthest))
    assert scored(again, rows).tobytes() == together.tobytes()


def test_cases_of_one_patient_do_not_vouch_for_each_other(monkeypatch):
    """Whatever part a patient's cases are in, none is trained on where another is tried."""
    rows, codes = cases(60)
    patients = np.array([f"P{n // 3}" for n in range(60)])
    seen = []

    def noted(train, own, n_classes):
        seen.append({patients[(rows == row).all(axis=1)][0] for row in train})
        return fit_novelty(train, own, n_classes)

    monkeypatch.setattr(gauging, "fit_novelty", noted)
    parts = held(rows, codes)
    learned_novelty(Cohort(rows, codes, patients), parts)
    for number, trained_on in enumerate(seen[:-1]):
        assert not trained_on & set(patients[parts.part == number])
    assert seen[-1] == set(patients)


def test_few_cases_alike_and_missing_ones_are_measured_too():
    for shape in ((6, 3), (3, 8)):
        for value in (1.0, np.nan):
            rows = np.full(shape, value, np.float32)
            codes = np.arange(shape[0]) % 2
            found = learned_novelty(
                Cohort(rows, codes, np.arange(shape[0])), held(rows, codes, 3)
            )
            assert np.isfinite(scored(found, rows)).all()
            assert found.furthest > 0
    assert learned_novelty(Cohort(rows, codes, np.arange(3)), None) is None


def test_support_by_hand():
    """Logarithms of 0.8, 0.1, 0.1, less their mean; nothing is less likely than 1e-12."""
    assert supports(np.array([0.8, 0.1, 0.1])) == pytest.approx(
        np.array([2, -1, -1]) * np.log(8) / 3
    )
    assert supports(np.array([1.0, 0.0])) == pytest.approx([13.8155, -13.8155], abs=1e-4)


def test_the_mean_distance_leaves_out_what_has_none():
    chances = np.array([0.2, 0.3, 0.5])
    assert expected(np.array([1.0, 2.0, np.inf]), chances) == pytest.approx(1.6)
    assert expected(np.array([1.0, 2.0, 4.0]), chances) == pytest.approx(2.8)
    assert expected(np.full(3, np.inf), chances) == np.inf


def test_a_case_must_be_typical_of_what_it_is_called():
    found = learned()
    typical = np.zeros((1, 12), np.float32)
    typical[0, 0] = 6.0  # of the second entity
    as_it_is, otherwise = (found.scores(typical, np.array([p])) for p in ([0.0, 1], [1, 0.0]))
    assert as_it_is < found.unusual
    assert otherwise > 5 * as_it_is


def test_what_stands_out_less_than_usual_is_more_novel_and_what_stands_out_more_hides_little():
    found = replace(learned(), support=np.array([2.0, 2.0]), slopes=np.array([0.5, 0.5]))
    near = np.zeros((1, 12), np.float32)
    p = np.exp([[2.0, -2.0], [1.0, -1.0], [9.0, -9.0]])
    p /= p.sum(axis=1, keepdims=True)
    distances = found.squared(near)[0] / found.usual
    factors = [found.scores(near, row[None])[0] / expected(distances, row) for row in p]
    lack = p[1] @ (0.5 * np.array([1.0, 3.0]))  # supports are 1 and -1, usually 2
    assert factors == pytest.approx([np.exp(p[0, 1] * 2), np.exp(lack), np.exp(LACKS[0])])


def test_cases_that_are_foreseen_alike_make_no_steep_slope():
    """Few cases, all answered as surely: a little less is not unheard of, and loads again."""
    rows, codes = cases(40)
    parts = held(rows, codes)
    parts.probabilities = np.eye(2)[codes] * (1 - 2e-9) + 1e-9
    found = learned_novelty(Cohort(rows, codes, np.arange(40)), parts)
    assert (found.slopes < 100).all()
    again = novelty_from(found.tables(), 12, 2, (found.unusual, found.furthest))
    assert np.array_equal(again.slopes, found.slopes)


def test_an_entity_that_nobody_stands_out_for_is_found_by_that():
    """Three entities along three features; the new one lies between them, no further out."""
    rng = np.random.default_rng(4)
    codes = np.arange(900) % 3
    rows = rng.normal(size=(900, 3)) + 5 * np.eye(3)[codes]

    def chances(cases):
        odds = np.exp(5 * cases.astype(float))
        return odds / odds.sum(axis=1, keepdims=True)

    parts = held(rows, codes)
    parts.probabilities = chances(rows)
    own = Cohort(rows.astype(np.float32), codes, np.arange(900))
    found = learned_novelty(own, parts)
    between = (rng.normal(size=(300, 3)) + 5 / 3).astype(np.float32)
    new = (rng.normal(size=(900, 3)) + 5 * np.eye(3)[codes]).astype(np.float32)
    p_between, p_new = chances(between), chances(new)
    plain = replace(found, slopes=np.zeros(3))
    with_, without = (
        roc_auc_score(
            np.repeat([1, 0], [300, 900]),
            [*each.scores(between, p_between), *each.scores(new, p_new)],
        )
        for each in (found, plain)
    )
    assert (found.slopes > 0).all()
    assert with_ > without + 0.02


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_are_odd_are_refused(name):
    tables = learned(60).tables()
    own = tables[name]
    odd = [own[:-1], own[None], own.astype(np.int32)]
    if name in ("novelty_support", "novelty_slopes"):
        odd += [own + 1e7, own - 1e7]
    if name in ("novelty_spread", "novelty_usual"):
        odd += [own * 0, -own]
    for table in odd:
        with pytest.raises(ModelError, match="novelty"):
            novelty_from(tables | {name: table}, 12, 2, (1.0, 2.0))
    del tables[name]
    with pytest.raises(ModelError, match="novelty"):
        novelty_from(tables, 12, 2, (1.0, 2.0))
