"""Structured logs: one JSON object a line on stderr for every record that the loop keeps."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """An event as one line: when, what, and the record itself."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for one event."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        body = {
            "at": at,
            "event": getattr(record, "event", record.name),
            "record": getattr(record, "record", {}),
        }
        return json.dumps(body, ensure_ascii=False, default=str)


def log_as_json() -> None:
    """Send the loop's events to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    events = logging.getLogger("undrift.events")
    events.handlers = [handler]
    events.setLevel(logging.INFO)
    events.propagate = False
