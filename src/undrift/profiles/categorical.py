"""The profile of a column of labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from undrift.errors import MergeError
from undrift.records import Kind
from undrift.schema import as_text


@dataclass(frozen=True)
class CategoricalProfile:
    """Exact counts per label, with nulls apart; booleans are the labels "true" and "false"."""

    kind: Kind = "categorical"
    counts: dict[str, int] = field(default_factory=dict)
    null: int = 0

    @classmethod
    def of(cls, values: pa.ChunkedArray, kind: Kind = "categorical") -> CategoricalProfile:
        """Count the labels of a column.

        >>> CategoricalProfile.of(pa.chunked_array([["a", None, "a"]])).counts
        {'a': 2}
        """
        text = as_text(values)
        found = pc.value_counts(text.drop_null())
        counts = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
        return cls(kind, dict(sorted(counts)), text.null_count)

    def merge(self, other: CategoricalProfile) -> CategoricalProfile:
        """The profile of the rows of both; raises MergeError when the kinds differ."""
        if self.kind != other.kind:
            raise MergeError(
                f"a {self.kind} and a {other.kind} profile", "Profile both with like= the same reference."
            )
        counts = Counter(self.counts) + Counter(other.counts)
        return CategoricalProfile(self.kind, dict(sorted(counts.items())), self.null + other.null)

    @property
    def missing(self) -> int:
        """Rows that are null."""
        return self.null

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(self.counts.values()) + self.null
