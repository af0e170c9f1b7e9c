"""The benchmark from folder to features: its parts, on little data; nothing is timed here."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import numpy as np
import pytest
from places import ROOT

import flowml
from flowml.simulator import known_entities, truth_of

HOME = ROOT / "benchmarks"
N_EVENTS, N_FILES = 700, 2
MODULES = (
    "stained", "ways", "run", "tables", "simulator", "tubes", "quality", "finding", "cohort",
    "cohort_strata", "recipes", "gating",
)  # fmt: skip


@pytest.fixture(scope="module")
def bench():
    """Import the benchmark's modules; they go again afterwards, for their names are short."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(HOME), *sys.path])
        yield {name: import_module(name) for name in MODULES}
    ours = [name for name in set(sys.modules) - before if _is_ours(sys.modules[name])]
    for name in ours:
        del sys.modules[name]


def _is_ours(module):
    return str(getattr(module, "__file__", None) or "").startswith(str(HOME))


@pytest.fixture(scope="module")
def folder(bench, tmp_path_factory):
    place = tmp_path_factory.mktemp("stained")
    bench["stained"].write_folder(place, N_FILES, N_EVENTS)
    return place


@pytest.fixture(scope="module")
def files(folder):
    return sorted(map(str, folder.iterdir()))


def test_files_are_what_they_say(bench, files):
    sample = flowml.read_fcs(files[0])
    assert not sample.findings
    assert sample.events().shape == (N_EVENTS, 14)
    assert sample.spillover.matrix.shape == (10, 10)
    unmixed = sample.events()[:, 3:13] @ np.linalg.inv(sample.spillover.matrix)
    assert (unmixed < 0).mean() > 0.05, "noise puts negatives below zero"
    assert set(bench["ways"].MARKERS) <= set(sample.markers)
    assert not np.array_equal(sample.events(), flowml.read_fcs(files[1]).events())


def test_a_file_does_not_depend_on_how_it_is_written(bench, tmp_path, monkeypatch):
    bench["stained"].write_stained(tmp_path / "a.fcs", 250, seed=3)
    bench["stained"].write_stained(tmp_path / "b.fcs", 250, seed=3)
    monkeypatch.setattr(bench["stained"], "AT_A_TIME", 100)
    bench["stained"].write_stained(tmp_path / "c.fcs", 250, seed=3)
    a, b, c = (tmp_path / f"{name}.fcs" for name in "abc")
    assert a.read_bytes() == b.read_bytes()
    assert flowml.read_fcs(c).events().shape == (250, 14)
    assert np.array_equal(
        flowml.read_fcs(c).events()[:, -1], flowml.read_fcs(a).events()[:, -1]
    )


@pytest.mark.filterwarnings("ignore")
def test_ways_agree(bench, folder, files, tmp_path):
    """The counts of all ways are those of FlowKit, but for values close to a cut."""
    ways, found = bench["ways"], {}
    for i, name in enumerate(("flowkit", "flowio + numpy", "flowml", "flowml, exact")):
        worker, request = ways.Worker(), {"way": name, "folder": str(folder), "files": files}
        assert not worker.prepare(request)["wrong"]
        found[name] = str(tmp_path / f"{i}.npz")
        worker.counts(request | {"out": found[name]})
    for name, least in (("flowio + numpy", 1), ("flowml", 0.98), ("flowml, exact", 0.9995)):
        same = worker.compare({"truth": found["flowkit"], "found": found[name]})
        for key, size in (("single", 10), ("pairs", 45)):
            with np.load(found[name]) as counts:
                assert counts[key].sum() == N_FILES * N_EVENTS * size
            assert same[key]["counts"] >= least, name


@pytest.mark.filterwarnings("ignore")
def test_each_way_can_be_taken_or_says_why_not(bench, folder, files):
    ways = bench["ways"]
    for name in (*ways.BY_FILE, *ways.BY_FOLDER):
        worker, request = ways.Worker(), {"way": name, "folder": str(folder), "files": files}
        wrong = worker.prepare(request)["wrong"]
        if name.endswith("compensated only"):
            assert not wrong or wrong.startswith("cannot: ")
        else:
            assert not wrong, name
            assert set(worker.time(request | {"passes": 2})) == {"cpu", "wall"}


def test_agreement_tells_counts_that_moved(bench):
    truth = np.array([[5, 5, 0, 0]])
    same = bench["ways"].agreement(truth, np.array([[4, 5, 1, 0]]))
    assert same == {"counts": 0.9, "bins": pytest.approx(1 / 3)}
    assert bench["ways"].agreement(truth, truth) == {"counts": 1, "bins": 1}


