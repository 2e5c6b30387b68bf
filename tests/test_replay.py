"""The replay benchmark: its bank of models decides and loses as the loop does, to the last digit."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undrift.gate import Gate
from undrift.lineup import LineUp
from undrift.lineup.mixture import Mixture
from undrift.lineup.single import Single
from undrift.loop import Loop
from undrift.plugins import build
from undrift.policies import Policy
from undrift.policies.clock import Clock
from undrift.policies.schedule import Schedule
from undrift.records import Outcome, Service
from undrift.stores import holder, scores
from undrift.stores.sql import Sql
from undrift.trainers.estimator import Estimator
from undrift.windows import Cut

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from replaying import families, rivals  # noqa: E402
from replaying.bank import LEARNERS, Bank  # noqa: E402
from replaying.prices import at_rho, every_window  # noqa: E402
from replaying.streams import HISTORY, PLAYED, WINDOWS, UnplayableError, read  # noqa: E402
from replaying.world import Settings, play  # noqa: E402

SIZE = 40


def stream(
    folder: Path, name: str, *, classes: int, timed: bool, rows: int = SIZE * WINDOWS, rare: float = 0.0
) -> Path:
    """What is learnt turns round half way, and again at the end."""
    random = np.random.default_rng(5)
    place = np.arange(rows)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(place * 37, unit="min")
    frame = pd.DataFrame(
        {
            "at": at if timed else place,
            "x": random.normal(size=rows) + place / rows,
            "z": random.normal(size=rows),
            "colour": random.choice(["red", "green", None], rows),
        }
    )
    slope = np.where((place // (rows // 3)) % 2 == 0, 2.0, -2.0)
    y = slope * frame["x"] + 0.5 * frame["z"] + random.normal(0, 0.7, rows)
    frame["target"] = y
    if classes == 2:
        frame["target"] = np.where(y > rare, "yes", "no")
    elif classes:
        frame["target"] = pd.qcut(y, classes, labels=list("abcd")).astype(str)
    path = folder / f"{name}.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


def looped(path: Path, policy: Policy, lineup: LineUp, gate: Gate) -> Loop:
    """The same stream through the real loop, labels one window late."""
    found = read(path)
    model, params = LEARNERS["linear"][found.schema.task or ""]
    loop = Loop(
        schema=found.schema,
        store=Sql(),
        lake=build("lakes", {"use": "memory"}),
        registry=build("registries", {"use": "memory"}),
        policy=policy,
        merges={name: build("merging", {"use": name}) for name in ("everything", "recent")},
        holder=holder(),
        trainer=Estimator(model, params),
        gate=gate,
        lineup=lineup,
        cut=Cut.of(found.size),
        label_delay=timedelta(0),
    )
    rows = [found.table.slice(i * found.size, found.size) for i in range(WINDOWS)]
    loop.start(pa.concat_tables(rows[:HISTORY]))
    for t in range(HISTORY, WINDOWS):
        loop.step(rows[t].drop_columns(["target"]))
        if t > HISTORY:
            loop.label(rows[t - 1].select(["row_id", "target"]))
    loop.label(rows[-1].select(["row_id", "target"]))
    return loop


@pytest.mark.parametrize(
    ("lineup", "policy", "gate"),
    [
        (Mixture(), Clock(), Gate()),
        (Mixture(3), Schedule(2, minimum_rows=1), Gate()),
        (Single(), Clock(6, 0.5), Gate()),
        (Single(), Schedule(3, minimum_rows=1), Gate("better")),
    ],
    ids=["shipped", "small mixture", "single", "proof"],
)
@pytest.mark.parametrize(
    ("classes", "timed", "rare"),
    [(0, True, 0.0), (2, False, 0.0), (2, True, 2.5), (4, True, 0.0)],
    ids=["numbers", "classes", "rare class", "several classes"],
)
def test_bank_and_loop_agree_to_the_last_digit(
    folder: Path, classes: int, timed: bool, rare: float, lineup: LineUp, policy: Policy, gate: Gate
) -> None:
    path = stream(folder, f"{classes}-{rare}", classes=classes, timed=timed, rare=rare)
    bank = Bank(read(path), "linear", folder / "bank")
    bank.fill()
    played = play(bank, Settings(policy, lineup, gate))
    loop = looped(path, policy, lineup, gate)
    live = {s.window: s.live for s in loop.store.all(Service)}
    own = [s for s in scores(loop.store) if live[s.window] == s.version]
    assert [s.index for s in own] == [*range(HISTORY, WINDOWS)]
    ended = {own[-1].window}  # what is decided after the last window serves nothing, and is not played
    outcomes = [o for o in loop.store.all(Outcome) if o.window not in ended]
    assert outcomes, "nothing was trained: the test tests nothing"
    assert [o.index for o in outcomes] == [o.index for o in played.outcomes]
    assert [o.promoted for o in outcomes] == [o.promoted for o in played.outcomes]
    assert [[t.difference for t in o.trials] for o in outcomes] == [
        [t.difference for t in o.trials] for o in played.outcomes
    ]
    assert [s.value for s in own] == played.losses.tolist()


def test_what_is_shipped_is_what_the_settings_say() -> None:
    found = families.shipped()
    assert (type(found.policy), type(found.lineup)) == (Clock, Mixture)
    assert found.gate == Gate()
    assert found.merges == ("everything", "recent")


def test_the_yardsticks_of_a_stream(folder: Path) -> None:
    """The oracle is at least as good as everything, and recovers all; never recovers nothing."""
    bank = Bank(read(stream(folder, "priced", classes=0, timed=True)), "linear", folder / "bank")
    bank.fill()
    prices = at_rho(bank, 1.0)
    never = rivals.never(bank)
    assert prices.recovered(never.losses, 0) == pytest.approx(0)
    assert np.array_equal(rivals.calendar(bank, 1).losses, every_window(bank))
    always = rivals.calendar(bank, 1)
    gained = max(0.0, float(never.losses.sum() - always.losses.sum()))
    assert prices.price * always.retrainings == pytest.approx(gained)
    for k in (2, 3, 5, 8, 13):
        some = rivals.calendar(bank, k)
        assert prices.oracle <= some.losses.sum() + prices.price * some.retrainings + 1e-9
    assert prices.counts


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ([1], "one value only"),
        ([None], "one value only"),
        ([0] * 999 + [1], "one class only"),
    ],
)
def test_a_stream_that_cannot_be_played_says_why(tmp_path: Path, target: list[Any], reason: str) -> None:
    rows = 1_000
    values = (target * rows)[:rows]
    table = pa.table({"seq": range(rows), "x": np.random.default_rng(0).normal(size=rows), "target": values})
    pq.write_table(table, tmp_path / "s.parquet")
    with pytest.raises(UnplayableError, match=reason):
        read(tmp_path / "s.parquet")


@pytest.mark.parametrize("target", [[0, 1], [True, False], ["x", "y"], [1.5, 2.5], [*range(30)]], ids=str)
def test_every_kind_of_target_is_read(tmp_path: Path, target: list[Any]) -> None:
    rows = 1_000
    table = pa.table(
        {"seq": range(rows), "x": range(rows), "z": ["a", "b"] * 500, "y": (target * rows)[:rows]}
    )
    pq.write_table(table, tmp_path / "s.parquet")
    found = read(tmp_path / "s.parquet")
    assert found.schema.task == ("binary" if len(target) == 2 and target != [1.5, 2.5] else "regression")
    assert found.size == rows // WINDOWS
    assert np.isfinite(found.labels).all()


def test_the_command_writes_a_summary(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    stream(tmp_path / "in", "turning", classes=2, timed=False, rows=WINDOWS * 25)
    stream(tmp_path / "in", "moving", classes=0, timed=True, rows=WINDOWS * 25)
    (tmp_path / "in" / "broken.parquet").write_bytes(b"nothing")
    words = ["--streams", tmp_path / "in", "--out", tmp_path / "out", "--learner", "linear"]
    command = [sys.executable, str(BENCHMARKS / "replay.py"), *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    said = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(said["streams"]) == {"turning", "moving"}
    assert "broken" in said["skipped"]
    wanted = {"never", "calendar", "always", "shipped", "single", "mixture"}
    for policies in said["streams"].values():
        assert wanted <= set(policies)
        for one in policies.values():
            assert {"loss", "retrainings", "promotions", "wrong", "recovered"} <= set(one)
            assert one["wrong"] <= one["promotions"]
        assert policies["never"]["retrainings"] == 0
        assert policies["always"]["retrainings"] == PLAYED - 1
    assert wanted <= set(said["mean_recovered"])
    for picture in ("recovered.svg", "streams.svg"):
        assert (tmp_path / "out" / picture).read_text().startswith("<svg")
