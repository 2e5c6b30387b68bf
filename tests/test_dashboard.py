"""The dashboard over workspaces that are written by hand: what it says, draws, and survives."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from undrift.dashboard import captions, charts, legends, rows
from undrift.dashboard.names import inert
from undrift.errors import ConfigError
from undrift.pictures.palette import DARK, LIGHT
from undrift.profiles import shapes
from undrift.profiles.codec import dumps
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import profile
from undrift.records import (
    Comparison,
    Decision,
    Estimate,
    FeatureComparison,
    Finding,
    Outcome,
    Promotion,
    Rule,
    Score,
    Service,
    Step,
    Trial,
    Version,
    Window,
)
from undrift.stores.sql import Sql
from undrift.words import moves
from undrift.workspace.overview import overview

IMAGE = "![x](http://evil.example/x.png)"
SCRIPT = "</script><img src=http://evil.example/y.png>"
PATH = "a.b[c]"
COLOUR = ":material/home: :red[$x^2$] `code`"
HOSTILE = (IMAGE, SCRIPT, PATH, COLOUR)
SETTINGS = "[store]\nurl = 'sqlite:///.undrift/store.db'\n"
SCRIPT_FILE = str(files("undrift.dashboard") / "app.py")


class Workspace:
    """Writes the records that a loop would have left behind."""

    def __init__(self, root: Path, features: tuple[str, ...] = HOSTILE, *, foreign: bool = False) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "undrift.toml").write_text(SETTINGS)
        (root / ".undrift").mkdir()
        self.root, self.features = root, features
        self.store = Sql(f"sqlite:///{root / '.undrift' / 'store.db'}")
        self.token = self.store.acquire("loop", "test:0", 60)
        self.live = self.first = 0 if foreign else 1
        self.version(self.live)
        self.crown("start", self.live, None, "")

    def version(self, number: int) -> None:
        self.store.put(str(number), Version(number, "", "everything", "refit", "", "skops", 0, 0))
        rows_ = self.table(mean=0.0)
        self.store.put_profile(f"v{number}", dumps(profile(rows_)))
        self.reference = profile(rows_)

    def table(self, mean: float) -> dict[str, Any]:
        random = np.random.default_rng(7)
        columns: dict[str, Any] = {name: random.normal(mean, 1, 300).tolist() for name in self.features[:-1]}
        columns[self.features[-1]] = [IMAGE if i % 3 else "b" for i in range(300)]
        return columns

    def crown(self, action: Any, version: int, previous: int | None, window: str, reason: str = "") -> None:
        self.store.crown(Promotion(action, version, previous, window, reason), self.token)

    def settle(self, index: int, *, scored: bool = True, timed: bool = True, far: float = 3.0) -> None:
        """One window after which the model is kept."""
        window = window_of(index, timed=timed)
        found = [feature(name, far if i == 0 else 0.2) for i, name in enumerate(self.features)]
        verdict = found[0].verdict
        comparison = Comparison(
            verdict, 300, 100, tuple(found), "threshold", window=window, reference=self.live, lost=()
        )
        self.store.put_profile(
            f"window/{window.key}", dumps(profile(self.table(mean=1.0), like=self.reference))
        )
        self.store.put(window.key, comparison)
        self.store.put(window.key, Service(window.key, index, self.live, (self.first,)))
        if scored:
            for version, value in {self.first: 60.0 + index, self.live: 40.0}.items():
                score = Score(window.key, index, version, "MAE", value, 100, 1.0)
                self.store.put(f"{window.key}/v{version}", score)
        rule = Rule("performance", False, f"because of {IMAGE}")
        self.store.put(window.key, Decision(window.key, index, "keep", f"{IMAGE} is fine", (rule,)))
        why = f"Keep the model: {IMAGE} is fine."
        self.store.put(window.key, Step(window, verdict, "keep", why, self.live))

    def retrain(self, index: int, *, promoted: bool) -> None:
        """One window after which a challenger was judged."""
        window, version, champion = window_of(index), 2 * index, self.live
        self.settle(index, scored=True)
        trial = Trial(version, "recent", 30.0, -20.0, -25.5, -14.5, promoted)
        outcome = Outcome(
            window.key, index, champion, 50.0, "MAE", (trial,), version if promoted else None,
            (window_of(index - 1).key,), 336, 14, 0.95, f"v{version} judged",
        )  # fmt: skip
        self.store.put(window.key, outcome)
        self.version(version)
        if promoted:
            self.live = version
            self.crown("promote", version, champion, window.key, outcome.why)


def window_of(index: int, *, timed: bool = True) -> Window:
    if not timed:
        return Window(f"rows {index * 100}", index, 100)
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(weeks=index)
    return Window(f"{start:%Y-%m-%d}", index, 100, start, start + timedelta(weeks=1))


def feature(name: str, far: float) -> FeatureComparison:
    verdict = "drift" if far >= 1 else "stable"
    finding = Finding("psi", far * 0.1, 0.1, 0.0, verdict)
    return FeatureComparison(name, "numeric", verdict, f"new labels: {IMAGE}", (finding,))


def told(root: Path) -> Workspace:
    """A workspace with a bit of everything: kept, promoted, rejected, rolled back, labels to come."""
    made = Workspace(root)
    made.settle(1)
    made.retrain(2, promoted=True)
    made.settle(3)
    made.retrain(4, promoted=False)
    made.settle(5, scored=False)
    made.crown("rollback", 1, 4, window_of(5).key, f"{IMAGE} broke")
    return made


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Any:
    testing = pytest.importorskip("streamlit.testing.v1")

    def run(root: Path) -> Any:
        monkeypatch.setattr(sys, "argv", ["app.py", str(root)])
        page = testing.AppTest.from_file(SCRIPT_FILE, default_timeout=30).run()
        assert not page.exception, page.exception
        return page

    return run


def prose(page: Any) -> str:
    """All Markdown of the page as it was sent to the browser."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error")
    texts = [element.value for kind in kinds for element in getattr(page, kind)]
    texts += [f"{m.label} {m.value} {m.delta}" for m in page.metric]
    return "\n".join(texts)


