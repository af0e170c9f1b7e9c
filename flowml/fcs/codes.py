"""Stable codes of everything that the reader notices, repairs or refuses.

The table in the documentation is made from this one. A code is never given a new meaning.
"""

from __future__ import annotations

from flowml.findings import Finding, Severity

MOST_NAMED = 20  # keywords in one finding

# code: (severity, what it means)
FINDINGS: dict[str, tuple[Severity, str]] = {
    "FCS-TEXT-01": (Severity.INFO, "a value is empty, or begins with a doubled delimiter"),
    "FCS-TEXT-02": (Severity.INFO, "the TEXT segment lacks its final delimiter"),
    "FCS-TEXT-03": (Severity.WARN, "a keyword stands twice with different values; first kept"),
    "FCS-TEXT-04": (Severity.INFO, "values are not UTF-8 and were read as Latin-1"),
    "FCS-TEXT-05": (Severity.WARN, "the supplemental TEXT segment cannot be read"),
    "FCS-TEXT-06": (Severity.REVIEW, "TEXT goes on behind the end that the header gives"),
    "FCS-TEXT-07": (
        Severity.REVIEW,
        "a keyword stands within a value or in its place: a delimiter was not doubled",
    ),
    "FCS-TEXT-08": (Severity.INFO, "the end of TEXT is up to two bytes too far, within DATA"),
    "FCS-TEXT-09": (Severity.REVIEW, "TEXT ends in a keyword without a value; it is dropped"),
    "FCS-TEXT-10": (Severity.WARN, "a key is empty or not printable ASCII"),
    "FCS-TEXT-11": (Severity.INFO, "the end of TEXT is one too early, before its delimiter"),
    "FCS-KEY-01": (Severity.INFO, "$TOT is missing and follows from the DATA segment"),
    "FCS-KEY-02": (Severity.INFO, "$MODE is missing; the data fit list mode"),
    "FCS-KEY-03": (Severity.INFO, "$PnE is malformed or missing: channel taken as linear"),
    "FCS-KEY-04": (Severity.INFO, "$PnG is malformed: gain taken as 1"),
    "FCS-KEY-05": (Severity.INFO, "$PnR is malformed or missing: no mask, full scale assumed"),
    "FCS-KEY-06": (Severity.INFO, "$PnE has a log offset of 0, which stands for 1"),
    "FCS-KEY-07": (Severity.INFO, "$NEXTDATA is missing: taken as the last data set"),
    "FCS-KEY-08": (Severity.INFO, "$BEGINDATA or $ENDDATA is missing: taken from HEADER"),
    "FCS-KEY-09": (Severity.INFO, "$TIMESTEP is malformed: time has no unit"),
    "FCS-KEY-10": (Severity.INFO, "$PnE asks to decode floating point values: kept as linear"),
    "FCS-KEY-11": (Severity.WARN, "a keyword describes a channel that $PAR does not count"),
    "FCS-KEY-12": (Severity.WARN, "$PnR is larger than $PnB can hold"),
    "FCS-KEY-13": (Severity.INFO, "$PnDATATYPE before FCS 3.2: taken as meant"),
    "FCS-KEY-14": (Severity.INFO, "$TIMESTEP is there, but no time channel"),
    "FCS-OFFSET-01": (Severity.INFO, "HEADER and TEXT disagree on DATA; only one fits $TOT"),
    "FCS-OFFSET-02": (Severity.WARN, "the end of DATA is one byte too far (exclusive end)"),
    "FCS-OFFSET-03": (Severity.INFO, "HEADER does not say where DATA is; TEXT does"),
    "FCS-TAIL-01": (Severity.WARN, "bytes behind the last segment belong to none"),
    "FCS-TAIL-02": (Severity.INFO, "padding, or bytes between data sets, that belong to none"),
    "FCS-TAIL-03": (Severity.WARN, "DATA end in eight zeros, like a CRC that was not computed"),
    "FCS-DATASET-01": (Severity.REVIEW, "the file holds several data sets; one was read"),
    "FCS-DATASET-02": (
        Severity.INFO,
        "a Beckman Coulter pair: events of set 2, markers and matrix of set 1",
    ),
    "FCS-DATASET-03": (
        Severity.WARN,
        "a Beckman Coulter pair without a usable matrix: set 1, compensated by the cytometer",
    ),
    "FCS-DATASET-04": (
        Severity.REVIEW,
        "$NEXTDATA leads to no data set: one is missing, or the number is wrong",
    ),
    "FCS-DATASET-05": (
        Severity.REVIEW,
        "set 2 of a Beckman Coulter pair, compensated, is not set 1",
    ),
    "FCS-DATASET-06": (
        Severity.INFO,
        "channels of a Beckman Coulter pair have too few bright events to be checked",
    ),
    "FCS-WIDTH-02": (
        Severity.INFO,
        "whole numbers of more than 53 bits: stored values are exact, linear ones rounded",
    ),
    "FCS-WIDTH-01": (Severity.WARN, "$PnB is not a storage width; the next one fits $TOT"),
    "FCS-MASK-01": (Severity.REVIEW, "bits above $PnR differ between events and are dropped"),
    "FCS-RANGE-01": (Severity.INFO, "scale taken from flowCore's own range keywords"),
    "FCS-NAME-01": (Severity.WARN, "channel names were blank or double and were made unique"),
    "FCS-VALUE-01": (Severity.REVIEW, "some values are NaN or infinite"),
    "FCS-VALUE-02": (
        Severity.REVIEW,
        "floating point values are too small to be measured: whole numbers, perhaps",
    ),
    "FCS-EMPTY-01": (Severity.REVIEW, "the file holds no events"),
    "FCS-MARKER-01": (
        Severity.INFO,
        "labels that are no known marker, nor like one, stand as written",
    ),
    "FCS-MARKER-02": (
        Severity.WARN,
        "labels that are no known marker stand as written; misspelt, perhaps",
    ),
    "SPILL-NONE": (Severity.INFO, "the file carries no spillover matrix"),
    "SPILL-DFC": (Severity.WARN, "$DFC does not say a share for every pair of detectors"),
    "SPILL-ORDER": (Severity.INFO, "the detectors of the matrix are not in channel order"),
    "SPILL-IDENTITY": (Severity.INFO, "the spillover matrix is the identity"),
    "SPILL-PERCENT": (Severity.WARN, "the spillover matrix is in percent and was converted"),
    "SPILL-CONDITION": (Severity.WARN, "the spillover matrix is badly conditioned"),
    "SPILL-DIFFERENT": (Severity.REVIEW, "two spillover keywords disagree; first kept"),
    "SPILL-UNUSABLE": (Severity.REVIEW, "the spillover matrix cannot be used"),
    "SPILL-APPLIED": (Severity.REVIEW, "a matrix is present, but the data are compensated"),
    "SPILL-COULTER": (Severity.INFO, "$DFC describes data that Coulter compensated itself"),
    "SPILL-SHARE": (Severity.WARN, "the spillover matrix holds shares far below 0 or above 1"),
    "SPILL-EMPTY": (Severity.WARN, "a spillover keyword names detectors and holds no values"),
    "SPILL-MIXED": (Severity.REVIEW, "compensated copies of channels stand beside raw ones"),
    "SPILL-COMP": (Severity.REVIEW, "$COMP is not applied: the standard leaves its sense open"),
    "SPILL-OFF": (Severity.WARN, "a matrix is present, though compensation was switched off"),
    "SPILL-LOST": (Severity.WARN, "compensation was on, but the file carries no matrix"),
    "SPILL-EXPORT": (
        Severity.WARN,
        "an FCS 2.0 export of Diva: compensated or not, unsaid",
    ),
}

