"""Read flowml's own knowledge files, or a laboratory's of the same form."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from flowml.errors import FlowmlError
from flowml.safety import printable

HOME = Path(__file__).parent
LARGEST_FILE = 4 << 20  # bytes; a knowledge file is written by hand


def read_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : path-like
        The file; a bare name such as ``labels.toml`` means flowml's own.

    Returns
    -------
    dict
        The document.

    Raises
    ------
    FlowmlError
        If the file cannot be read, is too large or is not TOML.
    """
    file = Path(path)
    if file.name == str(path):
        file = HOME / file
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise FlowmlError(f"{printable(path)} is larger than {LARGEST_FILE} bytes.")
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # as Notepad saves it
    except OSError as error:
        raise FlowmlError(f"could not read {printable(path)}: {error.strerror}.") from error
    except RecursionError as error:
        raise FlowmlError(f"{printable(path)} is nested too deeply to be read.") from error
    except ValueError as error:  # no TOML, no text, or a number of thousands of digits
        raise FlowmlError(
            f"{printable(path)} is not a TOML file: {printable(error)}."
        ) from error
