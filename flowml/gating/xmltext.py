"""The text of an XML document that was checked before any parser sees it.

The document is decoded and checked first, and the parsers get exactly the text that was
checked: nothing that defines an entity reaches them, in whatever encoding it was written.
"""

from __future__ import annotations

import codecs
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from flowml.errors import GateError
from flowml.safety import printable

if TYPE_CHECKING:
    from pathlib import Path

ENCODINGS = {"utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"}
LARGEST_DOCUMENT = 32 << 20  # bytes
LONGEST_DECLARATION = 1000  # bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARATION = re.compile(r"^\s*<\?xml\b[^>]*?\?>")
_ENCODING = re.compile(r"""\bencoding\s*=\s*["']([^"']*)["']""")
_DEFINITION = re.compile(r"<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)


def checked_text(path: Path, where: str) -> str:
    """Return the text of a document that has no definitions, declared as UTF-8.

    Parameters
    ----------
    path : Path
        The document.
    where : str
        What messages call it.

    Returns
    -------
    str
        With a declaration of our own.

    Raises
    ------
    GateError
        If the file is too large, no text, or has a document type definition.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise GateError(f"could not read {where}: {error.strerror}.") from error
    if len(data) > LARGEST_DOCUMENT:
        raise GateError(f"{where} is larger than {LARGEST_DOCUMENT} bytes.")
    text = _decoded(data, where)
    if "\0" in text:
        raise GateError(f"{where} holds null characters; expected XML in UTF-8 or UTF-16.")
    if found := _DEFINITION.search(text):
        raise GateError(
            f"{where} has a document type definition ({found[0].upper()}), which is not read "
            "for safety. Remove it; gates need none."
        )
    bare = _DECLARATION.sub("", text, count=1).lstrip()
    # A second declaration would make the parser read other characters than were checked.
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{bare}'


def parsed(text: str, where: str) -> ET.Element:
    """Return the root of a checked text.

    Parameters
    ----------
    text : str
        As `checked_text` returns it.
    where : str
        What messages call the document.

    Returns
    -------
    Element
        Its root.

    Raises
    ------
    GateError
        If the text is not well-formed.
    """
    try:
        return ET.fromstring(text.encode("utf-8"))  # noqa: S314 - no definition reaches it
    except (ET.ParseError, ValueError) as error:
        raise GateError(f"{where} is not well-formed XML: {error}.") from None


def _decoded(data: bytes, where: str) -> str:
    """Decode by the byte order mark, the pattern of null bytes, or the declaration."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not encoding and data[1:2] == b"\0":
        encoding = "utf-16-le"
    elif not encoding and data[:1] == b"\0":
        encoding = "utf-16-be"
    if not encoding:
        start = _DECLARATION.match(data[:LONGEST_DECLARATION].decode("latin-1"))
        named = _ENCODING.search(start[0]) if start else None
        encoding = named[1].casefold() if named else "utf-8"
        if encoding not in ENCODINGS or encoding == "utf-16":
            raise GateError(
                f"{where} claims the encoding {printable(encoding, 40)!r}; expected UTF-8 or "
                "UTF-16."
            )
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise GateError(f"{where} is not text in {encoding}: {error.reason}.") from None
