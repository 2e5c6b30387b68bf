"""Pearson's chi-square over the reference's deciles, or over labels."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.calibration import Calibration, Judgement, Reading
from undrift.calibration._independent import independent, pearson
from undrift.profiles.table import TableProfile


class ChiSquareTest:
    """Takes rows for independent draws: Pearson's chi-square over the reference's deciles or over labels."""

    def judge(
        self,
        ref: TableProfile,
        cur: TableProfile,
        names: Sequence[str],
        earlier: Sequence[TableProfile] = (),  # noqa: ARG002
        reading: Reading | None = None,  # noqa: ARG002
    ) -> Judgement:
        """The evidence of the test."""
        return independent(ref, cur, names, pearson)


_: type[Calibration] = ChiSquareTest
