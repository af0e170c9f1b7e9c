"""Feature tables as Parquet files: one row group, a column a feature, the story in metadata.

pyarrow alone, without pandas, which would take 50 MiB more. Measured with 1,000 rows of 17,268
columns: four row groups instead of one make a file half as large again, and to read it takes
ten times the time and the memory, as every group tells of every column.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.features.recipes.fitted import FEATURE_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

INDEX = "case_id"
COLUMNS_AT_A_TIME = 512  # that are read
# what pandas reads to find the index; it needs no word on each of the other columns
PANDAS = {
    "index_columns": [INDEX],
    "column_indexes": [],
    "columns": [
        {
            "name": INDEX,
            "field_name": INDEX,
            "pandas_type": "unicode",
            "numpy_type": "object",
            "metadata": None,
        }
    ],
}


def write_columns(
    names: Sequence[str],
    ids: Sequence[str],
    values: NDArray[np.float32],
    metadata: Mapping[str, str],
    path: Path,
) -> None:
    """Write a table of numbers, whose index is the case id.

    Parameters
    ----------
    names : sequence of str
        Of the columns.
    ids : sequence of str
        Of the rows.
    values : ndarray, shape (n_rows, n_columns), float32
        Not copied if it is kept by column; NaN is written as null.
    metadata : mapping of str to str
        Texts to go with it.
    path : Path
        Where to write.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [*_arrays(np.ascontiguousarray(values.T)), _texts(ids)]
    kinds = [*(pa.field(name, pa.float32()) for name in names), pa.field(INDEX, pa.string())]
    rows = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(kinds))
    del arrays
    options = {"use_dictionary": False, "write_statistics": False, "store_schema": False}
    with pq.ParquetWriter(path, rows.schema, **options) as writer:
        writer.write_batch(rows)
        writer.add_key_value_metadata({"pandas": json.dumps(PANDAS), **metadata})


def _arrays(columns: NDArray[np.float32]) -> list[pa.Array]:
    """Lend each row of an array to arrow as a column; NaN is null."""
    import pyarrow as pa  # whose `array` would import pandas, to see whether it is given any

    kind, n_rows = pa.float32(), columns.shape[1]
    data, size = pa.py_buffer(columns), columns.shape[1] * columns.itemsize
    arrays = []
    for number, column in enumerate(columns):
        known, valid = ~np.isnan(column), None
        if not known.all():
            valid = pa.py_buffer(np.packbits(known, bitorder="little"))
        buffers = [valid, data.slice(number * size, size)]
        arrays.append(pa.Array.from_buffers(kind, n_rows, buffers))
    return arrays


def _texts(texts: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    whole = pa.py_buffer(b"".join(encoded))
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), whole)


def read_columns(
    path: Path, key: str
) -> tuple[list[str], list[str], NDArray[np.float32], str] | None:
    """Read a table that `write_columns` wrote.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        Of the metadata that a table of ours has.

    Returns
    -------
    names, ids : list of str
        Of columns and rows.
    values : ndarray, shape (n_rows, n_columns), float32
        Kept by column; NaN where the file holds null.
    text : str
        The metadata of that key.
    None
        If something else wrote the file.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If it cannot be read.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        schema = file.schema_arrow
        text = (schema.metadata or {}).get(key.encode())
        if text is None or not _is_ours(schema):
            return None
        *names, index = schema.names
        columns = np.empty((len(names), file.metadata.num_rows), FEATURE_TYPE)
        for start in range(0, len(names), COLUMNS_AT_A_TIME):
            part = names[start : start + COLUMNS_AT_A_TIME]
            found = file.read(columns=part, use_threads=False)
            for name, column in zip(part, columns[start:], strict=False):
                _copy(found.column(name), column)
        ids = file.read(columns=[index]).column(index).to_pylist()
    return names, ids, columns.T, text.decode()


def _copy(chunks: pa.ChunkedArray, column: NDArray[np.float32]) -> None:
    """Copy numbers out of arrow, null as NaN; its `to_numpy` would import pandas."""
    done = 0
    for chunk in chunks.chunks:
        valid, data = chunk.buffers()
        piece = column[done : done + len(chunk)]
        piece[:] = np.frombuffer(data, FEATURE_TYPE, len(chunk), chunk.offset * piece.itemsize)
        if chunk.null_count:
            bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
            piece[bits[chunk.offset : chunk.offset + len(chunk)] == 0] = np.nan
        done += len(chunk)


def _is_ours(schema: Any) -> bool:
    import pyarrow as pa

    if (
        not schema.names
        or schema.names[-1] != INDEX
        or len(set(schema.names)) < len(schema.names)
    ):
        return False
    *kinds, last = schema.types
    return bool(last == pa.string() and all(kind == pa.float32() for kind in kinds))