def drawn(page: Any) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in page.get("vega_lite_chart")]


def test_the_sentence_comes_from_the_records_with_its_state_as_icon_word_and_colour(show, tmp_path):
    made = told(tmp_path / "w")
    page = show(made.root)
    states = next(m.value for m in page.markdown if "**Model" in m.value)
    assert ":gray[:material/help: **Model unknown**]" in states
    assert ":red[:material/warning: **Data: drift, 1 of 4 features**]" in states
    assert inert(overview(made.store).sentence) in prose(page)
    assert "Waiting for labels 1 window of 5 settled" in prose(page)
    assert "Last decision" in prose(page)


def test_every_section_has_its_chart_with_alternative_text(show, tmp_path):
    page = show(told(tmp_path / "w").root)
    assert [s.value for s in page.subheader] == [
        "Performance, and what the loop did",
        "Drift: which feature, and since when",
        "What changed",
        "Before and after, on the same rows",
    ]
    found = page.get("vega_lite_chart")
    assert len(found) == 6, "performance, heatmap, histogram, ranges, one retraining, all retrainings"
    assert all(chart.proto.alt for chart in found)


def test_no_name_reaches_markdown_with_its_meaning(show, tmp_path):
    page = show(told(tmp_path / "w").root)
    for feature_ in HOSTILE:
        page.selectbox(key="feature").select(feature_).run()
        assert not page.exception
        text = prose(page)
        assert "evil" in text, "the name is shown"
        for dangerous in ("![x]", "](http", "<img", "</script", ":red[$", ":material/home", "`code`"):
            assert dangerous not in text, dangerous


def test_names_are_values_never_fields_of_a_chart(show, tmp_path):
    page = show(told(tmp_path / "w").root)

    def fields(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(fields, node)) if node else set()
        if not isinstance(node, dict):
            return set()
        own = {node["field"]} if isinstance(node.get("field"), str) else set()
        return own.union(*(fields(v) for k, v in node.items() if k not in ("data", "datasets")))

    used = set().union(*(fields(spec) for spec in drawn(page)))
    assert used, "there are charts"
    assert all(name.isidentifier() for name in used), used


def test_choosing_another_feature_window_and_retraining(show, tmp_path):
    page = show(told(tmp_path / "w").root)
    assert page.selectbox(key="feature").value == IMAGE, "the worst feature of the newest window"
    assert page.selectbox(key="retraining").value == window_of(2).key, "the newest promotion"
    page.selectbox(key="window").select(window_of(2).key).run()
    page.selectbox(key="feature").select(COLOUR).run()
    assert not page.exception
    assert page.selectbox(key="window").value == window_of(2).key
    page.selectbox(key="retraining").select(window_of(4).key).run()
    assert ":gray[:material/cancel: **rejected**]" in prose(page)
    assert {m.value for m in page.metric} >= {"50", "30"} or {m.value for m in page.metric} >= {
        "50.0",
        "30.0",
    }


def test_before_and_after_names_the_rows_and_the_confidence(show, tmp_path):
    text = prose(show(told(tmp_path / "w").root)).replace("\\", "")
    assert "same 336 rows" in text
    assert "95.0% confidence" in text
    assert window_of(1).key in text


def test_a_workspace_without_a_window(show, tmp_path):
    page = show(Workspace(tmp_path / "w").root)
    assert "No window is complete yet" in prose(page).replace("\\", "")
    assert ":blue[:material/hourglass_empty: **Waiting**]" in prose(page)
    assert not page.get("vega_lite_chart")


