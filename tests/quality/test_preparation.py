"""How a tube's events are made ready, as one record."""

import pytest
from small import cohort

from flowml.errors import FlowmlError
from flowml.features.opened import open_tube
from flowml.knowledge.marker_names import MarkerNames
from flowml.quality import DEFAULT_PREPARATION, Preparation
from flowml.reading import DEFAULT_READING, Reading


def test_a_quality_that_is_none_is_refused():
    with pytest.raises(FlowmlError, match="quality is 'good', expected off, mask, strict"):
        Preparation(quality="good")


def test_a_reading_prepares_as_it_says():
    own = MarkerNames((("leu12", "CD19"),))
    assert DEFAULT_READING.preparation == DEFAULT_PREPARATION == Preparation("auto")
    told = Reading(compensation="none", marker_names=own, quality="mask", jobs=2).preparation
    assert told == Preparation("none", own, "mask")


def test_a_tube_is_opened_as_is_said():
    tube = cohort()[0].tubes[0]
    assert open_tube(tube).unmixing is not None
    assert open_tube(tube, Preparation("none")).unmixing is None
