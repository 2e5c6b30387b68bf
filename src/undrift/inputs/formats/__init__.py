"""Formats of files, each named by its ending.

A part is a function ``(name, open, text) -> Rows``: ``open()`` gives the file's bytes as a stream that
can be read from any place, anew at each call. Adding a format is adding a file.
"""

from __future__ import annotations

import re

import pyarrow as pa


def without_index(schema: pa.Schema) -> pa.Schema:
    """The columns but for the numbers of rows that pandas writes beside them, without notes of any tool."""
    return pa.schema([field for field in schema if not re.fullmatch(r"__index_level_\d+__", field.name)])
