"""Stretches of real streams and how each is cut into a reference and windows.

The streams are found in the folder that UNDRIFT_STREAMS names, or in `shared/data` beside the checkout.
In each the first column is time, the last one the target.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

ROOT = Path(__file__).parent.parent
FULL = 0.9
"""The first and last window of a stretch count when they have this share of the usual rows."""
SEED = 20


@dataclass(frozen=True)
class Stretch:
    """Part of a stream, its windows, and which of them are the reference.

    ``size`` is a number of rows or a time; ``rows`` the part of the stream. The reference is the first
    half of the windows before ``change``; with ``known`` it is so many windows; with ``dealt`` it is half of
    the windows taken at random. Windows before the change (all, without one) are a control when
    the stretch is ``quiet``.
    """

    title: str
    stream: str
    size: int | str
    rows: tuple[int, int | None] = (0, None)
    dealt: bool = False
    quiet: bool = False
    known: int | None = None
    change: int | None = None
    changed: tuple[str, ...] = ()
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None


def balanced(frame: pd.DataFrame) -> pd.DataFrame:
    """STAGGER with features that stay as they are: in every concept as many rows of each combination."""
    concept = frame["seq"] // 10_000
    groups = frame.groupby([concept, "x1", "x2", "x3"], observed=True)
    drawn = groups.sample(groups.size().min(), random_state=SEED)
    shuffled = drawn.sample(frac=1, random_state=SEED)
    in_order = shuffled.sort_values("seq", key=lambda seq: seq // 10_000, kind="stable")
    return in_order.reset_index(drop=True).assign(seq=range(len(drawn)))


ELEC2 = 17_424
NANNY = 90_000
STRETCHES = (
    Stretch("bike_sharing_shuffled, weeks", "bike_sharing_shuffled", "7D", quiet=True),
    Stretch("elec2_shuffled, weeks", "elec2_shuffled", "7D", quiet=True),
    Stretch("bike_sharing, weeks dealt", "bike_sharing", "7D", dealt=True, quiet=True),
    Stretch("elec2 before the change, weeks dealt", "elec2", "7D", rows=(288, ELEC2), dealt=True, quiet=True),
    Stretch("elec2 after it, weeks dealt", "elec2", "7D", rows=(ELEC2, None), dealt=True, quiet=True),
    Stretch("noaa_weather, 91 days dealt", "noaa_weather", 91, dealt=True, quiet=True),
    Stretch("nyc_flights, weeks dealt", "nyc_flights", "7D", dealt=True, quiet=True),
    Stretch("hotel_bookings, weeks dealt", "hotel_bookings", "7D", dealt=True, quiet=True),
    Stretch(
        "nanny_car_price, 6 hours, row 90,000",
        "nanny_car_price",
        "6h",
        rows=(0, 100_000),
        quiet=True,
        change=NANNY,
        changed=(
            *("car_age", "km_driven", "price_new", "accident_count", "door_count"),
            *("fuel", "transmission"),
        ),
    ),
    *(
        Stretch(
            f"syn_stagger_recurring, 125 rows, row {10_000 * (k + 1):,}",
            "syn_stagger_recurring",
            125,
            rows=(10_000 * k, 10_000 * k + 12_500),
            quiet=True,
            change=10_000 * (k + 1),
            changed=changed,
        )
        for k, changed in enumerate((("x1", "x2"), ("x1",), ("x1", "x2")))
    ),
    Stretch(
        "syn_stagger_recurring, features balanced, 162 rows, three changes of concept",
        "syn_stagger_recurring",
        162,
        quiet=True,
        known=30,
        prepare=balanced,
    ),
    Stretch(
        "elec2, weeks, row 17,424",
        "elec2",
        "7D",
        rows=(288, ELEC2 + 20 * 336),
        change=ELEC2,
        changed=("vicprice", "vicdemand", "transfer"),
    ),
    Stretch("bike_sharing, weeks, first half year known", "bike_sharing", "7D", known=26),
    Stretch("bike_sharing, weeks, first year known", "bike_sharing", "7D"),
    Stretch("elec2 after the change, weeks, first half known", "elec2", "7D", rows=(ELEC2, None)),
    Stretch("nyc_flights, weeks, first half year known", "nyc_flights", "7D"),
)
"""Every stretch. elec2 begins where whole weeks end at its change. The fourth concept of STAGGER is a copy
of the first, so it is no fourth control."""


@dataclass(frozen=True)
class Material:
    """A stretch, cut."""

    stretch: Stretch
    reference: pd.DataFrame
    windows: list[pd.DataFrame]
    since: int | None
    """The first window that holds rows after the change."""

    @property
    def time(self) -> str:
        """The time column."""
        return self.reference.columns[0]

    @property
    def target(self) -> str:
        """The target column."""
        return self.reference.columns[-1]

    @property
    def features(self) -> list[str]:
        """Everything between."""
        return list(self.reference.columns[1:-1])

    @cached_property
    def categorical(self) -> list[str]:
        """The columns of labels, truth values among them."""
        return [name for name in self.features if not _numeric(self.reference[name])]

    @property
    def usual(self) -> int:
        """The median size of a window."""
        return round(median(map(len, self.windows)))

    @property
    def length(self) -> str | None:
        """How long a window is, where it is cut by time."""
        return self.stretch.size.lower() if isinstance(self.stretch.size, str) else None

    @property
    def before(self) -> range:
        """The windows before the change."""
        return range(len(self.windows) if self.since is None else self.since)

    @property
    def after(self) -> range:
        """The windows since the change."""
        return range(len(self.before), len(self.windows))


def _numeric(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def streams() -> Path:
    """The folder of the streams."""
    folder = Path(os.environ.get("UNDRIFT_STREAMS") or ROOT.parent / "shared" / "data")
    return folder if folder.is_dir() else sys.exit("UNDRIFT_STREAMS does not name a folder of streams")


def material(stretch: Stretch) -> Material:
    """Cut a stretch into reference and windows."""
    frame = pd.read_parquet(streams() / f"{stretch.stream}.parquet")
    frame = stretch.prepare(frame) if stretch.prepare else frame
    pieces = cut(frame.iloc[slice(*stretch.rows)], stretch.size)
    mine = reference(stretch, pieces)
    windows = [piece for i, piece in enumerate(pieces) if i not in mine]
    since = None
    if stretch.change is not None:
        since = next(i for i, window in enumerate(windows) if window.index[-1] >= stretch.change)
    joined = pd.concat([pieces[i] for i in sorted(mine)], ignore_index=True)
    return Material(stretch, joined, [window.reset_index(drop=True) for window in windows], since)


def cut(frame: pd.DataFrame, size: int | str) -> list[pd.DataFrame]:
    """Consecutive windows of so many rows, or of so much time counted from the first midnight."""
    if isinstance(size, int):
        return [frame.iloc[i : i + size] for i in range(0, len(frame) - size + 1, size)]
    times = frame.iloc[:, 0]
    number = (times - times.iloc[0].floor("D")) // pd.Timedelta(size)
    pieces = [piece for _, piece in frame.groupby(number)]
    least = FULL * median(map(len, pieces))
    return [p for i, p in enumerate(pieces) if 0 < i < len(pieces) - 1 or len(p) >= least]


def reference(stretch: Stretch, pieces: list[pd.DataFrame]) -> set[int]:
    """The numbers of the windows that are the reference."""
    if stretch.dealt:
        order = np.random.default_rng(SEED).permutation(len(pieces))
        return set(order[: len(pieces) // 2].tolist())
    if stretch.known is not None:
        return set(range(stretch.known))
    change = np.inf if stretch.change is None else stretch.change
    return set(range(sum(piece.index[-1] < change for piece in pieces) // 2))
