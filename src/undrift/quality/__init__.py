"""Quality: is a column sane at all? What looks broken is said beside what drifted, never instead.

A part is a function of the file's name: it takes the reference's and the current profile of a feature and
gives one line about what looks wrong, or "" where nothing does. It decides no verdict.
"""

from __future__ import annotations

from typing import Any

from undrift.plugins import find, names
from undrift.records import Fault
from undrift.verdicts import MINIMUM_ROWS


def faults(column: str, ref: Any, cur: Any) -> list[Fault]:
    """Everything that looks broken about one feature."""
    if min(ref.rows, cur.rows) < MINIMUM_ROWS:
        return []
    found = [(check, find("quality", check)(ref, cur)) for check in names("quality")]
    return [Fault(column, check, text) for check, text in found if text]
