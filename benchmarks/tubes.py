"""The process in which simulator.py times the simulator.

Started by simulator.py; answers one line of JSON with another.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent)]  # for flowml, where it is not installed

import flowml  # noqa: E402
from flowml.batch import stream  # noqa: E402

if TYPE_CHECKING:
    from flowml.records import Case
    from flowml.simulator import Cohort

FEW = 8  # cases before anything counts
FEW_EVENTS = 100

Request = dict[str, Any]


def read(case: Case) -> int:
    """Draw all events of a case, and go through them as features do; return how many tubes."""
    for tube in case.tubes:
        for block in tube.origin.blocks():  # type: ignore[union-attr]
            block.sum()
    return len(case.tubes)


class Watch:
    """Seconds since it was made: of the clock, and of this process's processor."""

    def __init__(self) -> None:
        self.clock, self.processor = time.perf_counter(), time.process_time()

    def read(self) -> Request:
        """Return both."""
        return {
            "seconds": time.perf_counter() - self.clock,
            "processor": time.process_time() - self.processor,
        }


class Worker:
    """Draws one cohort again and again."""

    def __init__(self) -> None:
        self.cohort: Cohort
        self.few: Cohort
        self.folder = Path()

    def prepare(self, request: Request) -> Request:
        """Make the cohort, and draw a few cases in this process."""
        panel, seed = request["panel"], request["seed"]
        tubes_a_case = len(flowml.simulate(panel, cases=1, seed=seed)[0].tubes)
        cases = -(-request["tubes"] // tubes_a_case)
        self.cohort = flowml.simulate(panel, cases=cases, events=request["events"], seed=seed)
        self.few = flowml.simulate(panel, cases=FEW, events=FEW_EVENTS, seed=seed)
        self.folder = Path(request["folder"]) / "cohort"
        for case in self.few:
            read(case)
        return {}

    def start(self, request: Request) -> Request:
        """Time the start of workers, and let each draw once."""
        watch = Watch()
        for _ in stream(read, self.few, jobs=request["jobs"]):
            pass
        return watch.read()

    def draw(self, request: Request) -> Request:
        """Time the events of all tubes."""
        watch = Watch()
        tubes = sum(stream(read, self.cohort, jobs=request["jobs"]))
        return {"tubes": tubes, **watch.read()}

    def write(self, request: Request) -> Request:
        """Time the files of all tubes."""
        watch = Watch()
        each = partial(stream, jobs=request["jobs"])
        files = flowml.write_cohort(self.cohort, self.folder, each=each)
        took = watch.read()
        shutil.rmtree(self.folder)
        return {"tubes": len(files), **took}


def main() -> None:
    """Answer requests until there are no more."""
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(worker, request.pop("what"))(request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
