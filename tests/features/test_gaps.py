"""Rows with gaps: what may be missing is, in every number, never everything."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.features.coverage import Coverage
from flowml.features.gaps import with_gaps

NAMES = ("A|q1", "A|q2", "B|q1", "C|q1", "A:B|pairs1", "A:C|pairs1", "B:C|pairs1",
         "A:B:C|som1", "lab|wbc|result")  # fmt: skip


def gapped(values, units, names=NAMES, seed=0):
    about = [Coverage(names).about(unit) for unit in units]
    gone = np.array(about, dtype=bool).reshape(-1, len(names))
    rows = np.asarray(values, dtype=np.float32)
    return with_gaps(rows, gone, np.random.default_rng(seed))


def lost(values, n_rows, names=NAMES):
    """Return the features that each copy lacks."""
    return [frozenset(np.array(names)[np.isnan(row)].tolist()) for row in values[n_rows:]]


def all_about(*markers):
    return frozenset(
        name for name in NAMES if set(name.partition("|")[0].split(":")) & set(markers)
    )


def test_nothing_that_may_be_missing_gives_the_rows_themselves():
    rows = np.arange(18).reshape(2, 9)
    values, source = gapped(rows, [])
    assert values.tobytes() == rows.astype(np.float32).tobytes()
    assert source.tolist() == [0, 1]


def test_a_marker_goes_with_its_pairs_and_maps_and_others_stay():
    values, _ = gapped(np.ones((400, 9)), ["A", "B"])
    assert set(lost(values, 400)) == {all_about("A"), all_about("B"), all_about("A", "B")}


def test_every_number_of_missing_markers_is_as_frequent():
    names = tuple(f"M{n}|q" for n in range(8))
    values, _ = gapped(np.ones((4000, 8)), [f"M{n}" for n in range(6)], names)
    often = Counter(np.isnan(values[4000:]).sum(axis=1).tolist())
    assert sorted(often) == [1, 2, 3, 4, 5, 6]
    expected = 4000 / 6
    chi_square = sum((count - expected) ** 2 / expected for count in often.values())
    assert chi_square < 20.5  # 0.999 quantile with 5 degrees of freedom


def test_a_pair_can_be_missing_where_its_markers_are_not():
    values, _ = gapped(np.ones((100, 9)), ["A:B"])
    assert set(lost(values, 100)) == {frozenset({"A:B|pairs1"})}


def test_tubes_that_are_kept_apart_lose_their_own_markers():
    names = ("T1|A|q", "T1|B|q", "T1|A:B|pairs", "T2|A|q")
    values, _ = gapped(np.ones((100, 4)), ["T1|A"], names)
    assert set(lost(values, 100, names)) == {frozenset({"T1|A|q", "T1|A:B|pairs"})}


def test_where_all_may_be_missing_something_stays():
    values, _ = gapped(np.ones((500, 8)), ["A", "B", "C"], NAMES[:8])
    assert max(len(gone) for gone in lost(values, 500, NAMES[:8])) == 7
    bare = gapped(np.ones((200, 2)), ["0", "1"], ("0", "1"))[0]
    assert {tuple(np.isnan(row).tolist()) for row in bare[200:]} == {
        (True, False), (False, True),
    }  # fmt: skip


def test_a_case_that_lacks_it_already_has_no_copy():
    rows = np.ones((50, 9))
    rows[:, [0, 1, 4, 5, 7]] = np.nan
    values, source = gapped(rows, ["A"])
    assert len(values) == len(source) == 50
    assert len(gapped(np.full((5, 9), np.nan), ["A", "B"])[0]) == 5


@settings(deadline=None)
@given(
    st.lists(st.lists(st.booleans(), min_size=9, max_size=9), max_size=6),
    st.sets(st.sampled_from(["A", "B", "C", "A:B", "A:B:C"])),
    st.integers(0, 2**32),
)
def test_copies_are_rows_with_gaps_and_something_left(known, units, seed):
    rows = np.arange(9 * len(known), dtype=np.float32).reshape(-1, 9)
    rows[~np.array(known, dtype=bool).reshape(-1, 9)] = np.nan
    values, source = gapped(rows, sorted(units), seed=seed)
    again, source_again = gapped(rows, sorted(units), seed=seed)
    assert values.tobytes() == again.tobytes()
    assert source.tolist() == source_again.tolist()
    n = len(rows)
    assert values[:n].tobytes() == rows.tobytes()
    assert source[:n].tolist() == list(range(n))
    assert len(values) == len(source) <= 2 * n
    assert values.dtype == np.float32
    for copy, origin in zip(values[n:], rows[source[n:]], strict=True):
        kept = ~np.isnan(copy)
        np.testing.assert_array_equal(copy[kept], origin[kept])
        assert np.isnan(copy).sum() > np.isnan(origin).sum()
        assert kept.any()
        np.testing.assert_array_equal(copy[8], origin[8])  # results of other methods stay
