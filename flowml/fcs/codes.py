"""Stable codes of everything that the reader notices, repairs or refuses.

The table in the documentation is made from this one. A code is never given a new meaning.
"""

from __future__ import annotations

from flowml.records import Finding, Severity

# code: (severity, what it means)
FINDINGS: dict[str, tuple[Severity, str]] = {
    "FCS-TEXT-01": (Severity.INFO, "a value is empty: doubled delimiters read as such"),
    "FCS-TEXT-02": (Severity.INFO, "the TEXT segment lacks its final delimiter"),
    "FCS-TEXT-03": (Severity.WARN, "a keyword stands twice with different values; first kept"),
    "FCS-TEXT-04": (Severity.INFO, "values are not UTF-8 and were read as Latin-1"),
    "FCS-TEXT-05": (Severity.WARN, "the supplemental TEXT segment cannot be read"),
    "FCS-TEXT-06": (Severity.WARN, "TEXT goes on behind the end that the header gives"),
    "FCS-TEXT-07": (Severity.REVIEW, "a keyword holds the delimiter; one may be lost in it"),
    "FCS-TEXT-08": (Severity.INFO, "the end of TEXT is up to two bytes too far, within DATA"),
    "FCS-KEY-01": (Severity.INFO, "$TOT is missing and follows from the DATA segment"),
    "FCS-KEY-02": (Severity.INFO, "$MODE is missing; the data fit list mode"),
    "FCS-KEY-03": (Severity.INFO, "$PnE is malformed or missing: channel taken as linear"),
    "FCS-KEY-04": (Severity.INFO, "$PnG is malformed: gain taken as 1"),
    "FCS-KEY-05": (Severity.INFO, "$PnR is malformed or missing: no mask, full scale assumed"),
    "FCS-KEY-06": (Severity.INFO, "$PnE has a log offset of 0, which stands for 1"),
    "FCS-OFFSET-01": (Severity.INFO, "HEADER and TEXT disagree on DATA; only one fits $TOT"),
    "FCS-OFFSET-02": (Severity.WARN, "the end of DATA is one byte too far (exclusive end)"),
    "FCS-DATASET-01": (Severity.REVIEW, "the file holds several data sets; one was read"),
    "FCS-RANGE-01": (Severity.INFO, "scale taken from flowCore's own range keywords"),
    "FCS-NAME-01": (Severity.WARN, "channel names were blank or double and were made unique"),
    "FCS-VALUE-01": (Severity.REVIEW, "some values are NaN or infinite"),
    "FCS-EMPTY-01": (Severity.REVIEW, "the file holds no events"),
    "FCS-MARKER-01": (Severity.INFO, "a marker is not in the table and stands as written"),
    "SPILL-NONE": (Severity.INFO, "the file carries no spillover matrix"),
    "SPILL-IDENTITY": (Severity.INFO, "the spillover matrix is the identity"),
    "SPILL-PERCENT": (Severity.WARN, "the spillover matrix is in percent and was converted"),
    "SPILL-CONDITION": (Severity.WARN, "the spillover matrix is badly conditioned"),
    "SPILL-DIFFERENT": (Severity.REVIEW, "two spillover keywords disagree; first kept"),
    "SPILL-UNUSABLE": (Severity.REVIEW, "the spillover matrix cannot be used"),
    "SPILL-APPLIED": (Severity.REVIEW, "a matrix is present, but the data are compensated"),
    "SPILL-COULTER": (Severity.INFO, "$DFC describes data that Coulter compensated itself"),
}

REFUSALS: dict[str, str] = {
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
