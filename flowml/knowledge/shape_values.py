"""Shapes of panels as plain values, so that they travel with what was learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowml.errors import PanelError
from flowml.knowledge.shapes import PanelShape, TubeShape


def shapes_to_list(shapes: Sequence[PanelShape]) -> list[dict[str, Any]]:
    """Return shapes as plain values, for JSON.

    Parameters
    ----------
    shapes : sequence of PanelShape
        Known or learned.

    Returns
    -------
    list of dict
        The same shapes give the same values.
    """
    return [
        {
            "name": shape.name,
            "tubes": [_tube_to_dict(tube) for tube in shape.tubes],
            "is_learned": shape.is_learned,
        }
        for shape in shapes
    ]


def _tube_to_dict(tube: TubeShape) -> dict[str, Any]:
    detectors = {marker: sorted(names) for marker, names in sorted(tube.detectors.items())}
    return {
        "name": tube.name,
        "detectors": detectors,
        "labels": sorted(tube.labels),
    }


def shapes_from_list(values: object) -> tuple[PanelShape, ...]:
    """Return shapes from plain values, none of which is trusted.

    Parameters
    ----------
    values : object
        As `shapes_to_list` gives them.

    Returns
    -------
    tuple of PanelShape
        In the same order.

    Raises
    ------
    PanelError
        If they are something else.
    """
    try:
        return tuple(
            PanelShape(
                _text(plain["name"]),
                tuple(_tube(tube) for tube in _list(plain["tubes"])),
                is_learned=bool(plain["is_learned"]),
            )
            for plain in _list(values)
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise PanelError(
            f"the shapes of panels lack or misstate something ({type(error).__name__}), "
            "expected those that flowml wrote. Train the model again."
        ) from error


def _tube(plain: Any) -> TubeShape:
    detectors = {
        _text(marker): frozenset(map(_text, _list(names)))
        for marker, names in plain["detectors"].items()
    }
    labels = frozenset(map(_text, _list(plain["labels"])))
    return TubeShape(_text(plain["name"]), detectors, labels)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value