def test_turns_go_round_the_files(bench):
    some_of = bench["run"].some_of
    assert [some_of(["a", "b", "c"], turn, 2) for turn in range(3)] == [
        ["a", "b"], ["c", "a"], ["b", "c"],
    ]  # fmt: skip
    assert some_of(["a"], 5, 8) == ["a"]


def test_only_takes_names_with_commas(bench):
    chosen = bench["run"].chosen
    assert chosen("flowml, exact,ecdf, workers") == {
        "flowml", "floor", "flowml, exact", "ecdf", "workers",
    }  # fmt: skip
    assert "agreement" in chosen("")
    with pytest.raises(SystemExit, match="--only nonsense"):
        chosen("ecdf,nonsense")


@pytest.fixture(scope="module")
def report(bench):
    """All parts once, without the ways of others, on files of a few events."""
    arguments = "--files 2 --events 300 --rounds 2 --many 3 --worker-rounds 2"
    args = bench["run"].parsed([*arguments.split(), "--only", "ecdf,workers"])
    return bench["run"].measure(args)


@pytest.mark.parametrize("markdown", [False, True])
def test_a_whole_run_is_shown_and_judged(bench, report, capsys, markdown):
    bench["run"].show(report, bench["tables"].Printer(markdown=markdown))
    shown = capsys.readouterr().out
    assert set(report["features"]["ways"]) == {"flowml", "floor", "ecdf"}
    assert len(report["targets"]) == 3
    assert ("| flowml / floor |" in shown) is markdown
    assert "two workers, second call" in shown
    json.dumps(report, allow_nan=False)


def test_targets_are_judged_on_the_right_side(bench):
    target = bench["run"].target
    assert [target("x", 2, 2, least=least)["met"] for least in (True, False)] == [True, True]
    assert not target("x", 1.9, 2, least=True)["met"]
    assert not target("x", 2.1, 2, least=False)["met"]


def test_quartiles_need_two_rounds(bench, capsys):
    with pytest.raises(SystemExit):
        bench["run"].parsed(["--rounds", "1"])
    assert "2 or more" in capsys.readouterr().err


@pytest.fixture(scope="module")
def drawn(bench):
    """A panel of the simulator's benchmark once, with few tubes of a few events."""
    arguments = "--tubes 4 --events 300 --rounds 2 --panels cll-9f"
    return bench["simulator"].measure(bench["simulator"].parsed(arguments.split()))


@pytest.mark.parametrize("markdown", [False, True])
def test_the_simulator_is_timed_and_judged(bench, drawn, capsys, markdown):
    simulator = bench["simulator"]
    simulator.show(drawn, bench["tables"].Printer(markdown=markdown))
    shown = capsys.readouterr().out
    (rows,) = drawn["panels"].values()
    assert set(simulator.WAYS) < set(rows)
    assert all(row["median"] > 0 for row in rows.values())
    assert len(drawn["targets"]) == 2
    assert ("| cll-9f, as files, two workers |" in shown) is markdown
    json.dumps(drawn, allow_nan=False)


def test_panels_of_the_simulator_take_turns(bench, monkeypatch):
    simulator, seen = bench["simulator"], []

    def noted(panel, *_):
        seen.append(panel)
        return dict.fromkeys(simulator.WAYS, len(seen) * 10.0)

    monkeypatch.setattr(simulator, "one_round", noted)
    found = simulator.measure(simulator.parsed(["--rounds", "2", "--panels", "lst,acute"]))
    assert seen == ["lst", "acute"] * 2
    medians = {name: {row["median"] for row in rows.values()}
               for name, rows in found["panels"].items()}  # fmt: skip
    assert medians == {"lst": {20}, "acute": {30}}
    assert [row["met"] for row in found["targets"]] == [True] * 4


def test_every_tube_of_the_simulator_counts(bench, tmp_path):
    worker = bench["tubes"].Worker()
    worker.prepare(
        {"panel": "cll-9f", "tubes": 4, "events": 200, "seed": 1, "folder": str(tmp_path)}
    )
    assert worker.draw({"jobs": 1})["tubes"] == 6, "whole cases of three tubes"
    assert worker.write({"jobs": 1})["tubes"] == 6
    assert not list(tmp_path.iterdir())


def test_the_simulator_needs_two_rounds(bench, capsys):
    with pytest.raises(SystemExit):
        bench["simulator"].parsed(["--rounds", "1"])
    assert "quartiles need two" in capsys.readouterr().err


def test_memory_is_that_of_a_process_of_its_own(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench["run"], "MEMORY", {"little": (1, 200)})
    monkeypatch.setattr(bench["run"], "MEMORY_RECIPES", ("ecdf",))
    assert 10 < bench["run"].memory(tmp_path / "files")["little"]["ecdf"] < 4096


