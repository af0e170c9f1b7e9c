"""The model card: what a model has seen, what it may be used for, and what it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowml.about import DISCLAIMER, SYNTHETIC_WARNING
from flowml.models.adapted import KEY, adapted_lines
from flowml.models.standin import accepted_of
from flowml.models.unsure import KEY as POPULATIONS
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.models.trained import TrainedModel

_ANSWERS = (
    "Entity, and by the label tree lineage, category and leukemia or lymphoma. An answer is "
    "given if the entities that agree with it reach together what its level requires; "
    "otherwise the answer is less deep, or there is none."
)
_CALIBRATED = (
    "Chosen and calibrated on {n_cases} training cases, held out by patient in {folds} parts: "
    "{estimator}, with a mean log loss of {log_loss}; {settings}. Further settings tried: "
    "{variants_tried}. Required probabilities were fixed on the same cases, so that on average "
    "of cases drawn like them the shares answered wrongly stay within what was allowed. Cases "
    "of another laboratory, panel or time are not drawn like them."
)
_NOT_CALIBRATED = (
    "No case was held out: probabilities are not calibrated, and nothing tells how sure they "
    "may be."
)
_NOVELTY = (
    "A case is for review from a novelty of {unusual:.2f} on (usual is 1), which one in ten "
    "training cases held out reached; and unlike the training cases from {furthest:.2f} on, "
    "which one in a hundred reached: at most its lineage is then given."
)
REQUIRED = {
    "entity": "entity", "lineage": "lineage", "category": "category",
    "answer": "leukemia or lymphoma", "normal": "no abnormal population",
    "acute": "acute leukemia, from which on it is not excluded",
    "release": "entity, to be released without a person looking at it",
}  # fmt: skip
_SCOPE = (
    "Initial diagnosis from blood or marrow, measured with the panel and on instruments like "
    "those of the training cases. Entities that are not in the table above are unknown to the "
    "model: it will name one that it knows. Not validated on patients of another laboratory."
)


_TRIED = (
    "Tried out on {n_cases} training cases, parted by patient into {folds}: with all markers "
    "{n_right} were answered rightly and {n_wrong} wrongly. Optional is what costs at most "
    "{tolerance:.1%} of cases, at the upper end of the 95 % interval, alone and all together."
)
_TRIALS = (
    "| without | right answers lost | wrong answers gained | so it is |",
    "|---|---|---|---|",
)
_ALIGNED = (
    "Every instrument is shown where its normal cases match those of the others (landmarks: "
    "quantiles of the events of normal cases). Cases of any other instrument are for review. "
    "An alignment by anything but normal or control samples washes out disease: what the "
    "samples have in common is moved to where the normal cells of the training cases lie."
)
_STOOD_IN = (
    "Tried out on training cases that measured both, held out by patient: with the marker, and "
    "with the stand-in in its place. A stand-in is accepted where that costs at most "
    "{tolerance:.1%} of cases, at the upper end of the 95 % interval, alone and with others."
)
_STAND_INS = (
    "| stands in | cases | right answers lost | wrong answers gained | so it is |",
    "|---|---|---|---|---|",
)
LONGEST_NAME = 60  # of a population
NOT_LISTED = (
    KEY, "absence", "cases", "choice", "data_kind", "dyes", "inputs", "panels", POPULATIONS,
    "scales", "stand_ins",
)  # fmt: skip


def model_card(model: TrainedModel) -> str:
    """Write the card of a model.

    Parameters
    ----------
    model : TrainedModel
        Its own card is ignored.

    Returns
    -------
    str
        Markdown.
    """
    kind = f"Data kind: `{model.training['data_kind']}`."
    parts = [
        "# Model card",
        f"**{DISCLAIMER}**",
        kind,
        *([f"**{SYNTHETIC_WARNING}**"] if model.is_synthetic else []),
        "## Answers",
        _ANSWERS,
        *_trust(model),
        _entities(model),
        "## Needs",
        *_markers(model),
        *_populations(model),
        *_stand_ins(model),
        *_results(model),
        f"Recipe: `{model.recipe.summary() if model.recipe else 'table of another origin'}`.",
        *_panels(model),
        *_instruments(model),
        *adapted_lines(model.training),
        "## Scope and limits",
        _SCOPE,
        *_origin(model),
    ]
    return "\n\n".join(parts) + "\n"


def _trust(model: TrainedModel) -> list[str]:
    """Say how sure an answer must be, and how that was fixed."""
    levels = model.caution.levels.to_dict()
    rows = [f"| {said} | {levels[name]:.4f} |" for name, said in REQUIRED.items()]
    choice, novelty = model.training.get("choice"), model.caution.novelty
    how = [_NOT_CALIBRATED]
    if choice:
        losses = (f"{value:.3f} ({name})" for name, value in sorted(choice["log_loss"].items()))
        settings = (f"{name} {value:g}" for name, value in sorted(choice["settings"].items()))
        said = {"log_loss": ", ".join(losses), "settings": ", ".join(settings)}
        how = [_CALIBRATED.format(**choice | said)]
    far = (
        [_NOVELTY.format(unusual=novelty.unusual, furthest=novelty.furthest)] if novelty else []
    )
    return ["\n".join(["| level | required probability |", "|---|---|", *rows]), *how, *far]


def _markers(model: TrainedModel) -> list[str]:
    """List what a case must have, and what it may lack at what cost."""
    required = ", ".join(model.required) or "none by itself"
    if not (absence := model.training.get("absence")):
        return [f"Markers, all of them: {required}."]
    trials = [*absence["alone"], *([absence["together"]] if absence["together"] else [])]
    return [
        f"Markers that a case must have: {required}.",
        f"Markers that it may lack: {', '.join(model.optional) or 'none'}.",
        _TRIED.format(**absence),
        "\n".join([*_TRIALS, *(_trial(trial, set(model.optional)) for trial in trials)]),
    ]


def _populations(model: TrainedModel) -> list[str]:
    """List the populations whose features the model uses."""
    shares = model.training.get(POPULATIONS, {})
    told = ", ".join(f"{_quoted(name)} ({share:.0%})" for name, share in shares.items())
    return (
        [f"Populations, and in how many training cases they told anything: {told}."]
        if told
        else []
    )


def _quoted(name: str) -> str:
    """Return a name that a person chose, as Markdown shows it and nothing else."""
    return f"`{printable(name, LONGEST_NAME).replace('`', chr(39))}`"


def _panels(model: TrainedModel) -> list[str]:
    """List the tubes of the training panels, with the fluorochromes."""
    dyes = model.training.get("dyes", {})
    lines = []
    for panel in model.training.get("panels", ()):
        for tube in panel["tubes"]:
            stains = [
                f"{marker} ({', '.join(dyes[marker])})" if marker in dyes else marker
                for marker in tube["detectors"]
            ]
            lines.append(f"- {panel['name']}, tube {tube['name']}: {', '.join(stains)}")
    return ["Panels of the training cases:", "\n".join(lines)] if lines else []


def _trial(trial: Mapping[str, Any], optional: set[str]) -> str:
    is_optional = set(trial["without"]) <= optional
    cells = (
        ", ".join(trial["without"]),
        _share(trial["right_lost"]),
        _share(trial["wrong_gained"]),
        "optional" if is_optional else "required",
    )
    return f"| {' | '.join(cells)} |"


def _stand_ins(model: TrainedModel) -> list[str]:
    """List what may stand in for what, at what cost."""
    if not (tried := model.training.get("stand_ins")):
        return []
    accepted = [list(pair) for pair in accepted_of(model.training)]
    may = [f"{other} for {marker}" for marker, other in accepted]
    rows = []
    for trial in (*tried["alone"], *tried["together"]):
        is_accepted = all(pair in accepted for pair in trial["pairs"])
        loss = [trial.get(key) for key in ("right_lost", "wrong_gained")]
        cells = (
            ", ".join(f"{other} for {marker}" for marker, other in trial["pairs"]),
            str(trial["n_cases"]),
            *(
                _share(each) if each else f"too few of {', '.join(trial['few'])}"
                for each in loss
            ),
            "accepted" if is_accepted else "not accepted",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return [
        f"Markers that stand in where another was not measured: {', '.join(may) or 'none'}.",
        _STOOD_IN.format(**tried),
        "\n".join([*_STAND_INS, *rows]),
    ]


def _share(values: list[float]) -> str:
    middle, low, high = values
    return f"{middle:.1%} ({low:.1%} to {high:.1%})"


def _instruments(model: TrainedModel) -> list[str]:
    """List the instruments that are aligned, and by how many normal cases."""
    if (alignment := model.alignment) is None:
        return []
    rows = [
        f"| {name.replace('|', '/')} | {each.normals} |" for name, each in alignment.instruments
    ]
    table = ["| instrument | normal cases |", "|---|---|", *rows]
    return ["## Instruments", _ALIGNED, "\n".join(table)]


def _results(model: TrainedModel) -> list[str]:
    if not model.results:
        return []
    return [f"Results of other methods, all of them: {', '.join(model.results)}."]


def _entities(model: TrainedModel) -> str:
    """List the entities with their answers and training cases."""
    rows = [
        f"| {e.name} | {e.lineage} | {e.category} | {e.answer} | {_count(model, e.name)} |"
        for e in model.tree.entities.values()
    ]
    return "\n".join(
        [
            "| entity | lineage | category | leukemia or lymphoma | training cases |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def _count(model: TrainedModel, entity: str) -> int:
    return int(model.training.get("cases", {}).get(entity, 0))


def _origin(model: TrainedModel) -> list[str]:
    """List what else the training summary says."""
    rest = {k: v for k, v in model.training.items() if k not in NOT_LISTED}
    if not rest:
        return []
    return [
        "## Origin",
        "\n".join(f"- {key}: `{value}`" for key, value in sorted(rest.items())),
    ]
