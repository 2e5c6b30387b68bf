"""The Kolmogorov-Smirnov test of numbers, chi-square of labels: what most tools do."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.calibration import Calibration, Judgement, Reading
from undrift.calibration._independent import Tested, independent, pearson
from undrift.profiles.bins import effective, fine, gaps
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile
from undrift.statistics.tails import kolmogorov


class KsTest:
    """Takes rows for independent draws: Kolmogorov-Smirnov for numbers, chi-square for labels."""

    def judge(
        self,
        ref: TableProfile,
        cur: TableProfile,
        names: Sequence[str],
        earlier: Sequence[TableProfile] = (),  # noqa: ARG002
        reading: Reading | None = None,  # noqa: ARG002
    ) -> Judgement:
        """The evidence of the tests."""
        return independent(ref, cur, names, largest_gap)


def largest_gap(ref: AnyProfile, cur: AnyProfile) -> Tested:
    """The largest gap between two distribution functions, over the reference's grid."""
    if not isinstance(ref, NumericProfile):
        return pearson(ref, cur)
    before, now = fine(ref, cur)
    return Tested(kolmogorov(float(abs(gaps(before, now)).max()), effective(before, now)))


_: type[Calibration] = KsTest
