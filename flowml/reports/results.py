"""Result files: ``results.csv`` for people, ``results.json`` for the record."""

from __future__ import annotations

import csv
import io
import json
import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.models.answer import RESULT_COLUMNS
from flowml.safety import encodable, printable, spreadsheet_cell, written_aside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.gating.rules import RuleFinding
    from flowml.gating.rules.evidence import Evidence
    from flowml.models import Prediction

CSV_NAME, JSON_NAME = "results.csv", "results.json"
DIGITS = 6  # decimals of a probability in the CSV; the JSON has all


def write_results(
    folder: Path | str,
    predictions: Sequence[Prediction],
    entities: Sequence[str],
    provenance: Mapping[str, Any],
) -> tuple[Path, Path]:
    """Write both result files.

    Parameters
    ----------
    folder : path-like
        Made if it is missing.
    predictions : sequence of Prediction
        One row each.
    entities : sequence of str
        Entities of the model, each of which gets a column.
    provenance : mapping
        Versions, hashes, parameters and inputs, plain values.

    Returns
    -------
    csv_path, json_path : Path
        What was written.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    csv_path, json_path = Path(folder) / CSV_NAME, Path(folder) / JSON_NAME
    document = results_document(predictions, entities, provenance) + "\n"
    write_text(csv_path, results_csv(predictions, entities))
    write_text(json_path, document)
    return csv_path, json_path


def results_csv(predictions: Sequence[Prediction], entities: Sequence[str]) -> str:
    """Return the content of ``results.csv``.

    Parameters
    ----------
    predictions : sequence of Prediction
        One row each.
    entities : sequence of str
        Entities of the model, each of which gets a column.

    Returns
    -------
    str
        With a heading row.
    """
    return csv_text(
        [*RESULT_COLUMNS, *(f"probability_{name}" for name in entities)],
        [prediction.as_row(entities) for prediction in predictions],
    )


def csv_text(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, str | float]],
    number: str = f".{DIGITS}f",
) -> str:
    """Write a table as CSV, with text cells that no spreadsheet takes for formulas.

    Parameters
    ----------
    columns : sequence of str
        The heading.
    rows : sequence of mapping
        A value for every column.
    number : str
        How a float is written (format specification); as a probability if not said.

    Returns
    -------
    str
        Lines end with a line feed.
    """
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _csv_cell(row[key], number) for key in columns} for row in rows)
    return out.getvalue()


def results_document(
    predictions: Sequence[Prediction], entities: Sequence[str], provenance: Mapping[str, Any]
) -> str:
    """Return the content of ``results.json``.

    Parameters
    ----------
    predictions : sequence of Prediction
        The answers.
    entities : sequence of str
        Entities of the model.
    provenance : mapping
        Versions, hashes, parameters and inputs, plain values.

    Returns
    -------
    str
        JSON; NaN becomes null.
    """
    cases = [case_document(prediction, entities) for prediction in predictions]
    return json_text({"provenance": dict(provenance), "cases": cases})


def json_text(document: Any) -> str:
    """Write a document as JSON that every reader takes.

    Parameters
    ----------
    document : mapping or sequence
        Plain values; NaN and infinities become null.

    Returns
    -------
    str
        Indented, without a final line feed.
    """
    text = json.dumps(_without_nan(document), indent=1, ensure_ascii=True, allow_nan=False)
    return encodable(text)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file.
    text : str
        Its content, written as UTF-8.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")


def _csv_cell(value: str | float, number: str) -> str:
    """Write a float as wanted, a missing one as nothing, text made harmless."""
    if isinstance(value, float):
        return "" if math.isnan(value) else format(value, number)
    return _text_cell(str(value))


@lru_cache(maxsize=4096)  # a table of channels says of each what it says of its file
def _text_cell(text: str) -> str:
    return spreadsheet_cell(printable(encodable(text), limit=2000))


def case_document(prediction: Prediction, entities: Sequence[str]) -> dict[str, Any]:
    """Return the answer for one case as plain values.

    Parameters
    ----------
    prediction : Prediction
        The answer.
    entities : sequence of str
        Entities of the model.

    Returns
    -------
    dict
        As it stands in ``results.json``.
    """
    row = prediction.as_row(entities)
    findings = [
        {"code": f.code, "severity": str(f.severity), "message": printable(f.message, 2000)}
        for f in prediction.findings
    ]
    shown = {k: v for k, v in row.items() if not k.startswith("probability_")}
    open_questions = [
        {"question": item.title, "missing": [list(group) for group in item.missing]}
        for item in prediction.not_assessed
    ]
    return {
        **shown,
        "panel": printable(prediction.panel, 60),
        "findings": findings,
        "not_assessed": open_questions,
        "rules": rules_document(prediction.evidence) if prediction.evidence else None,
        "probabilities": dict(prediction.probabilities),
    }


def rules_document(evidence: Evidence) -> dict[str, Any]:
    """Return what the rules say in full, as plain values.

    Parameters
    ----------
    evidence : Evidence
        Of one case.

    Returns
    -------
    dict
        Every rule with its outcome, its numbers and the events behind it; the events of tubes.
    """
    return {
        "problem": evidence.problem,
        "tubes": [
            {"tube": printable(t.name), "events": t.n_events, "intact": t.n_intact}
            for t in evidence.tubes
        ],
        "rules": [_rule(found) for found in evidence.rules],
    }


def _rule(found: RuleFinding) -> dict[str, Any]:
    texts = ("rule", "status", "summary", "population", "gate", "tube", "source")
    told = {name: printable(getattr(found, name), 2000) for name in texts}
    return told | {
        "urgent": found.urgent,
        "signs": list(found.signs),
        "numbers": {name: float(number) for name, number in found.numbers.items()},
        "events": found.n_events,
        "missing": list(found.missing),
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value
