"""A table is held once: while it is put together, handed on, written and read."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small import on_disk

from flowml.features import (
    CaseFeatures,
    FeatureTable,
    Group,
    make_recipe,
    read_table,
    write_table,
)
from flowml.features.assemble import ROWS, assemble
from flowml.features.tablefile import csv_lines

RECIPE = make_recipe("ecdf+pairs", pair_bins=16).learn([])
MARKERS = tuple(f"CD{number}" for number in range(9))
GROUPS = (
    *(Group(0, "", (marker,)) for marker in MARKERS),
    *(Group(1, "", pair) for pair in pairwise(MARKERS)),
)


def case(number, groups=GROUPS):
    size = sum(RECIPE.size(group) for group in groups)
    values = np.random.default_rng(number).integers(0, 50, size).astype(np.float32) / 500
    return CaseFeatures(f"c{number}", groups, values, (), ())


def table_of(n_cases, groups=GROUPS):
    return assemble((case(n, groups) for n in range(n_cases)), RECIPE, n_cases)


def peak_of(work):
    """Return the most bytes that Python and numpy hold more while `work` runs."""
    tracemalloc.start()
    try:
        kept = work()
        return tracemalloc.get_traced_memory()[1], kept
    finally:
        tracemalloc.stop()


def test_rows_are_let_go_as_they_come():
    peak, table = peak_of(lambda: table_of(1500))
    assert table.values.nbytes < peak < 1.25 * table.values.nbytes


def test_columns_that_come_late_and_in_disorder_are_put_in_order_in_place():
    def late():
        some = (case(n, GROUPS[:3:-1] if n < 700 else GROUPS[::-1]) for n in range(1500))
        return assemble(some, RECIPE, 1500)

    peak, table = peak_of(late)
    assert peak < 1.25 * table.values.nbytes
    assert table.names == table_of(1).names


@given(st.lists(st.permutations(range(5)).map(lambda p: p[: p[0]]), min_size=1, max_size=40))
def test_every_number_stands_in_its_place(panels):
    cases = [case(n, tuple(GROUPS[7 + g] for g in panel)) for n, panel in enumerate(panels)]
    table = assemble(iter(cases), RECIPE, len(cases))
    assert list(table.names) == [
        name
        for group in sorted({group for one in cases for group in one.groups})
        for name in RECIPE.feature_names(group)
    ]
    for row, one in enumerate(cases):
        own = list(RECIPE.get_feature_names_out(one.groups))
        assert table.columns(own)[row].tobytes() == one.values.tobytes()
        assert np.isnan(table.values[row]).sum() == len(table.names) - len(own)
    assert [bare.values.size for bare in table.cases] == [0] * len(cases)


@pytest.mark.parametrize("n_cases", [0, 1, ROWS - 1, ROWS, ROWS + 1])
def test_any_number_of_cases_makes_a_table(n_cases):
    table, held = table_of(n_cases), assemble([*map(case, range(n_cases))], RECIPE)
    assert table.values.shape == (n_cases, len(table.names))
    assert table.values.tobytes() == held.values.tobytes()
    assert table.case_ids == [f"c{number}" for number in range(n_cases)]


def test_a_frame_shares_the_numbers_both_ways():
    table = table_of(20)
    frame = table.to_frame()
    assert np.shares_memory(frame.to_numpy(), table.values)
    assert np.shares_memory(FeatureTable.from_frame(frame).values, table.values)


def test_what_is_asked_for_whole_is_not_copied():
    table = table_of(20)
    assert table.rows([True] * 20) is table
    assert table.columns(list(table.names)) is table.values
    assert not np.shares_memory(table.columns(table.names[:5]), table.values)
    some = table.rows([number % 3 == 0 for number in range(20)])
    np.testing.assert_array_equal(some.values, table.values[::3])
    assert some.case_ids == table.case_ids[::3]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_file_is_written_without_a_copy_and_read_into_one_array(tmp_path, ending):
    # no larger than the bounds need: to trace every cell of a CSV takes long
    table, path = table_of(700, GROUPS[:12]), tmp_path / f"t{ending}"
    write_table(table_of(2), tmp_path / f"first{ending}")  # imports
    read_table(tmp_path / f"first{ending}")
    peak, _ = peak_of(lambda: write_table(table, path))
    assert peak < 0.35 * table.values.nbytes
    peak, found = peak_of(lambda: read_table(path))
    assert peak < 1.35 * table.values.nbytes
    assert found.values.tobytes() == table.values.tobytes()


FLOATS = st.one_of(
    st.floats(width=32, allow_infinity=False, allow_nan=False),
    st.floats(0, 1, width=32),
    st.just(np.float32(np.nan)),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    values=arrays(np.float32, (3, 4), elements=FLOATS),
    names=st.lists(TEXTS, min_size=4, max_size=4, unique=True),
    ids=st.lists(TEXTS, min_size=3, max_size=3, unique=True),
    ending=st.sampled_from([".csv", ".parquet"]),
)
def test_a_file_gives_back_the_same_bits(tmp_path_factory, values, names, ids, ending):
    path = tmp_path_factory.getbasetemp() / f"same{ending}"
    rows = tuple(CaseFeatures(case_id, (), values[0, :0], (), ()) for case_id in ids)
    write_table(FeatureTable(tuple(names), values, rows, None), path)
    found = read_table(path)
    assert found.values.tobytes() == values.tobytes()
    assert (list(found.names), found.case_ids) == (names, ids)


def test_pandas_reads_what_was_written(tmp_path):
    import pandas as pd

    table = table_of(5)
    table.values[1, 3] = np.nan
    write_table(table, tmp_path / "t.parquet")
    write_table(table, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table.to_frame())
    frame = pd.read_csv(
        tmp_path / "t.csv", index_col="case_id", float_precision="round_trip"
    ).astype(np.float32)
    pd.testing.assert_frame_equal(frame, table.to_frame())
    assert "".join(csv_lines(table)) == table.to_frame().to_csv(lineterminator="\n")


RUN = """
import sys
from flowml.cli.main import main
try:
    plan = "--recipe", "ecdf+pairs", "--pair-bins", "16"
    main(["features", sys.argv[1], *plan, "--out", sys.argv[2], "-q"])
except SystemExit as end:
    assert not end.code
heavy = {"xgboost", "sklearn", "scipy", "pandas", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
# not ru_maxrss: that begins at the peak of the process that started this one
status = open("/proc/self/status").read()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are told elsewhere there")
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_folder_run_takes_less_than_250_mib(tmp_path, ending):
    folder = on_disk(tmp_path / "in", 2)
    call = [sys.executable, "-c", RUN, str(folder), str(tmp_path / f"t{ending}")]
    done = subprocess.run(call, capture_output=True, text=True, check=True, timeout=120)
    assert float(done.stdout) < 250
