"""undrift: drift, decision, retraining, before and after, rollback.

Nothing heavy is imported before it is used::

    import undrift as ud

    reference = ud.profile(train)  # small, mergeable, no whole rows
    result = ud.compare(reference, today)  # result.verdict, result.drifted
    loop = ud.open("undrift.toml")
    report = loop.step(today)  # report.action, report.why
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undrift.comparison.limits import Limits
    from undrift.comparison.result import Result
    from undrift.comparison.tables import compare
    from undrift.config.wiring import open  # noqa: A004 - as in gzip.open
    from undrift.loop import Loop
    from undrift.profiles.table import TableProfile, profile
    from undrift.serving.champion import Live, live

__version__ = "0.1.0"

_HOMES = {
    "Limits": "undrift.comparison.limits",
    "Loop": "undrift.loop",
    "Result": "undrift.comparison.result",
    "TableProfile": "undrift.profiles.table",
    "Live": "undrift.serving.champion",
    "compare": "undrift.comparison.tables",
    "live": "undrift.serving.champion",
    "open": "undrift.config.wiring",
    "profile": "undrift.profiles.table",
}

__all__ = ["Limits", "Live", "Loop", "Result", "TableProfile", "compare", "live", "open", "profile"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'undrift' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
