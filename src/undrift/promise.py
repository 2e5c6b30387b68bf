"""How a version's reference score was got: what it promises for rows that the model has not seen."""

from __future__ import annotations

from undrift.records import Promise, Version

FIRST = 2
"""Scored windows that stand for the reference score where there is none to trust."""

WORDS: dict[Promise, str] = {
    "held out": "on held-out rows",
    "cross-fitted": "by cross-fitting: on each part of these rows by a clone fitted on the others",
    "logged": "by the predictions that came with these rows",
    "first windows": f"unknown until its first {FIRST} windows are scored: no clone of it could be fitted",
    "in sample": "on rows that it was trained on",
}


def promise(version: Version) -> Promise:
    """How the reference score was got; records of undrift 0.1.0 do not say, but it follows from them.

    >>> promise(Version(1, "0009", "adopted", "Pipeline", "", "skops", 10, 9, reference_score=65.6))
    'in sample'
    """
    if version.promise:
        return version.promise
    if version.number == 0:
        return "logged"
    return "in sample" if version.merge == "adopted" else "held out"


def trusted(version: Version) -> float | None:
    """The reference score, where it was not got on rows that the model was trained on."""
    return version.reference_score if promise(version) not in ("in sample", "first windows") else None
