"""Rows of a sweep on the disk: a Parquet file for each job, whole or not there."""

import hashlib
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rbp.errors import InputError
from rbp.files import written

__all__ = ["PARTS", "TABLE", "collect", "done", "keep"]

PARTS, TABLE = "jobs", "sweep.parquet"

SUM = b"rbp_sum"
"""Of a table's metadata, by which a damaged one is known."""


def keep(folder, row):
    """Write a row as it comes."""
    path = Path(folder) / PARTS / f"{row['key']}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, [row])


def done(folder):
    """Rows that are there, by key; refuses files that are none, all at once."""
    rows, wrong = {}, []
    for path in sorted((Path(folder) / PARTS).glob("*.parquet")):
        try:
            table = pq.read_table(path)
            (row,) = table.to_pylist()
            if table.schema.metadata[SUM] != _sum(table) or row["key"] != path.stem:
                raise ValueError("damaged")
            rows[row["key"]] = row
        except Exception:  # noqa: BLE001 damaged bytes are refused in a dozen ways
            wrong.append(str(path))
    if wrong:
        are, them = ("is no row", "it") if len(wrong) == 1 else ("are no rows", "them")
        jobs = "that job" if len(wrong) == 1 else "those jobs"
        raise InputError(f"{', '.join(wrong)} {are} of a sweep: remove {them} to run {jobs}")
    return rows


def collect(folder, rows):
    """Write all rows as one table; returns its path."""
    path = os.path.join(folder, TABLE)
    _write(path, rows)
    return path


def _write(path, rows):
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    arrays = {name: _array(values) for name, values in columns.items()}
    table, buffer = pa.table(arrays), pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({SUM: _sum(table)}), buffer)
    with written(path) as file:
        file.write(buffer.getvalue().to_pybytes())


def _sum(table):
    """Of all names and values."""
    text = json.dumps(table.to_pylist(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest().encode()


def _array(values):
    """Of one type, or all of them as text."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])
