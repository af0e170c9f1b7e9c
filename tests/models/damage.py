"""Model files damaged in many ways, and what becomes of each.

A damaged file has bits, bytes or members changed as they lie in it. A consistent one was
changed inside, and its hashes and digest were made right again: whoever wrote it may have
meant it. The same number and seed give the same file.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import resource
import signal
import time
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import flowml
from flowml.errors import FlowmlError, ModelError
from flowml.features import FeatureTable, FittedRecipe
from flowml.gating import Combination, Dimension, Gate, Polygon, Range, Strategy
from flowml.models import load_model, save_model
from flowml.models.bundle import CARD, DIGEST, MANIFEST, TABLES, TREES
from flowml.models.trained import TrainedModel
from flowml.reading import extract_table
from flowml.training import TrainingSettings, train

CONTENT = (TREES, TABLES, CARD)
DAMAGED, CONSISTENT = "damaged", "consistent"
SLOW, LARGE = 10, 1 << 30  # seconds, bytes
STOP = 0.15  # chance that a change is made at each depth of a document
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 2, 7, 1e9, 1e39, 1e308, -1e308, 5e-324, 2**31, 2**63,
    10**400, math.nan, math.inf, -math.inf,
    "", "x", "\x1b[2J", "\ud800", "9" * 5000, [], {}, [0], [[]], {"a": 1}, [None] * 1000,
)  # fmt: skip


class Mutant(NamedTuple):
    """A model file that was changed."""

    kind: str
    raw: bytes
    steps: tuple[str, ...]


def make_model(folder: Path) -> Path:
    """Train a small model with trees, a linear part, novelty and optional markers."""
    entities = ("normal", "CLL", "AML")
    cases = list(flowml.simulate(entities=entities, cases=24, events=400, seed=11))
    labels = {case.case_id: case.details["entity"] for case in cases}
    settings = TrainingSettings(estimator="blend", confidence=0.5, optional=["CD5"])
    recipe = flowml.make_recipe("ecdf", bins=8)
    model = train(cases, labels, recipe, settings=settings).classifier.trained()
    save_model(model, folder / "m.flowml")
    return folder / "m.flowml"


def make_gated_model(folder: Path) -> Path:
    """Train a small model of populations that a person drew."""
    entities = ("normal", "CLL", "AML")
    cases = list(flowml.simulate(entities=entities, cases=24, events=400, seed=11))
    labels = {case.case_id: case.details["entity"] for case in cases}
    corners = [(0.3, 0.0), (1.1, 0.0), (1.1, 0.6), (0.3, 0.6)]
    axes = (Dimension("CD45"), Dimension("SSC-A"))
    gates = (
        Gate("L", Polygon(corners), axes),
        Gate("B", Range(0.4, np.inf), (Dimension("CD19"),), "L"),
        Gate("not B", Combination("not", ("B",)), (), "L"),
    )
    recipe = flowml.make_recipe("populations", gates=Strategy(gates), reference="L")
    settings = TrainingSettings(estimator="logistic", confidence=0.5)
    model = train(cases, labels, recipe, settings=settings).classifier.trained()
    save_model(model, folder / "gated.flowml")
    return folder / "gated.flowml"


def members_of(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def make_mutant(raw: bytes, kind: str, number: int, seed: int) -> Mutant:
    """Change a model file."""
    random = np.random.default_rng([seed, number, kind == CONSISTENT])
    return (_damaged if kind == DAMAGED else _consistent)(raw, random)


# --- as it lies in the file ---------------------------------------------------------------


def _damaged(raw: bytes, random: np.random.Generator) -> Mutant:
    way = [_bits, _cut, _run, _moved, _swapped][random.integers(5)]
    found, step = way(raw, random)
    return Mutant(DAMAGED, found, (step,))


def _bits(raw: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    found = bytearray(raw)
    places = random.integers(len(raw), size=random.integers(1, 9))
    for place in places:
        found[place] ^= 1 << random.integers(8)
    return bytes(found), f"bits of {places.tolist()}"


def _cut(raw: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    end = int(random.integers(len(raw)))
    return (
        (raw[:end], f"only until {end}")
        if random.random() < 0.7
        else (raw[end:], f"from {end}")
    )


def _run(raw: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    place, length = int(random.integers(len(raw))), int(random.integers(1, 400))
    fill = [bytes(length), b"\xff" * length, random.bytes(length)][random.integers(3)]
    return raw[:place] + fill + raw[place + length :], f"{length} bytes from {place}"


def _moved(raw: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    place, length = int(random.integers(len(raw))), int(random.integers(1, 400))
    piece = raw[place : place + length]
    if random.random() < 0.5:
        return raw[:place] + raw[place + length :], f"without {length} from {place}"
    return raw[:place] + piece + raw[place:], f"{length} from {place} twice"


def _swapped(raw: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    members = members_of(raw)
    one, other = random.choice(list(members), 2, replace=False)
    if random.random() < 0.5:
        members[one], members[other] = members[other], members[one]
        return packed(members), f"{one} and {other} exchanged"
    members[one] = members[other]
    return packed(members), f"{other} in place of {one}"


# --- inside, with right hashes ------------------------------------------------------------


def consistent(members: dict[str, bytes], manifest: dict[str, Any]) -> bytes:
    """Pack members again, with all hashes and the digest right."""
    text = json.dumps(manifest, indent=1, sort_keys=True).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(text).hexdigest().encode()
    return packed(members | {MANIFEST: text, DIGEST: digest})


def _consistent(raw: bytes, random: np.random.Generator) -> Mutant:
    members = members_of(raw)
    manifest = json.loads(members[MANIFEST])
    name = str(random.choice([MANIFEST, MANIFEST, TREES, TREES, TABLES, CARD]))
    steps = []
    for _ in range(random.integers(1, 4)):
        if name == TREES:
            document = json.loads(members[TREES])
            steps.append(f"{TREES}: {changed(document, random)}")
            members[TREES] = json.dumps(document).encode()
        elif name == TABLES:
            members[TABLES], step = _numbers(members[TABLES], manifest["tables"], random)
            steps.append(f"{TABLES}: {step}")
        elif name == CARD:
            members[CARD], step = [_bits, _cut, _run, _moved][random.integers(4)](
                members[CARD] or b" ", random
            )
            steps.append(f"{CARD}: {step}")
    manifest["members"] = {n: hashlib.sha256(members[n]).hexdigest() for n in CONTENT}
    if name == MANIFEST:
        steps = [
            f"{MANIFEST}: {changed(manifest, random)}" for _ in range(random.integers(1, 4))
        ]
        right_recipe(manifest)
    return Mutant(CONSISTENT, consistent(members, manifest), tuple(steps))


def right_recipe(manifest: dict[str, Any]) -> None:
    """Make the recipe's own hash right again, if it is still a recipe."""
    try:
        manifest["recipe_sha256"] = FittedRecipe.from_dict(manifest["recipe"]).sha256
    except (FlowmlError, KeyError, TypeError, AttributeError, ValueError):
        return


