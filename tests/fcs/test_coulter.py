"""Coulter's percent: which channels, which direction, and the instrument as the judge."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.fcs.coulter import coulter_shares, coulter_spillover, one_for_each_detector
from flowml.preprocess import compensate
from flowml.records import Channel, Role, Scale

FULL_SCALE = 2.0**20  # of set 2
FEWEST = 20  # events that a median is taken of


def codes(sample):
    return {finding.code for finding in sample.findings}


def channels(*names: str) -> tuple[Channel, ...]:
    dyes = [Channel(name, role=Role.FLUORESCENCE) for name in names]
    return (Channel("FS", role=Role.FORWARD_SCATTER), *dyes, Channel("TIME", role=Role.TIME))


def test_rows_emit_and_columns_see():
    found = coulter_spillover({"$DFC1TO2": "10.5", "$DFC2TO1": " 2"}, channels("FL1", "FL2"))
    assert found.channels == ("FL1", "FL2")
    np.testing.assert_allclose(found.matrix, [[1, 0.105], [0.02, 1]])


def test_numbers_are_those_of_the_names_in_any_order():
    keywords = {"$DFC1TO3": "28.4", "$DFC10TO1": "5"}
    found = coulter_spillover(keywords, channels("FL10 INT LIN", "FL3 INT LIN", "fl1 log"))
    assert found.channels == ("FL10 INT LIN", "FL3 INT LIN", "fl1 log")
    np.testing.assert_allclose(found.matrix, [[1, 0, 0.05], [0, 1, 0], [0, 0.284, 1]])


def test_numbers_are_places_where_no_name_has_one():
    found = coulter_spillover({"$DFC1TO2": "10"}, channels("FITC", "PE"))
    np.testing.assert_allclose(found.matrix, [[1, 0.1], [0, 1]])


def test_a_detector_that_was_not_stored_may_see_light_but_its_dye_must_give_none():
    stored = channels("FL1", "FL3")
    found = coulter_spillover({"$DFC1TO2": "30", "$DFC2TO3": "0.0", "$DFC1TO3": "4"}, stored)
    np.testing.assert_allclose(found.matrix, [[1, 0.04], [0, 1]])
    with pytest.raises(FcsError, match=r"\$DFC2TO3 is 61 percent, .* channels FL1, FL3"):
        coulter_spillover({"$DFC2TO3": "61"}, stored)


def test_leaving_out_such_a_detector_changes_nothing():
    full = np.eye(3)
    full[0, 1], full[0, 2], full[2, 0] = 0.3, 0.04, 0.1  # the second gives no light away
    seen = np.random.default_rng(4).normal(900, 300, (50, 3)) @ full
    keywords = {"$DFC1TO2": "30", "$DFC1TO3": "4", "$DFC3TO1": "10"}
    part = coulter_spillover(keywords, channels("FL1", "FL3"))
    whole = np.linalg.solve(full.T, seen.T).T
    alone = np.linalg.solve(part.matrix.T, seen[:, [0, 2]].T).T
    np.testing.assert_allclose(alone, whole[:, [0, 2]], rtol=1e-12)


@pytest.mark.parametrize("key", ["$DFC1TO9", "$DFC0TO1", "$DFC9TO9"])
def test_a_count_that_does_not_fit_the_places_is_refused(key):
    with pytest.raises(FcsError, match="does not name two of the fluorescence channels") as no:
        coulter_spillover({key: "5"}, channels("FITC", "PE"))
    assert no.value.code == "FCS-SPILL"


@pytest.mark.parametrize("text", ["", "x", "nan", "1,5"])
def test_a_share_that_is_no_number_is_refused(text):
    with pytest.raises(FcsError, match=r"\$DFC1TO2 is .*, expected percent"):
        coulter_spillover({"$DFC1TO2": text}, channels("FL1", "FL2"))


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ({"$DFC1TO2": "100", "$DFC2TO1": "100"}, "singular"),
        ({"$DFC1TO1": "100"}, "has a diagonal of 1 to 2"),
    ],
)
def test_a_matrix_that_cannot_be_inverted_is_refused(shares, reason):
    with pytest.raises(FcsError, match=reason):
        coulter_spillover(shares, channels("FL1", "FL2"))


def test_there_may_be_nothing_to_build():
    assert coulter_spillover({}, channels("FL1")) is None
    assert coulter_spillover({"$DFC1TO2": "1", "$DFCXTO2": "1"}, channels()) is None
    assert coulter_shares({"$DFC1TO2": "1.5", "DFC1TO2": "9"}) == {(1, 2): 1.5}


def test_oddities_are_findings():
    findings = []
    coulter_spillover({"$DFC1TO2": "0.00"}, channels("FL1", "FL2"), findings)
    assert [item.code for item in findings] == ["SPILL-DFC", "SPILL-IDENTITY"]
    findings.clear()
    coulter_spillover({"$DFC1TO2": "1", "$DFC2TO1": "0"}, channels("FL1", "FL2"), findings)
    assert findings == []


def test_two_channels_of_one_detector_are_refused_unless_one_is_chosen():
    both = channels("FL1 Log", "FL2 Log", "FL1 Lin")
    with pytest.raises(FcsError, match="FL1 Log and FL1 Lin are both number 1"):
        coulter_spillover({"$DFC1TO2": "10"}, both)
    kept = one_for_each_detector(both)
    assert [item.name for item in kept] == ["FS", "FL1 Log", "FL2 Log", "TIME"]
    assert coulter_spillover({"$DFC1TO2": "10"}, kept).channels == ("FL1 Log", "FL2 Log")


def test_peak_and_width_of_a_detector_are_left_alone(read):
    names = {"$P1N": "FL1 INT LIN", "$P2N": "FL1 PEAK LIN", "$P3N": "FL2 INT LIN"}
    sample = read(rows=[[1, 2, 3]], kinds=("I16",) * 3, changes={**names, "$DFC1TO2": "5"})
    assert sample.spillover.channels == ("FL1 INT LIN", "FL2 INT LIN")


def test_integers_beside_the_matrix_are_compensated_already(read):
    changes = {"$P1N": "FS INT LIN", "$P2N": "FL1 INT LOG", "$P3N": "FL2 INT LOG"}
    changes |= {"$DFC1TO2": "10.5", "$DFC2TO1": " 2"}
    sample = read(rows=[[1, 2, 3]], kinds=("I16",) * 3, changes=changes)
    assert sample.spillover.channels == ("FL1 INT LOG", "FL2 INT LOG")
    assert sample.scale is Scale.COMPENSATED
    assert "SPILL-COULTER" in codes(sample)


@pytest.mark.parametrize("changes", [{"$DFC1TO2": "10.5"}, {"$DFC9TO1": "5"}])
def test_data_that_another_program_wrote_need_a_look(read, changes):
    sample = read(changes=changes)
    assert sample.scale is Scale.COMPENSATED
    assert "SPILL-APPLIED" in codes(sample)
    assert (sample.spillover is None) == ("$DFC9TO1" in changes)


@pytest.mark.parametrize(
    ("share", "scale", "expected"),
    [
        ("10", Scale.COMPENSATED, {"SPILL-APPLIED"}),  # the same matrix, and a sign
        ("10.5", Scale.COMPENSATED, {"SPILL-APPLIED", "SPILL-DIFFERENT"}),
        ("x", Scale.COMPENSATED, {"SPILL-APPLIED", "SPILL-DIFFERENT"}),
        ("0.00", Scale.RAW, set()),  # a template that was never filled in
    ],
)
def test_a_spillover_keyword_goes_before_coulters(read, share, scale, expected):
    sample = read(changes={"$DFC1TO2": share, "SPILL": "2,FL1,FL2,1,0.1,0,1"})
    assert sample.spillover.source == "SPILL"
    assert sample.scale is scale
    assert codes(sample) == expected


def test_many_channels_take_no_memory_for_a_matrix():
    with pytest.raises(FcsError, match="2000 fluorescence channels, expected up to 1000"):
        coulter_spillover({"$DFC1TO2": "1"}, channels(*(f"dye {n}" for n in range(2000))))


def test_the_real_file_with_double_detectors(shared_data):
    path = shared_data / "instruments" / "flowio__coulter.lmd"
    first = read_fcs(path, dataset=1)
    assert first.spillover.channels == ("FL1 Log", "FL2 Log", "FL3 Lin")
    found = coulter_spillover(first.keywords, read_fcs(path, dataset=2).channels)
    assert found.channels == ("FL1", "FL2", "FL3", "FL4", "FL5")
    expected = np.eye(5)
    expected[0, 2] = 0.284
    np.testing.assert_allclose(found.matrix, expected)


def decades_apart(first, second, unmixed):
    """Compare values of set 2 that are on scale with set 1, channel by channel."""
    apart = []
    for n in range(1, 6):
        column = first.channel_names.index(f"FL{n} Log")
        stored = first.stored[:, column].astype(np.float64)
        linear = 0.1024 * 10 ** (4 * stored / 1024)
        mine = unmixed[:, second.channel_names.index(f"FL{n}")].astype(np.float64)
        on_scale = (mine > 0.02 * FULL_SCALE) & (mine < 0.98 * FULL_SCALE) & (stored < 1023)
        if on_scale.sum() >= FEWEST:
            gap = np.log10(mine[on_scale] / 1024) - np.log10(linear[on_scale])
            apart.append(float(np.median(np.abs(gap))))
    return apart


@pytest.mark.parametrize("name", ["0004.FCS", "0036.FCS", "0068.FCS", "0100.FCS"])
def test_the_instrument_itself_compensated_so(shared_data, name):
    path = shared_data / "aml-fc500" / name
    first, second = read_fcs(path, dataset=1), read_fcs(path, dataset=2)
    matrix = coulter_spillover(first.keywords, second.channels)
    np.testing.assert_array_equal(second.spillover.matrix, matrix.matrix)
    right = decades_apart(first, second, compensate(second).events())
    assert len(right) >= 4
    assert max(right) < 0.01
    columns = [second.channel_names.index(item) for item in matrix.channels]
    for wrong in (np.linalg.inv(matrix.matrix.T), 2 * np.eye(5) - matrix.matrix, np.eye(5)):
        values = second.events()
        values[:, columns] = values[:, columns] @ wrong
        assert max(decades_apart(first, second, values)) > 0.02
