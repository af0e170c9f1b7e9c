"""A cohort: which cases it holds, what they depend on and what not, and what is refused."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import flowml
from flowml.errors import FlowmlError, LabelError
from flowml.knowledge.biology import load_biology
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.panels import known_panels, load_panel
from flowml.records import Scale
from flowml.simulator import cohort as cohorts
from flowml.simulator import fingerprint, knowledge_sha256, known_entities, simulate
from flowml.simulator.truth import plan_of
from flowml.simulator.write import CASE_COLUMNS

ENTITIES = known_entities()
OF_MEASUREMENT = ("instrument", "date")
TOLD = set(CASE_COLUMNS) - {"case_id"}


def cohort(entities="all", cases=8, seed=3, events=300, **how):
    return simulate(entities=entities, cases=cases, events=events, seed=seed, **how)


def events(case):
    return case.tubes[0].origin.events()


def entities_of(cases):
    return [case.details["entity"] for case in cases]


def look_at(case):
    """Return a case's plan: what this patient's cells look like in the first tube."""
    return plan_of(case.tubes[0].origin)


def has(case, entity):
    return entity in {case.details["entity"], *case.details["second_entity"].split("+")}


def clones(entity):
    variants = load_biology().diseases[entity].variants
    return {clone.population.name for variant in variants for clone in variant.clones}


# --- what a case depends on --------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits():
    for one, other in zip(cohort(), cohort(), strict=True):
        assert one.details == other.details
        assert events(one).tobytes() == events(other).tobytes()
        first, second = one.tubes[0].origin, other.tubes[0].origin
        assert first.spillover.matrix.tobytes() == second.spillover.matrix.tobytes()
        assert first.keywords == second.keywords


def test_another_seed_gives_other_cases():
    assert not np.array_equal(events(cohort(seed=3)[0]), events(cohort(seed=4)[0]))
    assert entities_of(cohort(seed=3)) != entities_of(cohort(seed=4))


def test_seeds_may_be_large():
    one, other = (cohort(seed=seed, cases=1)[0] for seed in (2**64 + 1, 2**64 + 2))
    assert not np.array_equal(events(one), events(other))


def test_a_case_does_not_depend_on_how_many_there_are():
    for short, long in zip(cohort(cases=5), cohort(cases=20), strict=False):
        assert short.case_id == long.case_id
        assert short.details == long.details
        assert np.array_equal(events(short), events(long))


def test_a_case_does_not_depend_on_the_other_entities():
    alone = simulate(entities={"CLL": 3}, events=300, seed=3)
    among = simulate(entities={"FL": 2, "CLL": 3, "AML": 1}, events=300, seed=3)
    found = [case for case in among if case.details["entity"] == "CLL"]
    for one, other in zip(alone, found, strict=True):
        assert one.details == other.details
        assert np.array_equal(events(one), events(other))


def test_the_patient_does_not_depend_on_the_number_of_events():
    for few, many in zip(cohort(events=100), cohort(events=(500, 900)), strict=True):
        assert few.details == many.details
        assert np.array_equal(look_at(few).path, look_at(many).path)
        assert 500 <= many.tubes[0].origin.n_events <= 900


def test_the_patient_does_not_depend_on_the_instruments():
    one = cohort("CLL", panel="cll-9f")
    other = cohort("CLL", panel="cll-9f", instruments=["cytoflex", "navios"])
    for case, same in zip(one, other, strict=True):
        apart = {key for key in case.details if case.details[key] != same.details[key]}
        assert apart <= set(OF_MEASUREMENT)
        assert np.array_equal(look_at(case).path, look_at(same).path)
        assert np.array_equal(look_at(case).scatter, look_at(same).scatter)


def test_the_patient_does_not_depend_on_the_panel():
    for one, other in zip(cohort("CLL"), cohort("CLL", panel="acute"), strict=True):
        apart = {key for key in one.details if one.details[key] != other.details[key]}
        assert apart <= {"panel", "instrument"}
        first, second = look_at(one), look_at(other)
        assert first.names == second.names
        assert first.chains == second.chains
        assert np.array_equal(first.scatter, second.scatter)
        shares = [plan.weights[:-1] / plan.weights[:-1].sum() for plan in (first, second)]
        np.testing.assert_allclose(*shares)


def test_all_tubes_of_a_case_are_of_one_patient_instrument_and_day():
    for case in simulate("acute", entities="AML", cases=4, events=100, instruments=3, seed=1):
        plans = [plan_of(tube.origin) for tube in case.tubes]
        words = [tube.origin.keywords for tube in case.tubes]
        assert [tube.label for tube in case.tubes] == ["1", "2", "3", "4"]
        assert len({plan.seed for plan in plans}) == 4
        for key in ("$CYT", "$CYTSN", "$DATE"):
            assert len({word[key] for word in words}) == 1
        for plan in plans:
            assert plan.names == plans[0].names
            assert np.array_equal(plan.scatter, plans[0].scatter)


# --- which cases there are ---------------------------------------------------------------


def test_equal_numbers_and_shuffled():
    found = entities_of(cohort(cases=24))
    assert Counter(found) == dict.fromkeys(ENTITIES, 3)
    assert found[:8] != found[8:16]
    assert found != sorted(found, key=ENTITIES.index)


def test_a_mapping_gives_the_number_of_each():
    cases = simulate(entities={"CLL": 4, "normal": 8, "AML": 0}, events=5, seed=3)
    assert Counter(entities_of(cases)) == {"CLL": 4, "normal": 8}
    assert [case.case_id for case in cases] == [f"S{n:04d}" for n in range(1, 13)]
    ordered = ["CLL"] * 4 + ["normal"] * 8
    assert entities_of(cases) not in (ordered, ordered[::-1])


def test_ten_of_each_where_no_number_is_given():
    assert len(simulate(entities=["AML", "CLL"], seed=1)) == 20
    assert len(simulate(seed=1)) == 10 * len(ENTITIES)


@pytest.mark.parametrize("panel", known_panels())
def test_all_means_what_the_panel_can_tell_apart(panel):
    found = simulate(panel, cases=len(known_entities(panel)), events=1, seed=1)
    assert sorted(entities_of(found)) == sorted(load_panel(panel).entities)


def test_what_the_panel_cannot_tell_apart_can_be_asked_for_too():
    (case,) = simulate("plasma-cell", entities="mastocytosis", cases=1, events=5, seed=1)
    assert case.details["entity"] == case.details["scored_as"] == "mastocytosis"
    assert load_biology().diseases["mastocytosis"].outside


def test_an_entity_is_scored_as_the_one_that_it_looks_like():
    (case,) = simulate("plasma-cell", entities="MGUS", cases=1, events=5, seed=1)
    assert (case.details["entity"], case.details["scored_as"]) == ("MGUS", "MM")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("common ALL", "B-ALL"), ("cll", "CLL"), ("CLL+MBL", "CLL"), (" AML ", "AML"),
        ("Mantle cell lymphoma", "MCL"), ("T-LGLL", "T-LGLL"),
    ],
)  # fmt: skip
def test_aliases_become_canonical(asked, expected):
    assert load_label_tree().canonical("CLL+MBL") == "CLL"  # an alias that holds a plus
    (case,) = simulate(entities=asked, cases=1, events=5, seed=1)
    assert (case.details["entity"], case.details["second_entity"]) == (expected, "")


def test_a_plus_asks_for_a_case_with_both():
    for case in cohort("CLL + t-lgll", cases=6):
        assert has(case, "CLL")
        assert has(case, "T-LGLL")
        details = case.details
        assert float(details["neoplastic_share"]) >= float(details["second_share"]) > 0
        for entity in ("CLL", "T-LGLL"):
            assert clones(entity) & set(look_at(case).names)


def test_several_entities_in_one_text():
    assert set(entities_of(cohort("CLL, FL,normal", cases=3))) == {"CLL", "FL", "normal"}


@pytest.mark.parametrize("share", [(0.005, 0.02), (0.3, 0.3)])
def test_a_stratum_of_neoplastic_shares(share):
    for case in cohort(["CLL", "AML", "normal"], cases=9, share=share):
        found = float(case.details["neoplastic_share"])
        if case.details["entity"] == "normal":
            assert found == 0
        else:
            assert share[0] - 1e-6 <= found <= share[1] + 1e-6


# --- a cohort is a sequence --------------------------------------------------------------


def test_a_cohort_is_a_sequence_that_can_be_cut():
    whole = cohort(cases=10)
    assert len(whole) == len(list(whole)) == len(whole.case_ids) == 10
    part = whole[3:8:2]
    assert part.case_ids == ("S0004", "S0006", "S0008")
    assert part[1].details == whole[5].details == whole[-5].details
    assert np.array_equal(events(part[-1]), events(whole[7]))
    assert len(whole[20:]) == 0
    with pytest.raises(IndexError):
        whole[10]
    assert whole[np.int64(2)].case_id == "S0003"


def test_case_ids_grow_with_their_number():
    places = cohorts.places_of(["CLL"] * 10_001)
    assert [cohorts.case_id(places[n]) for n in (0, 9998, 10_000)] == [
        "S0001",
        "S9999",
        "S10001",
    ]


def test_what_a_case_says_of_itself():
    for case in cohort(cases=8, instruments=2):
        assert set(case.details) == TOLD
        assert all(isinstance(value, str) for value in case.details.values())
        assert case.details["panel"] == "screening"
        assert case.details["specimen"] in {"blood", "marrow"}
        assert case.details["accident"] == case.details["severity"] == ""
        assert "2024-01-01" <= case.details["date"] < "2026-01-01"
        (tube,) = case.tubes
        assert tube.name == f"{case.case_id}/{case.case_id}_1.fcs"
        assert tube.origin.scale is Scale.RAW
        day, month, year = tube.origin.keywords["$DATE"].split("-")
        assert case.details["date"].startswith(year)
        assert case.details["date"].endswith(day)
        assert month in cohorts.MONTHS
        assert tube.origin.keywords["$CYTSN"] == f"SIM000{case.details['instrument'][-1]}"
        assert tube.origin.keywords["FLOWML_SIMULATED"] == "yes"


def test_instruments_are_used_alike_by_all_entities():
    found = cohort(["CLL", "AML"], cases=60, events=1, instruments=3, panel="alot")
    used = Counter((case.details["entity"], case.details["instrument"]) for case in found)
    assert len(used) == 6
    assert min(used.values()) >= 4


# --- patients that are seen again --------------------------------------------------------


def test_a_patient_who_is_seen_again_is_the_same():
    usual, visits = cohort("CLL", cases=30), {}
    for case in cohorts.Cohort(replace(usual.design, repeated=0.5), usual.places):
        visits.setdefault(case.details["patient_id"], []).append(case)
    assert max(map(len, visits.values())) > 1
    assert len(visits) > 5
    for first, *others in visits.values():
        for case in others:
            apart = {k for k, v in case.details.items() if v != first.details[k]}
            assert apart <= set(OF_MEASUREMENT)
            assert np.array_equal(look_at(case).path, look_at(first).path)
            assert not np.array_equal(events(case), events(first))  # another measurement


def test_few_patients_are_seen_again():
    cases = cohort("CLL", cases=2000)
    first = [cohorts._first_visit(cases.design, place) for place in cases.places]
    again = np.mean([n != place.index for n, place in zip(first, cases.places, strict=True)])
    error = np.sqrt(cohorts.REPEATED * (1 - cohorts.REPEATED) / 2000)
    assert again == pytest.approx(cohorts.REPEATED, abs=5 * error)
    assert max(place.index - n for n, place in zip(first, cases.places, strict=True)) <= 3


def test_none_is_seen_again_where_none_shall_be():
    cases = cohort("CLL", cases=500)
    once = replace(cases.design, repeated=0.0)
    assert all(cohorts._first_visit(once, place) == place.index for place in cases.places)


def test_patients_of_two_entities_or_seeds_are_never_one():
    ids = [case.details["patient_id"] for case in cohort(cases=40, events=1)]
    assert len(set(ids)) >= 35
    other = [case.details["patient_id"] for case in cohort(cases=40, events=1, seed=4)]
    assert not set(ids) & set(other)


# --- what is refused ---------------------------------------------------------------------


def test_an_unknown_entity_names_the_nearest_and_the_known():
    with pytest.raises(LabelError, match=r"'T-AL'.*Nearest: T-ALL.*It knows.*normal"):
        cohort(["T-AL"])
    with pytest.raises(LabelError, match="'nothing'"):
        cohort("CLL+nothing")
    for odd in ("CLL+", "+", "\x1b[31mCLL\u202e", "=1+1", "a" * 100_000):
        with pytest.raises(LabelError) as caught:
            cohort([odd])
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cases": 0}, "cases is 0, expected a whole number from 1"),
        ({"cases": 2.5}, r"cases is 2\.5"),
        ({"events": 0}, "events is 0, expected a whole number from 1"),
        ({"events": -5}, "events is -5"),
        ({"events": 2.5}, r"events is 2\.5"),
        ({"events": np.nan}, "events is nan"),
        ({"events": 10**30}, "events is 10000.*from 1 to 100000000"),
        ({"events": (20, 10)}, "20 to 10, expected the smaller number first"),
        ({"events": (1, 2, 3)}, "expected one number or two"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": True}, "seed is True"),
        ({"entities": []}, "no entity was given; choose from normal"),
        ({"entities": " , "}, "no entity was given"),
        ({"entities": {"AML": 2}}, "cases were given, and so was the number of each"),
        ({"entities": {"AML": -2}, "cases": None}, "number of AML is -2"),
        ({"instruments": 0}, "instruments is 0"),
        ({"instruments": 5000}, "instruments is 5000, expected a whole number from 1 to 1000"),
        ({"instruments": []}, "no instrument was given"),
        ({"instruments": "lyrik"}, "unknown cytometer 'lyrik'; nearest: lyric"),
        ({"instruments": ["canto"]}, "'screening' cannot be measured .*'canto'.*R712.*lyric"),
        ({"panel": "screning"}, "unknown panel 'screning'; nearest: screening"),
        ({"panel": "no.toml"}, "no.toml: No such file"),
        ({"share": (0, 0.1)}, "share is 0 to 0.1, expected two numbers between 0 and 1"),
        ({"share": (0.2, 0.1)}, "the smaller first"),
        ({"share": (0.5, 1.0)}, "between 0 and 1"),
        ({"share": (np.nan, 0.5)}, "share is nan to 0.5"),
        ({"share": 0.5}, r"share is 0\.5, expected two numbers"),
        ({"share": ("a", "b")}, "share is a to b"),
        ({"accidents": 1.5}, r"accidents is 1\.5, expected a number from 0 to 1"),
        ({"accidents": np.nan}, "accidents is nan"),
        ({"accident_kinds": "lost tub"}, "unknown accident 'lost tub'; nearest: lost tube"),
        ({"accidents": 0.5, "accident_kinds": []}, "none was named"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(arguments, message):
    with pytest.raises(FlowmlError, match=message):
        cohort(**arguments)


# --- what it was drawn from --------------------------------------------------------------


def test_the_hash_follows_the_knowledge_and_the_version(monkeypatch, tmp_path):
    before = knowledge_sha256()
    assert before == knowledge_sha256()
    assert len(before) == 64
    monkeypatch.setattr(fingerprint, "SIMULATOR_VERSION", fingerprint.SIMULATOR_VERSION + 1)
    after = knowledge_sha256()
    assert after != before
    for path in fingerprint.knowledge_files():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes((fingerprint.HOME / path).read_bytes())
    monkeypatch.setattr(fingerprint, "HOME", tmp_path)
    assert knowledge_sha256() == after
    for path in fingerprint.knowledge_files():
        whole = (tmp_path / path).read_bytes()
        (tmp_path / path).write_bytes(whole + b"\n")
        assert knowledge_sha256() != after, path
        (tmp_path / path).write_bytes(whole)
    (tmp_path / "entities" / "more.toml").write_text("")
    assert knowledge_sha256() != after


def test_the_public_names_are_those_of_the_simulator():
    assert flowml.simulate is simulate
    assert replace(cohort(cases=1).design, seed=4).seed == 4