def changed(document: Any, random: np.random.Generator) -> str:
    """Change one value of a JSON document in place, at any depth; return its path."""
    path: list[Any] = []
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return "/".join(map(str, path)) + " is empty"
        key = keys[random.integers(len(keys))]
        path.append(key)
        value = place[key]
        if (inside := _document(value)) and random.random() > STOP:
            step = changed(inside, random)
            place[key] = json.dumps(inside)
            return f"{'/'.join(map(str, path))}: {step}"
        if not isinstance(value, (dict, list)) or not value or random.random() < STOP:
            how = _replaced(place, key, random)
            return f"{'/'.join(map(str, path))} {how}"
        place = value


def _document(value: Any) -> Any:
    """Return the document that a text holds, as gates of a recipe do; None if it is none."""
    try:
        return json.loads(value) if isinstance(value, str) and value[:1] == "{" else None
    except ValueError:
        return None


def _replaced(place: Any, key: Any, random: np.random.Generator) -> str:
    """Replace, nudge, delete, double or rename one entry of a dict or list."""
    value, way = place[key], random.random()
    if way < 0.3 and isinstance(value, (int, float)) and not isinstance(value, bool):
        nudges = (value + 1, value - 1, -value, value * 1.5, value / 3)
        place[key] = nudges[random.integers(len(nudges))]
    elif way < 0.4:
        del place[key]
        return "deleted"
    elif way < 0.5 and isinstance(place, list):
        place.insert(int(random.integers(len(place) + 1)), value)
        return "doubled"
    elif way < 0.6:
        others = list(place) if isinstance(place, dict) else list(range(len(place)))
        other = others[random.integers(len(others))]
        place[key], place[other] = place[other], place[key]
        return f"exchanged with {other}"
    elif way < 0.7 and isinstance(place, dict):
        place[f"{key}x"] = place.pop(key)
        return "renamed"
    elif way < 0.8 and isinstance(value, str):
        place[key] = value[::-1] if random.random() < 0.5 else f"{value}x"
    else:
        place[key] = ODD_VALUES[random.integers(len(ODD_VALUES))]
    return f"is {shortened(place[key])!a}"


