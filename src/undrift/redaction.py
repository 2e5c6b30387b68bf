"""Passwords and keys are never shown: not in settings, not in messages."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

_IN_URL = re.compile(r"(?<=://)([^\s'\"@/:]*):[^\s'\"]+@")
_BEFORE_HOST = re.compile(r"(^[\w.+-]+):[^\s'\"]+@")
_ARGUMENT = re.compile(r"(?i)([?&;][\w-]*(?:password|passwd|pwd|secret|token|key|sig|signature))=[^&;\s'\"]+")
_NAMES = re.compile(r"(?i)password|passwd|pwd|secret|token|key|credential|sas")


def redacted(text: str) -> str:
    """The text without the passwords of the URLs in it.

    >>> redacted("postgresql://me:hush@host/db?sslpassword=hush&x=1")
    'postgresql://me:***@host/db?sslpassword=***&x=1'
    """
    return _ARGUMENT.sub(rf"\1={HIDDEN}", _IN_URL.sub(rf"\1:{HIDDEN}@", text))


def setting(name: str, value: Any) -> Any:
    """The value of a setting as it may be shown.

    >>> setting("lake.options", {"AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION": "eu-1"})
    {'AWS_SECRET_ACCESS_KEY': '***', 'AWS_REGION': 'eu-1'}
    >>> setting("store.url", "me:hush@host")
    'me:***@host'
    """
    if isinstance(value, dict):
        return {key: setting(f"{name}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [setting(name, inner) for inner in value]
    if not isinstance(value, str):
        return value
    if _NAMES.search(name.rpartition(".")[2]):
        return HIDDEN
    if name == "store.url" and "://" not in value:
        return _BEFORE_HOST.sub(rf"\1:{HIDDEN}@", value)
    return redacted(value)
