"""Whose word it is: what runs code counts only in a file of one's own, or when it is given by hand."""

from __future__ import annotations

import os
from pathlib import Path


def stranger(file: Path) -> str:
    """Who else owns a file; empty if it is the user's own, or owners are not known on this system.

    >>> stranger(Path("no such file"))
    ''
    """
    if not hasattr(os, "geteuid"):
        return ""
    try:
        owner = file.stat().st_uid
    except OSError:
        return ""
    if owner == os.geteuid():
        return ""
    return _name(owner)


def _name(uid: int) -> str:
    """The name of a user, or the number where it has none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return f"user {uid}"
