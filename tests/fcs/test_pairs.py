"""Beckman Coulter's pairs of data sets: joined by detector, checked by their events."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from build import header, text_segment

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.fcs.pairs import detector
from flowml.preprocess import compensate
from flowml.records import Role, Scale

PERCENT = np.array([[0, 22.2, 12.5], [0.7, 0, 61.1], [0.6, 9.9, 0]])  # of 0004.FCS, FL1 to FL3
OFFSET, DECADES = 0.1024, 4.0
RATIO = 1024.0  # between the linear scales of the two sets


def run(n_events: int = 500, seed: int = 1) -> np.ndarray:
    """Return compensated values of FS, FL1, FL2, FL3 on the scale of set 2."""
    rng = np.random.default_rng(seed)
    scatter = rng.uniform(50_000, 900_000, (n_events, 1))
    return np.hstack([scatter, 10 ** rng.uniform(3.5, 5.5, (n_events, 3))])


def dataset(version: str, pairs: dict[str, str], data: bytes, following: int) -> bytes:
    """Return a data set whose DATA stands right behind TEXT."""
    text = text_segment([*pairs.items(), ("$NEXTDATA", f"{following:08}")])
    begin = 58 + len(text)
    return header((58, begin - 1), (begin, begin + len(data) - 1), version) + text + data


def pair(
    *,
    percent: np.ndarray | None = PERCENT,
    first_changes: dict[str, str] | None = None,
    second_changes: dict[str, str] | None = None,
    wrong_matrix: bool = False,
) -> bytes:
    """Return a file like those of an FC 500."""
    true = run()
    logs = np.log10(true[:, 1:] / RATIO / OFFSET) * 1024 / DECADES
    set1 = np.hstack([true[:, :1] / RATIO, logs]).astype("<u2")
    spill = np.eye(3) + (0 if percent is None else percent / 100)
    observed = true[:, 1:] @ (spill.T if wrong_matrix else spill)
    set2 = np.hstack([true[:, :1], observed, np.arange(len(true))[:, None] % 1024])
    tagged = set2.round().astype("<u4") | (np.arange(5, dtype="<u4") << 24)
    tagged[::3] |= 1 << 31

    one = {"$BYTEORD": "1,2", "$DATATYPE": "I", "$MODE": "L", "$TOT": "500", "$PAR": "4",
           "$CYT": "Cytomics FC 500", "$SRC": "Doe^Jane"}  # fmt: skip
    names = ("FS Lin", "FL1 Log", "FL2 Log", "FL3 Log")
    labels = ("FS Lin", "CD15-FITC", "CD13-PE", "CD45-ECD")
    for n, (name, label) in enumerate(zip(names, labels, strict=True), 1):
        amplifier = "0,0" if n == 1 else f"4.0,{OFFSET}"
        one |= {f"$P{n}N": name, f"$P{n}S": label, f"$P{n}B": "16", f"$P{n}R": "1024",
                f"$P{n}E": amplifier}  # fmt: skip
    for (row, column), share in np.ndenumerate(percent if percent is not None else []):
        if row != column:
            one[f"$DFC{row + 1}TO{column + 1}"] = f"{share:.2f}"
    two = {"$BYTEORD": "1,2,3,4", "$DATATYPE": "I", "$MODE": "L", "$TOT": "500", "$PAR": "5"}
    for n, name in enumerate(("FS", "FL1", "FL2", "FL3", "TIME"), 1):
        top = "1024" if name == "TIME" else "1048576"
        two |= {f"$P{n}N": name, f"$P{n}B": "32", f"$P{n}R": top, f"$P{n}E": "0,0"}
    one |= first_changes or {}
    two |= second_changes or {}
    length = len(dataset("FCS2.0", one, set1.tobytes(), 0))
    first = dataset("FCS2.0", one, set1.tobytes(), length)
    return first + dataset("FCS3.0", two, tagged.tobytes(), 0)


def codes(sample) -> set[str]:
    return {item.code for item in sample.findings}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FL1 Log", "FL1"), ("FL1 Lin", "FL1"), ("FL1", "FL1"), ("FL10 INT LOG", "FL10"),
        ("FS INT LIN", "FS"), ("FS Lin", "FS"), ("FS PEAK LIN", "FS PEAK"),
        ("SS TOF", "SS TOF"),
        ("FL1-A", "FL1"), ("FL1-H", "FL1 H"), ("TIME", ""), ("FITC-A", ""), ("FL1 LogX", ""),
    ],
)  # fmt: skip
def test_a_detector_is_named_whatever_its_amplifier(name, expected):
    assert detector(name) == expected


@pytest.mark.parametrize("chosen", ["auto", 2])
def test_set_2_is_read_with_markers_and_matrix_of_set_1(write, chosen):
    sample = read_fcs(write(pair()), dataset=chosen)
    assert sample.markers[:4] == ("FSC-A", "CD15", "CD13", "CD45")
    assert sample.channels[4].role is Role.TIME
    assert sample.scale is Scale.RAW
    assert sample.spillover.source == "$DFC"
    assert sample.spillover.channels == ("FL1", "FL2", "FL3")
    np.testing.assert_allclose(sample.spillover.matrix, np.eye(3) + PERCENT / 100)
    assert codes(sample) == {"FCS-DATASET-02", "FCS-KEY-08"}  # set 2 is written without offsets
    assert sample.keywords["$CYT"] == "Cytomics FC 500"
    assert sample.keywords["$P1R"] == "1048576"


def test_compensated_set_2_is_what_the_cells_emitted(write):
    sample = compensate(read_fcs(write(pair())))
    np.testing.assert_allclose(sample.events()[:, :4], run(), rtol=1e-3, atol=3)


def test_tags_above_the_mask_are_dropped_and_no_finding(write):
    sample = read_fcs(write(pair()))
    assert sample.stored.max() < 1 << 20
    assert "FCS-MASK-01" not in codes(sample)


def test_set_1_is_compensated_and_its_matrix_is_never_applied(write):
    sample = read_fcs(write(pair()), dataset=1)
    assert sample.scale is Scale.COMPENSATED
    assert {"SPILL-COULTER"} == codes(sample)
    steps = np.log10(sample.events()[:, 1:] * RATIO / run()[:, 1:])
    assert np.abs(steps).max() < DECADES / 1024 + 1e-6


def test_a_matrix_that_does_not_lead_to_set_1_is_found(write):
    sample = read_fcs(write(pair(wrong_matrix=True)))
    item = next(item for item in sample.findings if item.code == "FCS-DATASET-05")
    assert item.severity == "review"
    assert "decades" in item.message


def test_without_a_matrix_anywhere_set_1_is_read(write):
    path = write(pair(percent=None))
    sample = read_fcs(path)
    assert sample.channel_names[1] == "FL1 Log"
    assert codes(sample) == {"FCS-DATASET-03", "SPILL-NONE"}
    assert sample.scale is Scale.COMPENSATED  # by the cytometer
    assert read_fcs(path, dataset=2).markers[1] == "CD15"


def test_a_matrix_that_cannot_be_used_is_as_good_as_none(write):
    path = write(pair(first_changes={"$DFC1TO2": "many"}))
    assert "FCS-DATASET-03" in codes(read_fcs(path))
    assert "SPILL-UNUSABLE" in codes(read_fcs(path, dataset=2))


def test_set_2_keeps_what_it_says_itself(write):
    names = "2,FL1,FL2,1,0.5,0,1"
    path = write(pair(second_changes={"$P2S": "CD99", "$SPILLOVER": names, "$CYT": "other"}))
    sample = read_fcs(path)
    assert sample.markers[1] == "CD99"
    assert sample.spillover.source == "$SPILLOVER"
    assert sample.keywords["$CYT"] == "other"


@pytest.mark.parametrize(
    "changes",
    [{"$P2N": "FITC", "$P3N": "PE", "$P4N": "ECD"}, {"$P4N": "FL4 Log"}, {"$P2R": "65536"}],
    ids=["other names", "a detector too many", "as fine as set 2"],
)
def test_what_is_no_pair_is_read_as_its_first_set(write, changes):
    fine = {"$P2R": "65536"} if "$P2R" in changes else {}
    path = write(pair(first_changes=changes, second_changes=fine))
    sample = read_fcs(path)
    assert "FCS-DATASET-01" in codes(sample)
    assert sample.n_events == 500
    assert len(sample.channels) == 4
    assert "FCS-DATASET-02" not in codes(read_fcs(path, dataset=2))


def test_coulters_block_behind_set_2_is_information(write):
    path = write(pair() + b"block" * 50)
    found = {item.code: item.severity for item in read_fcs(path).findings}
    assert found["FCS-TAIL-02"] == "info"
    assert "FCS-TAIL-01" not in found


def test_a_pair_cut_off_is_refused_and_says_how_to_read_set_1(write):
    path = write(pair()[:-1])
    with pytest.raises(FcsError, match=r"data set 2 cannot be read.*dataset=1"):
        read_fcs(path)
    assert read_fcs(path, dataset=1).n_events == 500


def test_a_matrix_in_both_sets_is_one_matrix(write):
    shares = {
        f"$DFC{m}TO{n}": f"{PERCENT[m - 1, n - 1]:.2f}"
        for m in (1, 2, 3)
        for n in (1, 2, 3)
        if m != n
    }
    sample = read_fcs(write(pair(second_changes=shares)))
    assert sample.scale is Scale.RAW
    np.testing.assert_allclose(sample.spillover.matrix, np.eye(3) + PERCENT / 100)
    assert "FCS-DATASET-05" not in codes(sample)


def test_what_is_odd_about_set_2s_own_matrix_is_kept(write):
    sample = read_fcs(write(pair(second_changes={"$SPILLOVER": "2,FL1,FL9,1,0,0,1"})))
    assert "SPILL-UNUSABLE" in codes(sample)
    assert sample.spillover.source == "$DFC"


def test_more_data_sets_behind_a_pair_are_told(write):
    content = pair()
    step = b"/$NEXTDATA/" + b"0" * 8
    second = content.rindex(step)
    length = len(content) - content.index(b"FCS3.0")
    linked = content[:second] + b"/$NEXTDATA/%08d" % length + content[second + len(step) :]
    sample = read_fcs(write(linked + pair()))
    assert {"FCS-DATASET-01", "FCS-DATASET-02"} <= codes(sample)
    assert sample.n_events == 500


def test_channels_without_enough_bright_events_are_named(write, monkeypatch):
    monkeypatch.setattr("flowml.fcs.pairs.FEWEST_VALUES", 499)
    sample = read_fcs(write(pair(wrong_matrix=True)))
    item = next(item for item in sample.findings if item.code == "FCS-DATASET-06")
    assert "FL1" in item.message
    assert item.severity == "info"


@pytest.mark.parametrize("change", [-1, 1, -200, 200])
def test_bytes_lost_or_added_before_set_2_are_not_passed_over(write, change):
    content = pair()
    place = content.index(b"FCS3.0") - 1000  # in the DATA of set 1
    moved = content[:place] + bytes(max(change, 0)) + content[place - min(change, 0) :]
    with pytest.raises(FcsError, match="Bytes were lost or added") as refused:
        read_fcs(write(moved))
    assert refused.value.code == "FCS-AGREE"


def test_a_pair_cut_before_set_2_is_to_be_looked_at(write):
    content = pair()
    second = content.index(b"FCS3.0")
    for end in (second, second + 6, second + 50):
        sample = read_fcs(write(content[:end]))
        found = {item.code: item.severity for item in sample.findings}
        assert found["FCS-DATASET-04"] == "review"


def test_a_first_set_that_cannot_be_read_leaves_the_second_as_it_is(write):
    sample = read_fcs(write(pair(first_changes={"$MODE": "C"})), dataset=2)
    assert sample.markers[1] == ""
    assert "FCS-DATASET-02" not in codes(sample)


FC500 = ("0004", "0020", "0028", "0036", "0044", "0060", "0068", "0084", "0100")


@pytest.mark.parametrize("name", FC500)
def test_real_pairs_agree_within_a_hundredth_of_a_decade(shared_data, name):
    path = shared_data / "aml-fc500" / f"{name}.FCS"
    sample = read_fcs(path)
    assert sample.markers[2:7] == ("CD15", "CD13", "CD45", "CD16", "CD56")
    assert "FCS-DATASET-02" in codes(sample)
    assert "FCS-DATASET-05" not in codes(sample)
    first = read_fcs(path, dataset=1)
    unmixed = compensate(sample).events().astype(float)[:, 2:7]
    stored, linear = first.stored[:, 2:7], first.events().astype(float)[:, 2:7]
    on_scale = (stored > 0.4 * 1024) & (stored < 0.98 * 1024) & (unmixed > 0)
    apart = np.log10(unmixed[on_scale] / RATIO / linear[on_scale])
    assert np.median(np.abs(apart)) < 0.004


COLUMNS = ("CD15-FITC", "CD13-PE", "CD45-ECD-4", "CD16-PC5", "CD56-PC7")
SUBJECTS = {"0004": 1, "0020": 3, "0028": 4, "0044": 6, "0060": 8, "0084": 11}
OTHERS = {"0036": 5, "0068": 9, "0100": 13}  # another gating or another export went into these


def published(shared_data, subject: int) -> list[float]:
    """Return mean and SD of the five colours of tube 4."""
    with (shared_data / "aml-features" / "features.csv").open(newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["subject"] == str(subject))
    return [float(row[f"{name}_{what}"]) for name in COLUMNS for what in ("mean", "std")]


def computed(shared_data, name: str, ddof: int) -> list[float]:
    stored = read_fcs(shared_data / "aml-fc500" / f"{name}.FCS", dataset=1).stored
    values = np.arcsinh(stored[:, 2:7].astype(float) / 5)
    return [f for column in values.T for f in (column.mean(), column.std(ddof=ddof))]


@pytest.mark.parametrize(("name", "subject"), SUBJECTS.items())
def test_stored_values_are_those_of_a_published_analysis(shared_data, name, subject):
    found = computed(shared_data, name, ddof=1)
    np.testing.assert_allclose(found, published(shared_data, subject), atol=1e-5)


@pytest.mark.parametrize(("name", "subject"), OTHERS.items())
def test_three_subjects_of_that_analysis_are_near_only(shared_data, name, subject):
    apart = np.abs(np.subtract(computed(shared_data, name, 1), published(shared_data, subject)))
    assert 1e-5 < apart.max() < 0.06
