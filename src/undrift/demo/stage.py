"""Sets the stage of the demo and plays it: a normal workspace that a recorded stream flows through."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undrift.config.beginning import OWN
from undrift.config.file import FILE, document
from undrift.config.wiring import created, load
from undrift.errors import ConfigError, NotFoundError
from undrift.records import Batch, Comparison, Outcome, Service, Window
from undrift.replay import Recording, Totals, play, totals
from undrift.stores import scores
from undrift.words.phrases import cut

if TYPE_CHECKING:
    from undrift.loop import Loop
    from undrift.workspace.settled import Report

FOLDER = "undrift-demo"
HISTORY = 16
"""Weeks that the first model is trained on (the newest of them held out)."""

MARK = Path(".undrift") / "demo.json"
"""Says that the demo made this workspace, with which settings, and whether it came to its end."""

SETTINGS: dict[str, Any] = {
    "data.target": "rentals",
    "data.time": "timestamp",
    "data.id": "timestamp",
    "windows.size": "7d",
    "labels.delay": "7d",
    "model.use": "sklearn.ensemble:HistGradientBoostingRegressor",
}
"""What the demo sets; everything else is undrift's default."""

OLD, NEW = ".undrift-old", ".undrift-new"
"""Folders that are being removed and made: renamed in one go, so that a kill leaves no doubt."""

ALWAYS: dict[str, Any] = {"policy.use": "schedule", "policy.every": 1}
"""The policy of the third course, with --full: retrain after every window."""


@dataclass(frozen=True)
class Stage:
    """The demo's workspace, and the recording that is played into it."""

    root: Path
    overrides: dict[str, Any]
    windows: int | None
    resumed: bool

    @classmethod
    def set(cls, root: Path, overrides: Mapping[str, Any], windows: int | None = None) -> Stage:
        """Make the workspace, or go on with one that was killed under the same settings.

        Raises ConfigError for a folder that the demo did not make, or whose undrift.toml was edited.
        """
        chosen = dict(overrides)
        mark = _read_mark(root)
        play_on = mark is not None and not mark["finished"] and mark["settings"] == _settings(chosen, windows)
        if play_on:
            if not (root / FILE).exists():
                (root / FILE).write_text(_toml(chosen), encoding="utf-8")
        else:
            _clear(root, mark)
            load(root, {**SETTINGS, **chosen}).check()
            _write(root, chosen, windows)
        return cls(root, chosen, windows, resumed=play_on)

    def loop(self) -> tuple[Loop, Recording]:
        """The loop with its first model trained, and the recording it will be shown."""
        return self._opened(self.root, self.overrides)

    def play(self, loop: Loop, recording: Recording) -> Iterator[tuple[Window, Report]]:
        """Let the recorded weeks arrive one by one."""
        return play(loop, recording, _delay(loop), self.windows)

    def always(self) -> Iterator[Window]:
        """Play the same weeks into a second workspace that retrains after every one of them."""
        loop, recording = self._opened(self._always_root, {**self.overrides, **ALWAYS})
        for window, _ in play(loop, recording, _delay(loop), self.windows):
            yield window

    def always_score(self) -> float:
        """The mean score of the course that retrains after every window."""
        return summary_of(self._opened(self._always_root, {**self.overrides, **ALWAYS})[0]).live

    def finish(self) -> None:
        """Remember that the play came to its end: the next one starts clean."""
        _write_mark(self.root / ".undrift", self.overrides, self.windows, finished=True)

    @property
    def _always_root(self) -> Path:
        return self.root / ".undrift" / "always"

    def _opened(self, root: Path, overrides: Mapping[str, Any]) -> tuple[Loop, Recording]:
        from undrift import inputs
        from undrift.windows import Cut

        root.mkdir(parents=True, exist_ok=True)
        settings = load(root, {**SETTINGS, **overrides})
        table = inputs.read(str(files("undrift.demo") / "bike_sharing.parquet"))
        time = settings.get("data.time")
        recording = Recording.of(table, Cut.of(settings.get("windows.size")), time, HISTORY)
        loop = created(settings, recording.past, "bike_sharing.parquet")
        loop.start(recording.past)
        return loop, recording