def test_no_labels_no_scores_no_retraining(show, tmp_path):
    made = Workspace(tmp_path / "w")
    made.settle(1, scored=False)
    page = show(made.root)
    assert [i.value for i in page.info] == [
        "No window has a score yet: labels are still to come.",
        "Nothing was retrained yet.",
    ]
    assert "1 window" in prose(page)


def test_a_foreign_model_and_windows_by_count(show, tmp_path):
    made = Workspace(tmp_path / "w", foreign=True)
    for index in (1, 2, 3):
        made.settle(index, timed=False)
    page = show(made.root)
    assert "v0" in prose(page)
    performance = drawn(page)[0]
    assert "quantitative" in json.dumps(performance)
    assert "temporal" not in json.dumps(performance)
    assert any("nothing to compare it with" in c.value for c in page.caption)


def test_two_hundred_features_show_the_worst_thirty_and_say_so(show, tmp_path):
    made = Workspace(tmp_path / "w", tuple(f"column {i:03}" for i in range(200)))
    made.settle(1)
    page = show(made.root)
    assert any("The 30 features that drift most, of 200" in c.value for c in page.caption)
    assert len(page.selectbox(key="feature").options) == 200


def test_what_the_loop_writes_later_is_shown_without_a_restart(show, tmp_path):
    made = Workspace(tmp_path / "w")
    made.settle(1)
    page = show(made.root)
    made.settle(2)
    page.run()
    assert not page.exception
    assert page.selectbox(key="window").options == [window_of(2).key, window_of(1).key]


def test_a_missing_profile_and_a_column_that_is_gone(show, tmp_path):
    made = Workspace(tmp_path / "w", ("x", "y"))
    made.settle(1)
    window = window_of(2)
    gone = Comparison(
        "drift", 300, 100, (feature("x", 0.1),), "threshold", lost=("y",), window=window, reference=made.live
    )
    made.store.put(window.key, gone)
    made.store.put(window.key, Decision(window.key, 2, "keep", "so"))
    made.store.put(window.key, Step(window, "drift", "keep", "so", made.live))
    page = show(made.root)
    page.selectbox(key="feature").select("x").run()
    assert "No profile of this feature is kept for this window." in [i.value for i in page.info]
    page.selectbox(key="feature").select("y").run()
    assert "was not compared" in page.warning[0].value


@pytest.mark.parametrize("damage", ["absent", "empty", "garbage", "no model", "bad settings"])
def test_a_damaged_workspace_is_a_message_not_a_traceback(show, tmp_path, damage):
    root = tmp_path / "w"
    if damage != "absent":
        root.mkdir()
    if damage in ("garbage", "no model"):
        (root / "undrift.toml").write_text(SETTINGS)
    if damage == "garbage":
        (root / ".undrift").mkdir()
        (root / ".undrift" / "store.db").write_bytes(b"not a database at all" * 100)
    if damage == "bad settings":
        (root / "undrift.toml").write_text("[nonsense]\nx = 1\n")
    page = show(root)
    assert len(page.error) == 1
    assert "Traceback" not in page.error[0].value


def test_rows_say_what_the_loop_did_and_when(tmp_path):
    found = overview(told(tmp_path / "w").store)
    events = rows.events(found)
    assert [(e["event"], e["label"]) for e in events] == [
        (rows.PROMOTED, "v4 live"),
        (rows.REJECTED, ""),
        (rows.ROLLED_BACK, "back to v1"),
    ]
    assert events[0]["at"] == window_of(3).start.timestamp() * 1000, "live from the next window on"
    scores = rows.scores(found.lines)
    assert {r["model"] for r in scores} == {rows.LIVE, rows.FIRST}
    assert "1 promotion" in captions.performance(scores, events, [])


@pytest.mark.parametrize(
    ("far", "band"), [(0.0, 0), (0.99, 0), (1.0, 1), (2.0, 2), (4.99, 2), (5.0, 3), (99, 3)]
)
def test_colours_tell_the_verdict_first_and_then_the_size(far, band):
    """A large move that is ordinary never looks like drift, whatever its size."""
    moved = feature("x", far)
    assert rows.band(replace(moved, verdict="stable")) == rows.QUIET[band]
    assert rows.band(replace(moved, verdict="watch")) == rows.WATCHED
    assert rows.band(replace(moved, verdict="drift")) == rows.DRIFTS[far >= 5]


def test_bands_of_what_cannot_be_judged():
    few = replace(feature("x", 9), verdict="insufficient")
    assert rows.band(few) == rows.FEW
    assert moves.times_limit(Finding("unseen", 0.5, 0.0, 0.0, "drift")) == float("inf")


