"""Checks of the file and of the run: whole, enough events, a steady stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.findings import Severity
from flowml.quality.ends import share_at_bottom, share_at_top
from flowml.quality.look import TubeLook, not_assessed
from flowml.quality.records import RANK, Check, Verdict
from flowml.records import Channel, Role
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NAMED = 4  # channels in a sentence
NO_TIME = "the file has no time channel, so the order of arrival is not known"
FEW = "too few events to cut the run into pieces"


def check_file(look: TubeLook) -> Check:
    """Ask whether the reader found the file whole.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Warns of findings of severity ``review``, fails by ``fail``.
    """
    findings = look.values.sample.findings
    codes = {
        severity: sorted({f.code for f in findings if f.severity is severity})
        for severity in (Severity.REVIEW, Severity.FAIL)
    }
    numbers = {f"n_{severity.value}": float(len(found)) for severity, found in codes.items()}
    named = ", ".join([*codes[Severity.FAIL], *codes[Severity.REVIEW]][:MOST_NAMED])
    verdict = Verdict.FAIL if codes[Severity.FAIL] else Verdict.WARN
    if not named:
        return Check(
            "file", "QUALITY-FILE", Verdict.PASS, "the file is as it should be", numbers
        )
    said = f"the reader noticed {named}; see what these codes mean before you use the file"
    return Check("file", "QUALITY-FILE", verdict, said, numbers)


def check_events(look: TubeLook) -> Check:
    """Ask whether there are enough events.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        By absolute numbers.
    """
    count, book = look.values.n_events, look.book
    verdict = look.graded(
        -count, -book.number("events", "warn") + 1, 1 - book.number("events", "fail")
    )
    said = f"{count} events"
    if verdict is not Verdict.PASS:
        said += f", expected {book.number('events', 'warn'):.0f} or more: rare cells are missed"
    return Check("events", "QUALITY-EVENTS", verdict, said, {"n_events": float(count)})


def check_ends(look: TubeLook) -> Check:
    """Ask how many events lie at the ends of the scales.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Its numbers name the worst channels' shares.
    """
    values = look.values
    if not values.n_events or not look.light:
        return not_assessed(
            "ends", "QUALITY-ENDS", "there are no events, or no channels of light"
        )
    channels = [values.channels[row] for row in look.light]
    top = [
        share_at_top(values.raw[row], c.top)
        for row, c in zip(look.light, channels, strict=True)
    ]
    bottom = [share_at_bottom(values.raw[row]) for row in look.light]
    graded = [
        (look.by_book("ends", share, f"{end}_warn", f"{end}_fail"), share, channel, end)
        for end, shares in (("top", top), ("bottom", bottom))
        for share, channel in zip(shares, channels, strict=True)
    ]
    verdict = max((item[0] for item in graded), key=RANK.__getitem__)
    numbers = {"top": max(top), "bottom": max(bottom)}
    bad = [
        (share, channel, end)
        for each, share, channel, end in graded
        if each is not Verdict.PASS
    ]
    said = "few events lie at the ends of the scales"
    if bad:
        said = f"events lie at an end of the scale: {_ends_text(bad)}; check voltage and gain"
    return Check("ends", "QUALITY-ENDS", verdict, said, numbers)


def _ends_text(bad: Sequence[tuple[float, Channel, str]]) -> str:
    worst = sorted(bad, key=lambda item: -item[0])[:MOST_NAMED]
    return ", ".join(
        f"{_name(channel)} {100 * share:.0f} % at the {end}" for share, channel, end in worst
    )


def _name(channel: Channel) -> str:
    return printable(channel.marker or channel.name, 40)


def check_rate(look: TubeLook) -> Check:
    """Ask whether events came at an even rate, without stops, and in order.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Not assessed without a time channel of enough steps.
    """
    name, code, book = "rate", "QUALITY-RATE", look.book
    if look.time is None:
        return not_assessed(name, code, NO_TIME)
    found, count = look.arrival, look.values.n_events
    if look.falls and not look.in_order:
        said = (
            f"time falls {look.falls} times in {count} events: they do not stand in the order "
            "of arrival, or several runs were joined"
        )
        return Check(name, code, Verdict.FAIL, said, {"backwards": float(look.falls)})
    if found is None:
        return not_assessed(name, code, "too few events, or too few steps of the clock")
    uneven = sum(end - start for start, end in found.uneven) / count
    numbers = {
        "uneven": uneven, "stops": float(found.stops), "backwards": float(found.backwards),
        "restarts": float(found.restarts), "lowest_rate": found.low, "highest_rate": found.high,
    }  # fmt: skip
    verdict = look.by_book(name, uneven, "uneven_warn", "uneven_fail")
    if verdict is Verdict.PASS and (
        found.stops >= book.number(name, "stops_warn")
        or found.backwards + found.restarts >= book.number(name, "backwards_warn")
    ):
        verdict = Verdict.WARN
    said = "the rate was even" if verdict is Verdict.PASS else (
        f"{100 * uneven:.1f} % of events came at an unusual rate; {found.stops} stops; time "
        f"runs backwards {found.backwards} times and begins again {found.restarts} times"
    )  # fmt: skip
    return Check(name, code, verdict, said, numbers)


def check_flow(look: TubeLook) -> Check:
    """Ask whether signals were disturbed for a while, as by a bubble or a clog.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Not assessed where the order of arrival is not known.
    """
    name, code = "flow", "QUALITY-FLOW"
    if (steady := look.steadiness) is None:
        return not_assessed(name, code, _why_unsteady(look))
    share = sum(end - start for start, end in steady.disturbed) / look.values.n_events
    numbers = {"disturbed": share, "n_stretches": float(len(steady.disturbed))}
    verdict = look.by_book(name, share, "disturbed_warn", "disturbed_fail")
    said = "signals were steady"
    if steady.disturbed:
        where = ", ".join(f"{a + 1} to {b}" for a, b in steady.disturbed[:MOST_NAMED])
        said = (
            f"{100 * share:.1f} % of events were measured while signals were disturbed: {where}"
        )
    return Check(name, code, verdict, said, numbers)


def check_drift(look: TubeLook) -> Check:
    """Ask whether a channel drifted slowly.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Its number is in spreads of the channel's events.
    """
    name, code = "drift", "QUALITY-DRIFT"
    if (steady := look.steadiness) is None:
        return not_assessed(name, code, _why_unsteady(look))
    worst = int(np.argmax(steady.drift))
    largest = float(steady.drift[worst])
    channel = _name(look.values.channels[look.light[worst]])
    said = f"{channel} moved most, by {largest:.2f} of the spread of its events"
    verdict = look.by_book(name, largest)
    return Check(name, code, verdict, said, {"largest": largest})


def _why_unsteady(look: TubeLook) -> str:
    if look.time is None:
        return NO_TIME
    return FEW if look.in_order else "events do not stand in the order of arrival"


def check_scale(look: TubeLook) -> Check:
    """Ask whether fluorescence is linear, as it should be.

    Parameters
    ----------
    look : TubeLook
        The tube.

    Returns
    -------
    Check
        Warns of values that seem to be on a display scale.
    """
    name, code, values = "scale", "QUALITY-SCALE", look.values
    rows = [
        row for row in values.fluorescence if values.channels[row].role is Role.FLUORESCENCE
    ]
    if not rows or not values.n_events:
        return not_assessed(name, code, "there is no fluorescence, or no event")
    if values.in_decades:
        said = (
            "fluorescence seems to be on a display scale already, whatever the file says; "
            "use --transform linear, and do not mix such tubes with others"
        )
        return Check(name, code, Verdict.WARN, said)
    return Check(name, code, Verdict.PASS, "fluorescence is on a linear scale")