def summary_of(loop: Loop) -> Totals:
    """Mean scores of the live and the first model on the same rows."""
    return totals(scores(loop.store), loop.store.all(Service), loop.first().number)


def twin_of_the_first(loop: Loop) -> float | None:
    """What the first model's twin, which does not know the newest windows of the history, would have lost.

    On the labelled rows of all windows; None where the first model has no twin.
    """
    first = loop.first()
    windows = [w for w in loop.archive.windows() if loop.archive.coverage()[w.index] >= loop.coverage]
    if first.twin is None or not windows:
        return None
    data = loop.archive.labelled_in(windows)
    said = loop.models.ask_twin(first, data.rows)
    return loop.models.loss_of(data, said)


def tally(loop: Loop) -> dict[str, Any]:
    """How often the loop retrained, promoted and rejected, and how many windows had which verdict."""
    outcomes = loop.store.all(Outcome)
    verdicts = Counter(comparison.verdict for comparison in loop.store.all(Comparison))
    promoted = sum(o.promoted is not None for o in outcomes)
    return {
        "retrainings": len(outcomes),
        "promotions": promoted,
        "rejections": len(outcomes) - promoted,
        "verdicts": dict(verdicts),
    }


def _delay(loop: Loop) -> timedelta:
    return loop.label_delay


def _settings(overrides: Mapping[str, Any], windows: int | None) -> dict[str, Any]:
    return {"set": dict(overrides), "windows": windows}


def _clear(root: Path, mark: dict[str, Any] | None) -> None:
    """Remove what an earlier demo made, and nothing else."""
    for name in (OLD, NEW):
        if (root / name / MARK.name).exists():
            shutil.rmtree(root / name)
    if mark is None:
        if root.exists() and any(root.iterdir()):
            raise ConfigError(f"{root} exists and the demo did not make it", "Choose another folder: -C DIR.")
        return
    toml = root / FILE
    elsewhere = "Move it away, or choose another folder: -C DIR."
    if toml.exists() and toml.read_text(encoding="utf-8") != mark["toml"]:
        raise ConfigError(f"{toml} was edited since the demo wrote it", elsewhere)
    if strange := _strange(root):
        raise ConfigError(f"{root} holds {strange}, which the demo did not make", elsewhere)
    toml.unlink(missing_ok=True)
    (root / ".undrift").rename(root / OLD)
    shutil.rmtree(root / OLD)


def _strange(root: Path) -> str:
    """What else lies in the folder that is to be removed: files, or batches that a person delivered."""
    made = {*OWN, MARK.name, f"{MARK.name}.partial", "always"}
    files = sorted(repr(p.name) for p in (root / MARK.parent).iterdir() if p.name not in made)
    try:
        batches = load(root, SETTINGS).store().all(Batch)
    except NotFoundError:
        batches = []
    others = [b.id for b in batches if not (b.history or b.id.startswith(("rows-", "labels-")))]
    return (files + [f"the batch {cut(id_, 12)}" for id_ in others] or [""])[0]


def _write(root: Path, overrides: Mapping[str, Any], windows: int | None) -> None:
    (root / NEW).mkdir(parents=True)
    _write_mark(root / NEW, overrides, windows, finished=False)
    (root / NEW).rename(root / ".undrift")
    (root / FILE).write_text(_toml(overrides), encoding="utf-8")


def _toml(overrides: Mapping[str, Any]) -> str:
    title = "The undrift demo: two years of hourly bike rentals in a city, played as production."
    return document({**SETTINGS, **overrides}, title)


def _write_mark(folder: Path, overrides: Mapping[str, Any], windows: int | None, *, finished: bool) -> None:
    mark = {"finished": finished, "settings": _settings(overrides, windows), "toml": _toml(overrides)}
    partial = folder / f"{MARK.name}.partial"
    partial.write_text(json.dumps(mark), encoding="utf-8")
    partial.replace(folder / MARK.name)


def _read_mark(root: Path) -> dict[str, Any] | None:
    try:
        mark: dict[str, Any] = json.loads((root / MARK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return mark
