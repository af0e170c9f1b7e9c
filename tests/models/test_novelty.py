"""Novelty: far classes are found, near ones are not, and few alarms are false."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from flowml.errors import ModelError
from flowml.models import novelty
from flowml.models.heldout import Cohort
from flowml.models.novelty import TABLES, Unlike, fit_novelty, learned_novelty, novelty_from


def cases(n, n_features=12, seed=0, at=(0.0, 6.0)):
    """Two entities that lie apart on the first feature; the second one is wider."""
    rng = np.random.default_rng(seed)
    codes = (np.arange(n) % 2).astype(np.int64)
    rows = rng.normal(0, 1, (n, n_features)) * np.where(codes == 1, 2.0, 1.0)[:, None]
    rows[:, 0] += np.array(at)[codes]
    return rows.astype(np.float32), codes


def held(codes, parts=5):
    """Hold out every case once; what was foreseen of it does not matter here."""
    part = np.arange(len(codes)) * parts // len(codes)
    return SimpleNamespace(
        cases=np.arange(len(codes)), part=part, codes=codes,
        probabilities=np.zeros((len(codes), int(codes.max()) + 1)),
    )  # fmt: skip


def learned(n=600, seed=0, n_features=12):
    rows, codes = cases(n, n_features, seed)
    return learned_novelty(Cohort(rows, codes, np.arange(n)), held(codes))


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
    assert found.scores(np.float32([[2]])) == pytest.approx([1], rel=1e-6)


@pytest.mark.parametrize(
    ("n", "place"),
    [(98, None), (99, 98), (198, 197), (199, 197), (299, 296)],
)
def test_the_limit_by_hand(n, place):
    """ceil(0.99 * (n + 1)): the largest of 99, the second of 199; twice the largest of 98."""
    scores = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    assert novelty.reached_by(scores, 0.01) == (2.0 * n if place is None else place + 1)


def test_a_class_far_away_is_found_and_one_between_is_not():
    found = learned()
    rng = np.random.default_rng(5)
    far = rng.normal(0, 1, (200, 12))
    far[:, 1] += 15
    near = rng.normal(0, 1, (200, 12))
    near[:, 0] += 1.0
    both = [np.mean([u >= found.furthest for u in found.scores(rows.astype(np.float32))])
            for rows in (far, near)]  # fmt: skip
    assert both[0] > 0.99
    assert both[1] < 0.05


@pytest.mark.parametrize(("n", "n_features", "fewest"), [(300, 12, 0.006), (200, 250, 0)])
def test_one_case_in_a_hundred_is_a_false_alarm(n, n_features, fewest):
    """20 cohorts, 300 new cases for each. With more features than cases there are fewer
    alarms: the cases held out were measured by models of fewer cases."""
    shares = []
    for seed in range(20):
        found = learned(n, seed, n_features)
        new, _ = cases(300, n_features, 1000 + seed)
        shares.append((found.scores(new) >= found.furthest).mean())
    error = np.std(shares) / np.sqrt(20)
    assert fewest <= np.mean(shares) <= 0.01 + 3 * error


def test_a_wide_entity_is_measured_by_its_own_width():
    found = learned()
    assert found.usual[1] > 2 * found.usual[0]
    new, codes = cases(400, seed=77)
    scores = found.scores(new)
    medians = [np.median(scores[codes == code]) for code in (0, 1)]
    assert 0.6 < min(medians) <= max(medians) < 1.2


def test_a_row_has_the_same_bits_alone_and_in_company():
    found = learned(200)
    rows, _ = cases(50, seed=3)
    rows[::4, 2] = np.nan
    together = found.scores(rows)
    turned = found.scores(np.asfortranarray(rows[::-1]))[::-1]
    alone = np.concatenate([found.scores(row[None]) for row in rows])
    assert together.tobytes() == alone.tobytes() == turned.copy().tobytes()
    again = novelty_from(found.tables(), 12, 2, (found.unusual, found.furthest))
    assert again.scores(rows).tobytes() == together.tobytes()


def test_cases_of_one_patient_do_not_vouch_for_each_other(monkeypatch):
    """Whatever part a patient's cases are in, none is trained on where another is tried."""
    rows, codes = cases(60)
    patients = np.array([f"P{n // 3}" for n in range(60)])
    seen = []

    def noted(train, own, n_classes):
        seen.append({patients[(rows == row).all(axis=1)][0] for row in train})
        return fit_novelty(train, own, n_classes)

    monkeypatch.setattr(novelty, "fit_novelty", noted)
    parts = held(codes)
    learned_novelty(Cohort(rows, codes, patients), parts)
    for number, trained_on in enumerate(seen[:-1]):
        assert not trained_on & set(patients[parts.part == number])
    assert seen[-1] == set(patients)


def test_few_cases_alike_and_missing_ones_are_measured_too():
    for shape in ((6, 3), (3, 8)):
        for value in (1.0, np.nan):
            rows = np.full(shape, value, np.float32)
            codes = np.arange(shape[0]) % 2
            found = learned_novelty(Cohort(rows, codes, np.arange(shape[0])), held(codes, 3))
            assert np.isfinite(found.scores(rows)).all()
            assert found.furthest > 0
    assert learned_novelty(Cohort(rows, codes, np.arange(3)), None) is None


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_are_odd_are_refused(name):
    tables = learned(60).tables()
    own = tables[name]
    odd = [own[:-1], own[None], own.astype(np.int32)]
    if name in ("novelty_spread", "novelty_usual"):
        odd += [own * 0, -own]
    for table in odd:
        with pytest.raises(ModelError, match="novelty"):
            novelty_from(tables | {name: table}, 12, 2, 2.0)
    del tables[name]
    with pytest.raises(ModelError, match="novelty"):
        novelty_from(tables, 12, 2, 2.0)
