"""Real files of many instruments: the same values as FlowIO, where FlowIO can read them."""

from __future__ import annotations

import warnings

import flowio
import numpy as np
import pytest

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.records import Role

FOLDERS = ("instruments", "aml-tube4", "b-all", "euroflow-lst", "aml-fc500", "spillover")
CUT_OFF = "cytek-nl-2000__sample_header.fcs"
# what FlowIO 1.4.0 refuses or cannot read, and we can; each is checked in its own way below
NOT_BY_FLOWIO = {
    "Cytek_xP5__Cytek_xP5.fcs", "flowcal__Data003.fcs", "fake_large_fcs__fake_large_fcs.fcs",
}  # fmt: skip


def flowio_data(path, number):
    """Read a data set as leniently as FlowIO can."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = flowio.FlowData(
                path, ignore_offset_error=True, ignore_offset_discrepancy=True
            )
        except flowio.exceptions.MultipleDataSetsError:
            data = flowio.read_multiple_data_sets(path, ignore_offset_error=True)[number - 1]
        data.text["timestep"] = "1"  # of no interest here, and not a number in some files
        return data.as_array(preprocess=False), data.as_array(preprocess=True)


@pytest.mark.parametrize("folder", FOLDERS)
def test_values_are_those_of_flowio(shared_data, folder):
    files = sorted(
        p for p in (shared_data / folder).iterdir() if p.suffix.lower() in {".fcs", ".lmd"}
    )
    assert files
    for path in files:
        if path.name in NOT_BY_FLOWIO | {CUT_OFF}:
            continue
        sample = read_fcs(path, dataset=1)
        stored, linear = flowio_data(path, 1)
        np.testing.assert_array_equal(sample.stored.astype(float), stored, err_msg=path.name)
        columns = [n for n, c in enumerate(sample.channels) if c.role is not Role.TIME]
        events = sample.events()
        np.testing.assert_allclose(
            events[:, columns], linear[:, columns], rtol=2e-6, err_msg=path.name
        )
        parts = [block.copy() for block in sample.blocks(1000)]
        np.testing.assert_array_equal(np.concatenate(parts), events, err_msg=path.name)


def test_the_second_data_set_of_an_fc500_is_masked(shared_data):
    path = shared_data / "aml-fc500" / "0004.FCS"
    sample = read_fcs(path, dataset=2)
    top = [float(sample.keywords[f"$P{n}R"]) for n in range(1, 9)]
    assert sample.stored.shape == (30000, 8)
    assert (sample.stored.max(axis=0) < top).all()
    assert (sample.stored.max(axis=0) > 0).all()


def test_both_data_sets_of_an_fc500_hold_the_same_events(shared_data):
    path = shared_data / "aml-fc500" / "0004.FCS"
    first, second = read_fcs(path, dataset=1), read_fcs(path, dataset=2)
    forward = [sample.events()[:, 0].astype(float) for sample in (first, second)]
    assert np.corrcoef(*forward)[0, 1] > 0.999


@pytest.mark.parametrize("name", ["Cytek_xP5__Cytek_xP5.fcs", "flowcal__Data003.fcs"])
def test_24_bit_files_that_flowio_fails_on_hold_their_plain_bytes(shared_data, name):
    path = shared_data / "instruments" / name
    sample = read_fcs(path)
    assert sample.keywords["$BYTEORD"] == "4,3,2,1"
    raw = np.fromfile(path, np.uint8, count=sample.n_events * 24, offset=4096)
    raw = raw.reshape(-1, 8, 3).astype(np.uint32)
    whole = raw[..., 0] * 65536 + raw[..., 1] * 256 + raw[..., 2]
    tops = [int(sample.keywords[f"$P{n}R"]) for n in range(1, 9)]
    masks = np.array([2 ** (top - 1).bit_length() - 1 for top in tops], np.uint32)
    np.testing.assert_array_equal(sample.stored, whole & masks)


def test_a_header_without_data_offsets_holds_the_plain_bytes(shared_data):
    path = shared_data / "instruments" / "fake_large_fcs__fake_large_fcs.fcs"
    sample = read_fcs(path)
    offset = int(sample.keywords["$BEGINDATA"])
    order = ">" if sample.keywords["$BYTEORD"].startswith("4") else "<"
    raw = np.fromfile(path, f"{order}f4", count=11585 * 11, offset=offset).reshape(-1, 11)
    np.testing.assert_array_equal(sample.stored, raw)


def test_variable_integer_widths_are_decoded_field_by_field(shared_data):
    path = shared_data / "instruments" / "flowio__variable_int_example.fcs"
    sample = read_fcs(path)
    widths = [int(sample.keywords[f"$P{n}B"]) // 8 for n in range(1, len(sample.channels) + 1)]
    assert len(set(widths)) > 1
    raw = path.read_bytes()[int(sample.keywords["$BEGINDATA"]) :]
    side = "big" if sample.keywords["$BYTEORD"].startswith("4") else "little"
    expected, start = [], 0
    for _ in range(sample.n_events):
        for n, width in enumerate(widths, start=1):
            top = float(sample.keywords[f"$P{n}R"])
            mask = 2 ** (int(top) - 1).bit_length() - 1
            expected.append(int.from_bytes(raw[start : start + width], side) & mask)
            start += width
    assert sample.stored.ravel().tolist() == expected


def test_a_file_without_its_data_is_refused(shared_data):
    with pytest.raises(FcsError, match=r"need 2160000 bytes.*file has 3931 bytes"):
        read_fcs(shared_data / "instruments" / CUT_OFF)


def test_files_linearised_and_compensated_elsewhere_say_so(shared_data):
    sample = read_fcs(shared_data / "aml-tube4" / "sample1.fcs")
    assert {"FCS-RANGE-01", "SPILL-APPLIED"} <= {item.code for item in sample.findings}
    assert sample.scale.value == "compensated"


@pytest.mark.parametrize("name", ["aurora__INF187-04_01.fcs", "aurora__ND050-01.fcs"])
def test_of_several_side_scatters_the_plain_name_is_the_blue_lasers(shared_data, name):
    sample = read_fcs(shared_data / "instruments" / name)
    assert sample.channel_names[sample.column("SSC")] == "SSC-A"
    assert sample.channel_names[sample.column("SSC-B")] == "SSC-B-A"
