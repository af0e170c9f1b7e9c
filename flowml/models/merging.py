"""The training summary of a model that was continued: old and new cases brought together.

New cases are then no longer foreign: their scales, panels and fluorochromes are on record. What
a case must have stays as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowml.errors import ModelError
from flowml.knowledge.shape_values import shapes_from_list, shapes_to_list
from flowml.knowledge.shapes import PanelShape, TubeShape
from flowml.models.about import DATA_KINDS, SYNTHETIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# of two kinds the later one is what both are: one simulated case makes a model synthetic
_DOUBT = (*(kind for kind in DATA_KINDS if kind != SYNTHETIC), SYNTHETIC)


def merged_record(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Extend a training summary by what new cases are like.

    Parameters
    ----------
    old : mapping
        Of the model.
    new : mapping
        As `flowml.models.about.training_record` makes it of the new cases.

    Returns
    -------
    dict
        Plain values for the bundle. Everything else of the old summary stays.

    Raises
    ------
    ModelError
        If events were left out for their quality in one of the two only.
    """
    if new["compensated"] and bool(old.get("masked")) != bool(new.get("masked")):
        done, how = ("were", "mask") if old.get("masked") else ("were not", "off")
        raise ModelError(
            f"events of the training cases {done} left out for quality, unlike those of the "
            f"new cases. Read the new ones as they were (--quality {how})."
        )
    scales = dict(old.get("scales", {}))
    for marker, (low, high) in new["scales"].items():
        known = scales.get(marker, [low, high])
        scales[marker] = [min(low, known[0]), max(high, known[1])]
    both = {
        key: sorted({*old.get(key, ()), *new.get(key, ())}) for key in ("compensated", "inputs")
    }
    return {
        **old,
        **both,
        **_panels(old, new),
        "data_kind": max(old["data_kind"], new["data_kind"], key=_DOUBT.index),
        "n_events": old.get("n_events", 0) + new["n_events"],
        "scales": scales,
    }


def _panels(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Bring panels and fluorochromes together; nothing where neither tells."""
    if "panels" not in new:
        return {}
    dyes = {
        marker: sorted({*old.get("dyes", {}).get(marker, ()), *new["dyes"].get(marker, ())})
        for marker in sorted({*old.get("dyes", {}), *new["dyes"]})
    }
    shapes = list(shapes_from_list(old.get("panels", [])))
    for shape in shapes_from_list(new["panels"]):
        same = [n for n, known in enumerate(shapes) if _kinds(known) == _kinds(shape)]
        if same:
            shapes[same[0]] = _both(shapes[same[0]], shape)
        else:
            shapes.append(_named_apart(shape, shapes))
    return {"panels": shapes_to_list(shapes), "dyes": dyes}


def _kinds(panel: PanelShape) -> list[tuple[str, ...]]:
    """Return what tells panels apart: the markers of each tube."""
    return sorted(tuple(sorted(tube.markers)) for tube in panel.tubes)


def _both(old: PanelShape, new: PanelShape) -> PanelShape:
    """Return a panel that may be on the detectors of either."""
    left = list(new.tubes)
    tubes = []
    for tube in old.tubes:
        other = next(each for each in left if each.markers == tube.markers)
        left.remove(other)
        detectors = {
            marker: names and names | other.detectors[marker]  # none: not known, nor will it be
            for marker, names in tube.detectors.items()
        }
        tubes.append(TubeShape(tube.name, detectors, tube.labels | other.labels))
    return PanelShape(old.name, tuple(tubes), is_learned=old.is_learned)


def _named_apart(panel: PanelShape, known: Sequence[PanelShape]) -> PanelShape:
    """Return a panel by a name that no other one has."""
    name, taken = panel.name, {each.name for each in known}
    while name in taken:
        name += ", new"
    return PanelShape(name, panel.tubes, is_learned=panel.is_learned)
