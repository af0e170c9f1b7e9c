"""Scores written into a copy of the file: read back by us, FlowIO, FlowKit and fcsparser."""

from __future__ import annotations

import warnings
from dataclasses import replace

import flowio
import numpy as np
import pytest
from blobs import labelled, trained

import flowml
from flowml.errors import GateError
from flowml.gating.learned import write_scores

KEYWORDS = {
    "$FIL": "a b.fcs",
    "$CYT": "Canto",
    "SAMPLE ID": "1234 ",
    "EMPTY": "",
    "$P1V": "500",
}


@pytest.fixture(scope="module")
def scored():
    sample, _ = labelled(9)
    values = sample.linear
    values[3, 0] = np.nan
    sample = replace(sample, source=flowml.events.ArraySource(values), keywords=KEYWORDS)
    return sample, trained().scores(sample)


def test_the_copy_holds_events_classes_and_keywords(scored, tmp_path):
    sample, scores = scored
    write_scores(tmp_path / "a.fcs", sample, scores)
    copy = flowml.read_fcs(tmp_path / "a.fcs")
    assert np.array_equal(copy.linear[:, :3], sample.linear, equal_nan=True)
    assert copy.channel_names[3:] == ("event class", "event probability")
    assert np.isnan(copy.linear[3, 3:]).all()
    known = np.arange(sample.n_events) != 3
    assert np.array_equal(copy.linear[known, 3], scores.codes[known] + 1)
    likely = [float(scores.probability(name)[7]) for name in ("debris", "B", "NK", "T")]
    assert copy.linear[7, 4] == pytest.approx(1000 * likely[int(copy.linear[7, 3])], rel=1e-5)
    for key in ("$FIL", "$CYT"):
        assert copy.keywords[key] == KEYWORDS[key]
    assert copy.keywords["SAMPLE ID"] == "1234"
    assert copy.keywords["FLOWML_EVENT_CLASSES"] == "0 debris; 1 B; 2 NK; 3 T"
    assert (copy.keywords["$P4R"], copy.keywords["$P5R"]) == ("4", "1024")


def test_other_readers_open_the_copy(scored, tmp_path):
    sample, scores = scored
    path = tmp_path / "a.fcs"
    write_scores(path, sample, scores)
    ours = flowml.read_fcs(path).linear
    assert np.array_equal(
        flowio.FlowData(path).as_array(preprocess=False), ours, equal_nan=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        import flowkit

        opened = flowkit.Sample(str(path), preprocess=False)
    assert opened.pnn_labels[3:] == ["event class", "event probability"]


def test_fcsparser_opens_the_copy(scored, tmp_path):
    fcsparser = pytest.importorskip("fcsparser")
    sample, scores = scored
    write_scores(tmp_path / "a.fcs", sample, scores)
    _, table = fcsparser.parse(str(tmp_path / "a.fcs"))
    assert np.allclose(table["event class"][4:], scores.codes[4:] + 1)


def test_names_of_patients_can_be_left_out(scored, tmp_path):
    sample, scores = scored
    write_scores(tmp_path / "a.fcs", sample, scores, keep_keywords=False)
    kept = flowml.read_fcs(tmp_path / "a.fcs").keywords
    assert "SAMPLE ID" not in kept
    assert kept["$CYT"] == "Canto"


def test_scores_of_another_sample_are_refused(scored, tmp_path):
    _, scores = scored
    with pytest.raises(GateError, match="Score this sample"):
        write_scores(tmp_path / "a.fcs", labelled(1, each=3)[0], scores)


def test_values_of_keywords_may_have_several_lines(scored, tmp_path):
    sample, scores = scored
    told = {"$COM": "one\ntwo\tthree", "NOTE": "a\x0cb"}
    write_scores(tmp_path / "a.fcs", replace(sample, keywords=told), scores)
    kept = flowml.read_fcs(tmp_path / "a.fcs").keywords
    assert (kept["$COM"], kept["NOTE"]) == ("one\ntwo\tthree", "a b")