@pytest.mark.parametrize("markdown", [False, True])
def test_quality_is_timed_and_judged(bench, capsys, markdown):
    quality = bench["quality"]
    found = quality.measure(quality.parsed(["--events", "1200", "--rounds", "2"]))
    quality.show(found, bench["tables"].Printer(markdown=markdown))
    shown = capsys.readouterr().out
    assert all(name in shown for name in found["ms"])
    assert ("| all checks |" in shown) is markdown
    assert "Asked: all checks within 200 ms" in shown
    json.dumps(found, allow_nan=False)


def test_the_files_to_be_found_are_what_they_say(bench, tmp_path):
    finding = bench["finding"]
    finding.write_cases(tmp_path, 2)
    cases = flowml.find_cases(tmp_path)
    assert [case.case_id for case in cases] == ["C00000", "C00001"]
    for tube, markers in zip(cases[0].tubes, sorted(finding.TUBES.items()), strict=True):
        sample = flowml.read_fcs(tube.origin)
        assert set(markers[1]) <= set(sample.markers)
        assert sample.events().shape == (finding.N_EVENTS, 8)
    finding.verify("find_cases", "2 8", 2)
    with pytest.raises(SystemExit, match="did not find"):
        finding.verify("find_cases", "2 7", 2)
    for way, command in finding.ways(tmp_path, 1).items():
        if "find_cases" in way:
            finding.verify(way, finding.timed(command)[-1], 2)


