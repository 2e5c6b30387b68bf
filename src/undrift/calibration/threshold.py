"""The plain rule: over the threshold is drift, and nothing else is asked."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.calibration import Calibration, Judgement, Reading
from undrift.profiles.table import TableProfile


class Threshold:
    """Asks for the size of an effect alone: no p-value, no promise about false alarms."""

    def judge(
        self,
        ref: TableProfile,  # noqa: ARG002
        cur: TableProfile,  # noqa: ARG002
        names: Sequence[str],  # noqa: ARG002
        earlier: Sequence[TableProfile] = (),  # noqa: ARG002
        reading: Reading | None = None,  # noqa: ARG002
    ) -> Judgement:
        """No evidence: every effect counts as significant."""
        return Judgement("over the limit is drift; how often chance gets there is not asked")


_: type[Calibration] = Threshold