def test_features_are_ranked_by_how_often_they_drift(tmp_path):
    made = Workspace(tmp_path / "w", ("rare", "often", "never"))
    made.settle(1)
    made.features = ("often", "rare", "never")
    made.settle(2, far=2.0)
    made.settle(3, far=2.0)
    assert rows.ranked(overview(made.store).lines) == ["often", "rare", "never"]


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_a_chart_of_one_score_has_room_around_it(colours):
    row = {
        "at": 0.0,
        "window": "w",
        "model": rows.LIVE,
        "version": "v1",
        "metric": "MAE",
        "score": 5.0,
        "text": "",
    }
    spec = charts.performance([row], [], [], colours, timed=False).to_dict()
    low, high = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < 5.0 < high


def numeric(values: Any, like: NumericProfile | None = None) -> NumericProfile:
    return NumericProfile.of(np.asarray(values, dtype=float), 0, like.grid if like else None)


@pytest.mark.parametrize(
    "reference",
    [
        np.random.default_rng(1).normal(size=5000),
        np.random.default_rng(1).lognormal(3, 2, size=5000),
        np.arange(24).repeat(10),
        np.array([3.0, 3.0, 3.0]),
        np.append(np.zeros(4000), np.random.default_rng(2).uniform(0, 9, 1000)),
    ],
    ids=["normal", "skewed", "hours", "constant", "half zero"],
)
@pytest.mark.parametrize("shift", [0.0, 2.0, 1e6])
def test_a_histogram_holds_every_row_once(reference, shift):
    before = numeric(reference)
    now = numeric(reference + shift, before)
    steps = shapes.steps(before, now)
    widths = np.diff(steps.edges)
    assert (widths > 0).all()
    for heights in (steps.reference, steps.window):
        assert (heights >= 0).all()
        assert float((heights * widths / steps.width).sum()) == pytest.approx(1.0)


def test_a_histogram_keeps_separate_values_apart():
    before = numeric(np.arange(6).repeat(10))
    steps = shapes.steps(before, numeric([2.0] * 5, before))
    assert steps.edges.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert steps.window.tolist() == [0, 0, 1, 0, 0, 0]


def test_no_numbers_no_histogram():
    assert shapes.steps(numeric([]), numeric([])) is None


def test_ranges_are_tenths_of_the_reference_with_their_limits():
    before = numeric(np.arange(1000.0))
    shares = shapes.ranges(before, numeric(np.full(50, 5000.0), before))
    assert len(shares) == 10
    assert all(s.reference == pytest.approx(0.1, abs=0.01) for s in shares)
    assert shares[-1].window == 1.0
    assert shares[0].name.startswith("under")
    assert shares[-1].name.endswith("and over")


def test_rare_labels_are_drawn_together():
    before = profile({"x": [f"label {i}" for i in range(50)]}).features["x"]
    shares = shapes.labels(before, before)
    assert len(shares) == shapes.LABELS
    assert shares[-1].name == "39 other labels"
    assert sum(s.window for s in shares) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "name", [*HOSTILE, "line\nbreak", "\u202ereversed", "# head", "1. list", "&lt;b&gt;"]
)
def test_inert_text_has_no_punctuation_left_bare(name):
    text = inert(name)
    assert "\n" not in text
    assert "\u202e" not in text
    pairs = zip(" " + text, text, strict=False)
    bare = [
        c for previous, c in pairs if c.isascii() and not c.isalnum() and c not in " \\" and previous != "\\"
    ]
    assert not bare


def test_without_streamlit_the_command_says_how_to_get_it(monkeypatch):
    from undrift.cli import dashboard

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'undrift\[dashboard\]'"):
        dashboard._need_streamlit()


def test_a_port_in_use_is_refused_by_name():
    import socket

    from undrift.cli import dashboard

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="is in use"):
            dashboard._free(taken.getsockname()[1])


def test_windows_without_labels_are_drawn_apart_with_their_band():
    def line(key, label):
        window = Window(key, int(key), 10)
        guess = Estimate(key, int(key), 1, "dle", "MAE", 31.0, 27.0, 35.0, 500)
        return SimpleNamespace(window=window, live=label, first=None, estimate=guess)

    score = SimpleNamespace(version=1, metric="MAE", value=30.0, rows=10)
    lines = [line("0001", score), line("0002", None)]
    (guess,) = rows.estimates(lines)
    assert (guess["score"], guess["lower"], guess["upper"]) == (31.0, 27.0, 35.0)
    assert "blind to concept drift" in guess["text"]
    spec = charts.performance(rows.scores(lines), [], [guess], LIGHT, timed=False).to_dict()
    ends = {layer["encoding"].get("y2", {}).get("field") for layer in spec["layer"]}
    assert "upper" in ends
    assert rows.ESTIMATED in legends.performance([], [], [guess], LIGHT)
    assert "1 window estimated" in captions.performance(rows.scores(lines), [], [guess])
    charts.performance([], [], [guess], LIGHT, timed=False).to_dict()
