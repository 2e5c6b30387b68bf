"""Guardrails of the gate: a challenger that saves on average may still not make a segment worse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import ask
from undrift import inputs
from undrift.config.wiring import created, load
from undrift.errors import ConfigError
from undrift.gate import Gate
from undrift.loop import Loop
from undrift.records import Outcome
from undrift.schema import NOT_KEPT


def rows(count: int, first: int, *, moved: bool = False) -> pd.DataFrame:
    """Two countries; once ``moved``, most rows follow a new rule and the small country the old one."""
    rng = np.random.default_rng(first)
    x = rng.normal(size=count)
    country = rng.choice(["big", "small"], count, p=[0.8, 0.2])
    slope = np.where((country == "big") & moved, -2.0, 2.0)
    frame = pd.DataFrame(
        {"id": np.arange(first, first + count), "x": x, "y": slope * x + rng.normal(0, 0.3, count)}
    )
    return frame.assign(country=country, rare=np.where(np.arange(count) < 3, "few", "many"))


def lived(folder: Path, **settings: object) -> Loop:
    options = {
        "data.target": "y",
        "data.id": "id",
        "model.use": "sklearn.linear_model:LinearRegression",
        "lineup.use": "single",
        "policy.use": "schedule",
        "policy.every": 4,
        "policy.minimum_rows": 1,
        "merge.candidates": ["recent"],
    } | {key.replace("__", "."): value for key, value in settings.items()}
    loop = created(load(folder, options), inputs.read(rows(800, 0)), "the history")
    loop.start(rows(800, 0))
    for place in range(4):
        loop.step(rows(400, 800 + 400 * place, moved=True))
    return loop


def test_what_saves_on_average_and_hurts_a_segment_is_refused_with_the_numbers(tmp_path: Path) -> None:
    free = lived(tmp_path / "free")
    assert free.store.all(Outcome)[0].promoted is not None
    loop = lived(tmp_path / "guarded", gate__segments=["country", "rare"])
    (outcome,) = loop.store.all(Outcome)
    (trial,) = outcome.trials
    assert (trial.difference < 0, trial.passes, outcome.promoted) == (True, False, None)
    guards = {guard.name: guard for guard in trial.guards}
    assert [*guards] == ["country = big", "country = small", "rare = many"], "few rows say nothing"
    assert guards["country = big"].holds
    assert not guards["country = small"].holds
    assert guards["country = small"].lower > guards["country = small"].limit
    weighted = sum(g.value * g.rows for g in trial.guards[:2]) / sum(g.rows for g in trial.guards[:2])
    assert weighted == pytest.approx(trial.difference)
    assert "breaks 1 guardrail: country = small" in outcome.why


def test_why_shows_one_table_of_them(tmp_path: Path) -> None:
    rows(800, 0).to_csv(tmp_path / "train.csv", index=False)
    settings = [
        "model.use=sklearn.linear_model:LinearRegression",
        'gate.segments=["country"]',
        "policy.every=4",
    ]
    settings += ["policy.use=schedule", "policy.minimum_rows=1", "lineup.use=single", "gate.max_bytes=900000"]
    words = [word for setting in settings for word in ("--set", setting)]
    at = ("-C", tmp_path)
    code, _, err = ask(*at, "init", "--from", tmp_path / "train.csv", "--target", "y", "--id", "id", *words)
    assert code == 0, err
    for place in range(4):
        rows(400, 800 + 400 * place, moved=True).to_csv(tmp_path / "b.csv", index=False)
        assert ask(*at, "run", tmp_path / "b.csv")[0] == 0
    out = ask(*at, "why")[1]
    assert "Guardrails of v" in out
    assert "✗ country = small" in out
    assert "✓ size" in out


def test_a_margin_lets_a_segment_rise_by_a_share(tmp_path: Path) -> None:
    loop = lived(tmp_path, gate__segments=["country"], gate__segment_margin=100.0)
    assert loop.store.all(Outcome)[0].promoted is not None


def test_a_model_that_is_too_large_is_refused(tmp_path: Path) -> None:
    loop = lived(tmp_path, gate__max_bytes=10)
    (outcome,) = loop.store.all(Outcome)
    assert outcome.promoted is None
    assert [(g.name, g.holds) for g in outcome.trials[0].guards] == [("bytes", False)]


def test_segments_share_the_error_among_them() -> None:
    """No segment is worse: how often any of ten is said to be so stays near alpha."""
    from undrift.statistics.intervals import serial_t

    wrong = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        days = np.repeat(np.arange(20), 10)
        wrong += any(
            serial_t(rng.normal(0, 1, 200) + rng.normal(0, 0.3, 20)[days], days, 1 - 0.05 / 10).lower > 0
            for _ in range(10)
        )
    assert wrong / 400 < 0.05 + 2.6 * (0.05 * 0.95 / 400) ** 0.5


@pytest.mark.parametrize(
    ("given", "problem"), [({"segment_margin": -1.0}, "segment_margin"), ({"max_bytes": 0}, "max_bytes")]
)
def test_guardrails_that_cannot_be_meant_are_refused(
    given: dict[str, float], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=problem):
        Gate(**given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"gate.segments: no column 'land'"):
        lived(tmp_path, gate__segments=["land"])


def test_a_forest_shows_each_segment_beside_zero(tmp_path: Path) -> None:
    testing = pytest.importorskip("streamlit.testing.v1")
    from undrift.dashboard import rows as drawn

    loop = lived(tmp_path, gate__segments=["country"])
    (outcome,) = loop.store.all(Outcome)
    found = drawn.segments(outcome)
    assert [(row["challenger"], row["event"]) for row in found] == [
        ("country = big", drawn.HOLDS),
        ("country = small", drawn.BREAKS),
    ]
    script = tmp_path / "page.py"
    script.write_text(
        f"from pathlib import Path\nfrom undrift.dashboard.page import draw\ndraw(Path({str(tmp_path)!r}))"
    )
    (tmp_path / "undrift.toml").write_text('[data]\ntarget = "y"\nid = "id"\n')
    page = testing.AppTest.from_file(str(script), default_timeout=60).run()
    assert not page.exception
    assert any("in each segment that the gate guards" in caption.value for caption in page.caption)


def test_a_segment_may_be_a_column_that_no_model_sees(tmp_path: Path) -> None:
    loop = lived(tmp_path, data__ignore=["country"], gate__segments=["country"])
    (outcome,) = loop.store.all(Outcome)
    assert outcome.promoted is None
    assert {guard.name for trial in outcome.trials for guard in trial.guards} >= {"country = small"}
    assert "country" not in loop.reference().features
    gone = replace(loop.schema, columns=tuple(replace(c, reason=NOT_KEPT) for c in loop.schema.columns))
    with pytest.raises(ConfigError, match="are not kept"):
        load(tmp_path, {"gate.segments": ["country"]}).check_names(gone)