def kept(bench, folder, cohorts, cases):
    """Run the whole command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench["cohort"], "EVENTS", (200, 400))
        patch.setattr(bench["cohort"], "PAIR_BINS", 4)
        bench["cohort"].main(
            [str(folder), "--cohorts", cohorts, "--cases", str(cases), "--jobs", "1"]
        )


@pytest.fixture(scope="module")
def cohorts(bench, tmp_path_factory):
    place = tmp_path_factory.mktemp("cohorts")
    kept(bench, place, "cll-9f", 25)
    kept(bench, place, "acute-strata", 2)
    return place


def test_a_cohort_is_kept_with_what_is_true_of_it(bench, cohorts):
    table, truth = bench["cohort"].load(cohorts, "cll-9f", bench["cohort"].DEVELOPMENT)
    assert table.values.shape == (25, len(table.names))
    assert table.values.dtype == np.float32
    assert not np.isnan(table.values).any()
    assert {row["entity"] for row in truth} == set(known_entities("cll-9f"))
    assert {row["instrument"] for row in truth} == {"navios-1", "navios-2", "navios-3"}
    for row in truth:
        assert 600 <= int(row["n_events"]) <= 1200, "three tubes"
        healthy = row["entity"] in ("normal", "reactive")
        assert (float(row["neoplastic_share"]) == 0) is healthy


def test_a_cohort_is_not_drawn_twice(bench, tmp_path, capsys):
    said = []
    for cases in (2, 2, 3):
        kept(bench, tmp_path, "acute", cases)
        said.append(capsys.readouterr().out)
    assert ["was there" in text for text in said] == [False, True, False]
    cohort = bench["cohort"]
    assert len(cohort.load(tmp_path, "acute", cohort.DEVELOPMENT).truth) == 3
    truth = cohort.folder_of(tmp_path, "acute", cohort.DEVELOPMENT) / cohort.TRUTH
    truth.write_text("\n".join(truth.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(SystemExit, match="differ"):
        cohort.load(tmp_path, "acute", cohort.DEVELOPMENT)


def test_strata_hold_what_they_say(bench, cohorts):
    strata = {}
    for row in bench["cohort"].load(cohorts, "acute-strata", bench["cohort"].DEVELOPMENT).truth:
        strata.setdefault(row["stratum"], []).append(row)
    assert {name: len(rows) for name, rows in strata.items()} == {
        "5 % blasts": 2, "10 % blasts": 2, "20 % blasts": 2, "CD45-negative ALL": 2,
        "CD34-negative AML": 2, "monocytic AML": 2, "microgranular APL": 2, "ETP-ALL": 2,
        "not acute": 2,
    }  # fmt: skip
    for percent in (5, 10, 20):
        for row in strata[f"{percent} % blasts"]:
            assert float(row["neoplastic_share"]) == pytest.approx(percent / 100)
    assert {row["variant"] for row in strata["microgranular APL"]} == {"microgranular"}
    assert {row["entity"] for row in strata["ETP-ALL"]} == {"ETP-ALL"}
    rows = [row for rows in strata.values() for row in rows]
    assert {row["instrument"] for row in rows} == {"navios-4"}
    assert len({row["patient_id"] for row in rows}) == len({row["case_id"] for row in rows})


def test_the_panel_s_entities_are_told_apart(bench):
    acute, others = bench["cohort_strata"].told_apart(tuple(known_entities("acute")))
    assert set(acute) == {"AML", "APL", "B-ALL", "T-ALL", "ETP-ALL", "MPAL", "AUL"}
    assert set(others) == {"normal", "reactive", "BPDCN", "MDS", "CML", "CMML"}


@pytest.mark.parametrize(
    ("name", "marker"), [("CD45-negative ALL", "CD45"), ("CD34-negative AML", "CD34")]
)
def test_cells_of_a_stratum_lack_the_antigen(bench, name, marker):
    """By their light: most lie where the cells lie that never have it."""
    strata = bench["cohort_strata"]
    stratum = next(item for item in strata.STRATA if item.name == name)
    design = bench["cohort"].cohort_of("acute", bench["cohort"].DEVELOPMENT, 1).design
    for case in strata.drawn(stratum, design, stratum.entities, 4):
        sample = case.tubes[0].origin
        truth, light = truth_of(sample), _unmixed(sample, marker)
        whole = truth.intact
        never = "erythroid cells" if marker == "CD45" else "neutrophils"
        lacking = light[whole & ~truth.neoplastic & (truth.population == never)]
        assert len(lacking) > 20
        clone = light[whole & truth.neoplastic]
        assert (clone > np.quantile(lacking, 0.99)).mean() < 0.5


def _unmixed(sample, marker):
    names = [channel.name for channel in sample.channels]
    dyes = [names.index(name) for name in sample.spillover.channels]
    unmixed = sample.events()[:, dyes] @ np.linalg.inv(sample.spillover.matrix)
    return unmixed[:, [sample.channels[i].marker for i in dyes].index(marker)]


def test_the_left_out_instrument_is_another_one(bench):
    cohort, strata = bench["cohort"], bench["cohort_strata"]
    design = cohort.cohort_of("acute", cohort.DEVELOPMENT, 1).design
    units = [*design.units, strata.left_out(design)]
    units += cohort.cohort_of("acute", cohort.FINAL, 1).design.units
    found = [unit.stream("gain of PE").random() for unit in units]
    assert len(set(found)) == len(units) == 7, "neither those of training nor the final ones"


def test_a_stratum_that_cannot_be_filled_is_refused(bench):
    strata = bench["cohort_strata"]
    design = bench["cohort"].cohort_of("acute", bench["cohort"].DEVELOPMENT, 1).design
    nobody = strata.Stratum("nobody", ("AML",), strata.is_variant("none"))
    with pytest.raises(SystemExit, match="nobody: 0 cases"):
        list(strata.drawn(nobody, design, nobody.entities, 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [("--cohorts lst", "'lst'"), ("--cases 0", "1 or more"), ("--jobs 0", "1 or more")],
)
def test_cohorts_are_asked_for_by_name_and_number(bench, capsys, options, said):
    with pytest.raises(SystemExit):
        bench["cohort"].parsed(["folder", *options.split()])
    assert said in capsys.readouterr().err


def test_recipes_are_held_against_the_one_before_on_the_same_folds(
    bench, tmp_path, capsys, monkeypatch
):
    place = tmp_path / "cases"
    flowml.write_cohort(
        flowml.simulate(entities="CLL,AML", cases=12, events=400, seed=1), place
    )
    plans = {name: flowml.make_recipe("ecdf", bins=n) for name, n in (("a", 4), ("b", 4))}
    monkeypatch.setattr(bench["recipes"], "PLANS", plans)
    bench["recipes"].main([str(place), "--folds", "2", "--markdown"])
    one, two = capsys.readouterr().out.splitlines()[2:4]
    assert one.startswith("| a | 36 |")  # twelve markers, three edges each
    assert "; " not in one
    assert two.count("; +0.000 (+0.000 to +0.000)") == 3  # the same recipe, the same answers


def test_recipes_cost_what_the_number_of_colours_makes_of_them(bench, capsys):
    bench["recipes"].main(["--widths", "3", "--cases", "12", "--events", "200"])
    found = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    pairs = 5 * 4 // 2  # of three colours and two scatters
    numbers = [5 * 31, 5 * 31 + pairs * 64, 5 * 31 + pairs * 256]
    assert [line[-3] for line in found] == [f"{n:,}" for n in numbers]
    with pytest.raises(SystemExit):
        bench["recipes"].main([])
    assert "expected a simulated folder, or --widths" in capsys.readouterr().err


def test_gates_are_those_of_flowkit(bench, tmp_path):
    ways = bench["gating"].make_ways(tmp_path, 25_000)
    masks = ways["flowml"]()
    assert len(masks) == 8
    assert all(0 < mask.sum() < 25_000 for mask in masks.values())
    assert bench["gating"].differing(ways) == 0
