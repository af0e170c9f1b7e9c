"""Eight gates beside FlowKit's ``gate_sample``: one run, in turns, one thread.

Run: python benchmarks/gating.py [--rounds 7] [--json FILE]. The tubes are made: 50,000 and
200,000 events, 14 channels, of which 10 are compensated by the file's matrix. Gates: ranges,
rectangles, polygons, an ellipse, quadrants and a boolean in a tree, on compensated logicle
channels and linear scatter. Both programs have the sample in memory, and FlowKit reads the
Gating-ML document that flowml writes. FlowKit is timed as it comes and with its events kept
(``cache_events``). Processor time; medians and quartiles of the ratios of one round. All masks
must be equal, event for event.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import ONE_THREAD, THREADS, in_turns, machine, shown, spread

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (50_000, 200_000)
SEED = 20
TARGET_RATIO = 20
MASKS_OF = "flowml"
Ways = dict[str, "Callable[[], Any]"]


def eight_gates() -> Any:
    """Return eight gates in a tree; the quadrants count as two, as two of them are named."""
    from flowml.gating import (
        Combination,
        Dimension,
        Ellipsoid,
        Gate,
        Polygon,
        Range,
        Rectangle,
        Strategy,
        quadrants,
    )

    scatter = (Dimension("FSC-A", "linear"), Dimension("SSC-A", "linear"))
    first, second, third, fourth, fifth, sixth = (
        Dimension(f"{dye}-A") for dye in ("FITC", "PE", "ECD", "APC", "BV421", "BV605")
    )
    gates = (
        Gate("cells", Rectangle([2e4, 1e4], [2.5e5, 2.5e5]), scatter),
        Gate(
            "bright or dim",
            Polygon([(0.1, 0.2), (0.4, 0.1), (0.9, 0.3), (0.9, 0.8), (0.5, 0.9), (0.1, 0.6)]),
            (first, second),
            "cells",
        ),
        Gate("stained", Range(0.3, 0.9), (third,), "cells"),
        Gate(
            "cluster",
            Ellipsoid([0.5, 0.5], [[0.05, 0.01], [0.01, 0.06]]),
            (fourth, fifth),
            "bright or dim",
        ),
        *quadrants(
            (fifth, sixth), [[0.4], [0.4]], {"negative": (0, 0), "first only": (1, 0)},
            "cells",
        ),
        Gate(
            "slope", Polygon([(0.2, 0.1), (0.9, 0.5), (0.7, 0.9), (0.1, 0.5)]), (third, sixth),
            "stained",
        ),
        Gate("rest", Combination("not", ("bright or dim",)), (), "cells"),
    )  # fmt: skip
    return Strategy(gates)


def make_ways(folder: Path, n_events: int) -> Ways:
    """Return what is timed, by name."""
    import flowkit
    from stained import write_stained

    import flowml
    from flowml.events import ArraySource

    path, document = folder / f"{n_events}.fcs", folder / "gates.xml"
    write_stained(path, n_events, seed=SEED)
    sample = flowml.read_fcs(path)
    sample = replace(sample, source=ArraySource(sample.linear))
    strategy = eight_gates()
    flowml.write_gates(strategy, document, sample)
    foreign, other = flowkit.parse_gating_xml(str(document)), flowkit.Sample(str(path))
    names = dict(zip((g.name for g in strategy.gates), _ids(document), strict=True))

    def theirs(*, keep: bool) -> dict[str, Any]:
        foreign.clear_cache()
        found = foreign.gate_sample(other, cache_events=keep)
        return {name: found.get_gate_membership(own) for name, own in names.items()}

    return {
        "FlowKit": lambda: theirs(keep=False),
        "FlowKit, events kept": lambda: theirs(keep=True),
        MASKS_OF: lambda: flowml.gate(sample, strategy),
    }


def _ids(document: Path) -> list[str]:
    """Return the ids of a document's gates, in its order."""
    from flowml.gating import xmltext
    from flowml.gating.gatingml import KINDS, NAMESPACE

    root = xmltext.parsed(xmltext.checked_text(document, document.name), document.name)
    return [i.attrib[f"{NAMESPACE}id"] for i in root if i.tag.removeprefix(NAMESPACE) in KINDS]


def differing(ways: Ways) -> int:
    """Count the events of all populations that are not where FlowKit has them."""
    found = {name: way() for name, way in ways.items()}
    own = found.pop(MASKS_OF)
    return sum(
        int((masks[name] != own[name]).sum()) for masks in found.values() for name in own
    )


def run(rounds: int, sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Measure, and sum up."""
    results = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages
        for n_events in sizes:
            ways = make_ways(Path(folder), n_events)
            seconds = in_turns(ways, rounds)
            results[str(n_events)] = {
                "milliseconds": {
                    name: spread([1e3 * each for each in times])
                    for name, times in seconds.items()
                },
                "by_flowml": {
                    name: spread([a / b for a, b in zip(times, seconds[MASKS_OF], strict=True)])
                    for name, times in seconds.items()
                },
                "events_that_differ": differing(ways),
            }
    return {**machine(), "data": "synthetic", "rounds": rounds, "events": results}


def main() -> None:
    """Print a table, and whether the target is met; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = run(options.rounds)
    print(f"{report['machine']}; {report['data']}; {report['rounds']} rounds, one thread")
    for n_events, result in report["events"].items():
        for name, times in result["milliseconds"].items():
            ratio = shown(result["by_flowml"][name])
            print(f"{n_events:>7} events, {name:21} {shown(times)} ms; by flowml: {ratio}")
        print(f"{n_events:>7} events, masks that differ: {result['events_that_differ']}")
    met = all(
        result["by_flowml"]["FlowKit"]["median"] >= TARGET_RATIO
        and not result["events_that_differ"]
        for result in report["events"].values()
    )
    print(f"at least {TARGET_RATIO} times FlowKit's gate_sample, same masks: {met}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in THREADS):  # numpy reads them when imported
        os.execve(sys.executable, [sys.executable, *sys.argv], ONE_THREAD)  # noqa: S606
    main()
