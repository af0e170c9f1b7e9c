"""Numbers in keywords."""

from __future__ import annotations

import pytest

from flowml.errors import FcsError
from flowml.fcs.keys import real_number, required_number, whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("12", 12), ("+5", 5), ("8.0", 8), ("8.", 8), ("007", 7), ("", None),
        ("0" * 30 + "12", 12), ("9" * 18, 10**18 - 1),
    ],
)  # fmt: skip
def test_whole_numbers_are_read_exactly(text, number):
    assert whole_number({"$TOT": text}, "$TOT") == number


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "1.5",
        "1e3",
        "0x10",
        "1_000",
        "9" * 19,
        "9" * 5000,
        "²",
        "٣",
        "\uff11\uff12",
        "12 3",
        "nan",
    ],
)
def test_anything_else_is_refused_and_shown(text):
    with pytest.raises(FcsError) as refused:
        whole_number({"$TOT": text}, "$TOT")
    assert refused.value.code == "FCS-KEY"
    assert f"$TOT is '{text[:39]}" in str(refused.value)
    assert "expected a whole number of at most 18 digits" in str(refused.value)
    assert len(str(refused.value)) < 250


def test_a_missing_required_number_is_named():
    with pytest.raises(FcsError, match=r"required keyword \$PAR is missing\. Export"):
        required_number({}, "$PAR")


@pytest.mark.parametrize(
    ("text", "number"),
    [("4.0", 4.0), (" 1e3", 1000.0), ("-2", -2.0), ("", None), ("nan", None), ("inf", None),
     ("1e999", None), ("1_0", None), ("x", None), ("٣", None), ("1" * 41, None)],
)  # fmt: skip
def test_real_numbers_are_finite_or_none(text, number):
    assert real_number(text) == number
