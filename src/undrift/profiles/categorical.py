"""The profile of a column of labels."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undrift.arrow import as_numpy
from undrift.columns.kinds import as_text
from undrift.errors import MergeError
from undrift.records import Kind

LABELS = 1000
"""Labels of a reference that are counted by name, the most frequent ones."""

OTHERS = 1000
"""Labels beyond those that are named and counted too, so that new ones can be shown."""


@dataclass(frozen=True)
class CategoricalProfile:
    """Exact counts per label of the vocabulary, with nulls apart; booleans are "true" and "false".

    ``counts`` holds the vocabulary, which is the reference's: zeros included when rows were profiled
    like one. Labels outside it stand in ``others``; of more than ``OTHERS`` of them those with the
    smallest hash are kept, so the choice does not depend on the order of rows, and the rows of all
    further ones are ``rest``.
    """

    kind: Kind = "categorical"
    counts: dict[str, int] = field(default_factory=dict)
    null: int = 0
    others: dict[str, int] = field(default_factory=dict)
    rest: int = 0

    @classmethod
    def of(
        cls,
        values: pa.Array | pa.ChunkedArray,
        kind: Kind = "categorical",
        like: CategoricalProfile | None = None,
    ) -> CategoricalProfile:
        """Count the labels of a column over the vocabulary of another profile, or over their own.

        >>> CategoricalProfile.of(pa.chunked_array([["a", None, "a"]])).counts
        {'a': 2}
        """
        found = _counted(values)
        null = len(values) - sum(found.values())
        if like is None:
            return cls(kind, found, null).bounded()
        counts = {label: found.pop(label, 0) for label in like.counts}
        return cls(kind, counts, null, *_kept(found))

    def bounded(self) -> CategoricalProfile:
        """The same rows with a vocabulary of the most frequent labels, where all of them are known."""
        if self.rest:
            return self
        ranked = sorted((self.counts | self.others).items(), key=lambda item: (-item[1], item[0]))
        return CategoricalProfile(
            self.kind, dict(sorted(ranked[:LABELS])), self.null, *_kept(dict(ranked[LABELS:]))
        )

    def empty(self) -> CategoricalProfile:
        """The profile of no rows over the same vocabulary: the neutral element of ``merge``."""
        return CategoricalProfile(self.kind, dict.fromkeys(self.counts, 0))

    def merge(self, other: CategoricalProfile) -> CategoricalProfile:
        """The profile of the rows of both; raises MergeError for another kind or vocabulary."""
        if self.kind != other.kind or self.counts.keys() != other.counts.keys():
            raise MergeError(
                f"a {self.kind} profile over {len(self.counts)} labels and a {other.kind} one over "
                f"{len(other.counts)}, not the same ones",
                "Profile both with like= the same reference.",
            )
        counts = {label: count + other.counts[label] for label, count in self.counts.items()}
        others, rest = _kept(Counter(self.others) + Counter(other.others))
        return CategoricalProfile(
            self.kind, counts, self.null + other.null, others, self.rest + other.rest + rest
        )

    @cached_property
    def labelled(self) -> dict[str, int]:
        """Rows of every label that has any, in the vocabulary or not; those of ``rest`` are not named."""
        return {label: n for label, n in (self.counts | self.others).items() if n}

    @cached_property
    def horizon(self) -> tuple[int, str] | None:
        """The hash up to which every label outside the vocabulary is named; None where all are."""
        return max(map(label_hash, self.others)) if self.rest else None

    @cached_property
    def outside(self) -> int:
        """Rows with a label outside the vocabulary."""
        return sum(self.others.values()) + self.rest

    @cached_property
    def valid(self) -> int:
        """Rows with a label."""
        return sum(self.counts.values()) + self.outside

    @property
    def missing(self) -> int:
        """Rows that are null."""
        return self.null

    @cached_property
    def rows(self) -> int:
        """All rows."""
        return self.valid + self.null


def _counted(values: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """Rows of each label; the labels of a dictionary are turned into text once each."""
    if isinstance(values, pa.DictionaryArray):
        known = as_numpy(values.indices).astype(np.intp)
        rows = np.bincount(known, minlength=len(values.dictionary))
        labels: pa.Array = values.dictionary
    else:
        view = pa.types.is_string_view(values.type)  # Arrow does not filter these yet
        known = (values.cast(pa.string()) if view else values).drop_null()
        labels, rows = pc.value_counts(known).flatten()
    text = as_text(pa.chunked_array([labels])).to_pylist() if len(labels) else []
    counts: Counter[str] = Counter()
    for label, count in zip(text, rows.tolist(), strict=True):
        if count and label is not None:
            counts[label] += count
    return dict(sorted(counts.items()))


def _kept(others: dict[str, int]) -> tuple[dict[str, int], int]:
    """The labels with the smallest hash, and the rows of the others."""
    if len(others) <= OTHERS:
        return dict(sorted(others.items())), 0
    kept = heapq.nsmallest(OTHERS, others, key=label_hash)
    chosen = {label: others[label] for label in sorted(kept)}
    return chosen, sum(others.values()) - sum(chosen.values())


def label_hash(label: str) -> tuple[int, str]:
    """What the choice of the labels that are named goes by: chance, but the same everywhere."""
    return crc32(label.encode("utf-8", "surrogatepass")), label
