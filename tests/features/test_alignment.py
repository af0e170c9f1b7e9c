"""Alignment of instruments: a map of the display scale that rises, and undoes a gain."""

from __future__ import annotations

import numpy as np
import pytest
from small import cohort, labels, with_events

from flowml.errors import FlowmlError
from flowml.features import FittedRecipe, describe_case, make_recipe
from flowml.features.recipes.alignment import Aligned
from flowml.preprocess.transform import Linear, Logicle
from flowml.reading import extract_table
from flowml.records import Case, Role, Tube
from flowml.training import normal_ids


def on(case, instrument, gain, case_id):
    """Return a case as another instrument would have measured it."""
    sample = case.tubes[0].origin
    light = [n for n, c in enumerate(sample.channels) if c.role is Role.FLUORESCENCE]
    values = sample.events().copy()
    values[:, light] *= gain
    moved = with_events(sample, values, keywords={"$CYT": instrument})
    return Case(case_id, (Tube(sample.name, moved),))


def fitted(name="ecdf", **options):
    """Fit on normal cases, measured by A and with half the signal by B."""
    normals = [case for case in cohort() if labels()[case.case_id] == "normal"]
    normals = [*normals, *normals][:5]
    cases = [
        on(c, i, g, f"{i}{n}") for i, g in (("A", 1), ("B", 0.5)) for n, c in enumerate(normals)
    ]
    ids = frozenset(case.case_id for case in cases)
    return extract_table(cases, make_recipe(name, **options), normals=ids).recipe


def test_a_map_worked_by_hand():
    scale = Aligned(Linear(10.0), Linear(10.0), (0.2, 0.6), (0.3, 0.5))
    # 1 is shown at 0.1, below the first landmark: moved by 0.1; 4 half way; 8 above the last
    assert scale([1.0, 2.0, 4.0, 6.0, 8.0]) == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.7])
    assert scale.inverse([0.2, 0.3, 0.4, 0.5, 0.7]) == pytest.approx([1.0, 2.0, 4.0, 6.0, 8.0])


@pytest.mark.parametrize("shown", [Logicle(1024.0), Logicle(1024.0, 1.0), Linear(1024.0)])
def test_a_map_rises_and_has_its_inverse(shown):
    scale = Aligned(shown, Logicle(1024.0), (0.1, 0.2, 0.7), (0.15, 0.16, 0.9))
    x = np.linspace(-50.0, 900.0, 400)
    assert (np.diff(scale(x)) > 0).all()
    assert scale.inverse(scale(x)) == pytest.approx(x, abs=1e-6)


def test_a_gain_is_undone():
    recipe, case = fitted(), cohort()[0]
    a, b = (describe_case(on(case, i, g, "x"), recipe) for i, g in (("A", 1), ("B", 0.5)))
    plain = make_recipe("ecdf").learn([])
    was, now = (describe_case(on(case, "", g, "x"), plain) for g in (1, 0.5))
    assert np.abs(a.values - b.values).mean() < 0.4 * np.abs(was.values - now.values).mean()


def test_an_unknown_instrument_is_said_and_left_as_it_is():
    other = describe_case(on(cohort()[0], "C", 1, "x"), fitted())
    assert "ALIGN-UNKNOWN" in {finding.code for finding in other.findings}
    plain = describe_case(on(cohort()[0], "C", 1, "x"), make_recipe("ecdf").learn([]))
    assert np.array_equal(other.values, plain.values)


def test_plain_values_give_the_recipe_back_and_hostile_ones_are_refused():
    recipe = fitted()
    assert FittedRecipe.from_dict(recipe.to_dict()) == recipe
    for bad in ([0.1], [float("nan")] * 21, [9.0] * 21, "x", None):
        plain = recipe.to_dict()
        plain["alignment"]["instruments"]["A"]["landmarks"]["CD19"] = bad
        with pytest.raises(FlowmlError):
            FittedRecipe.from_dict(plain)


def test_without_alignment_a_recipe_says_nothing_of_it():
    assert "alignment" not in make_recipe("ecdf").learn([]).to_dict()


def test_mll2021_and_too_few_normals_are_refused():
    with pytest.raises(FlowmlError, match="cannot be aligned"):
        extract_table(cohort(), make_recipe("mll2021"), normals=normal_ids(labels()))
    with pytest.raises(FlowmlError, match="5 normal cases of one"):
        extract_table(cohort()[:2], make_recipe("ecdf"), normals=normal_ids(labels()))