REFUSALS: dict[str, str] = {
    "FCS-REFUSED": "what was asked for cannot be done, such as writing what FCS cannot hold",
    "FCS-FILE": "not a regular file, or it cannot be read",
    "FCS-HEADER": "the first bytes are not an FCS header",
    "FCS-TEXT": "the TEXT segment cannot be read",
    "FCS-KEY": "a required keyword is missing or absurd",
    "FCS-TYPE": "a data type, byte order or width that is not supported",
    "FCS-MODE": "histogram data instead of a list of events",
    "FCS-AGREE": "$TOT, the DATA segment and the size of the file do not agree",
    "FCS-DATASET": "the data set asked for is not there",
    "FCS-CHANGED": "the file changed while it was read",
    "FCS-STRICT": "a finding, where the caller asked for strict reading",
    "FCS-SPILL": "the spillover matrix cannot be used",
    "FCS-COPY": "a de-identified copy that cannot be proven equal and clean",
}


def finding(code: str, detail: str = "") -> Finding:
    """Make a finding with the severity and meaning of its code.

    Parameters
    ----------
    code : str
        A key of `FINDINGS`.
    detail : str
        What exactly was found, in this file.

    Returns
    -------
    Finding
        Ready to travel with the sample.
    """
    severity, meaning = FINDINGS[code]
    return Finding(code, f"{meaning} ({detail})" if detail else meaning, severity)


def merged(findings: list[Finding]) -> list[Finding]:
    """Report a code that many channels share once, with all the keywords.

    Parameters
    ----------
    findings : list of Finding
        Made by `finding`, each with a keyword for its detail.

    Returns
    -------
    list of Finding
        One for each code; up to `MOST_NAMED` keywords are named.
    """
    details: dict[str, list[str]] = {}
    for item in findings:
        detail = item.message.removeprefix(FINDINGS[item.code][1])  # " (...)", or nothing
        details.setdefault(item.code, []).append(detail[2:-1])
    return [finding(code, ", ".join(some[:MOST_NAMED])) for code, some in details.items()]