def shortened(value: Any) -> str:
    """Return the beginning of a value; long integers have no decimal text."""
    is_long = isinstance(value, int) and abs(value) > 2**64
    return "a huge number" if is_long else repr(value)[:40]


def _numbers(
    raw: bytes, listing: list[dict[str, Any]], random: np.random.Generator
) -> tuple[bytes, str]:
    """Change one number of one table, bytes of it, or the length of all."""
    if random.random() < 0.15:
        return _cut(raw, random)
    ends = np.cumsum(
        [np.dtype(item["kind"]).itemsize * math.prod(item["shape"]) for item in listing]
    )
    which = int(random.integers(len(listing)))
    item, end = listing[which], int(ends[which])
    kind = np.dtype(item["kind"])
    count = math.prod(item["shape"])
    place = end - kind.itemsize * int(random.integers(1, count + 1))
    odd = [0, 1, -1, 1e-300, 1e30, 1e300, np.nan, np.inf, -np.inf, 7, 255]
    value = odd[random.integers(len(odd))]
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            new = np.array(value, kind).tobytes()
    else:
        new = random.bytes(kind.itemsize)
    if random.random() < 0.3:
        new = random.bytes(kind.itemsize)
    return raw[:place] + new + raw[place + kind.itemsize :], f"{item['name']} at {place}"


# --- what becomes of it -------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Parameters
    ----------
    outcome : str
        ``refused``, ``same``, ``other`` (answers), ``no numbers``, ``crash``, ``slow`` or
        ``large``.
    said : str
        The error.
    pinned : bool
        Whether it is refused where the hash of the right file is asked for.
    seconds : float
        Of loading and answering.
    """

    outcome: str
    said: str
    pinned: bool
    seconds: float


class Judge:
    """Loads mutants of one model and asks each about the same made-up cases."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.raw, self._file = model.read_bytes(), folder / "mutant.flowml"
        self._sha256 = hashlib.sha256(self.raw).hexdigest()
        right = load_model(model)
        self._table = _asked(right.recipe)
        self._bits = _bits_of(right, self._table)

    def verdict(self, mutant: Mutant) -> Verdict:
        """Judge one mutant."""
        self._file.write_bytes(mutant.raw)
        before, started = _peak(), time.perf_counter()
        try:
            with _within(SLOW), warnings.catch_warnings():
                warnings.simplefilter("error")
                outcome, said = self._outcome()
        except TimeoutError:
            outcome, said = "slow", ""
        except Exception as error:
            outcome, said = "crash", f"{type(error).__name__}: {error}"[:300]
        if before <= LARGE < _peak():
            outcome = "large"
        return Verdict(outcome, said, self._is_pinned(), time.perf_counter() - started)

    def _outcome(self) -> tuple[str, str]:
        try:
            model = load_model(self._file)
            found = _bits_of(model, self._table)
        except ModelError as error:
            return "refused", str(error)
        chances = model.predict_proba(self._table.columns(model.feature_names))
        if not (np.abs(chances.sum(axis=1) - 1) < 1e-9).all():
            return "no numbers", ""
        return ("same" if found == self._bits else "other"), ""

    def _is_pinned(self) -> bool:
        try:
            load_model(self._file, sha256=self._sha256)
        except ModelError:
            return True
        return self._file.read_bytes() == self.raw


def _asked(recipe: FittedRecipe) -> FeatureTable:
    """Return cases as they are, moved, with gaps, empty, and far from anything."""
    cases = list(
        flowml.simulate(entities=("normal", "CLL", "AML"), cases=6, events=400, seed=12)
    )
    table = extract_table(cases, recipe)
    random = np.random.default_rng(4)
    values = [table.values]
    values.append(table.values + random.normal(0, 0.3, table.values.shape).astype(np.float32))
    values.append(np.where(random.random(table.values.shape) < 0.3, np.nan, table.values))
    values.append(np.full_like(table.values, np.nan))
    values.append(table.values * np.float32(1e30))
    ids = [f"{case.case_id}-{n}" for n in range(len(values)) for case in table.cases]
    told = [*table.cases] * len(values)
    named = tuple(replace(c, case_id=i) for c, i in zip(told, ids, strict=True))
    return FeatureTable(table.names, np.vstack(values).astype(np.float32), named, table.recipe)


def _bits_of(model: TrainedModel, table: FeatureTable) -> tuple[str, str, bytes]:
    """Return all that answers say, and what lies behind them, to the last bit."""
    values = table.columns(model.feature_names)
    chances = model.predict_proba(values)
    unlike = model.caution.unlike(values, chances)
    return repr(model.predictions(table)), repr(unlike), chances.tobytes()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _within(seconds: int):
    """Raise TimeoutError in what takes longer."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
