"""Realised scores: every version on the windows that it served, once their labels have matured.

A score stands on nearly all rows of its window. When labels are corrected, or rows came late, it is
computed anew under the next revision; earlier revisions stay on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undrift.arrow import predictions
from undrift.errors import ModelError, UndriftError
from undrift.lakes import ID, PREDICTION
from undrift.records import Batch, Score, Selection, Service, Unscored, Window
from undrift.stores import Store, keep, scores
from undrift.windows import matured
from undrift.workspace.archive import FOREIGN, Archive
from undrift.workspace.deliveries import on_record
from undrift.workspace.models import Models


@dataclass(frozen=True)
class Scoring:
    """Scores the versions of one workspace by the predictions that were logged for each window."""

    archive: Archive
    store: Store
    models: Models

    def predict(self, window: Window, live: int, shadows: Sequence[int]) -> Service:
        """Log the predictions of the live version and of others in its shadow, and of all their members."""
        rows = self.archive.rows(window.index, window.index)
        serving = {n: self.models.version(n) for n in dict.fromkeys((live, *shadows))}
        members = {str(n): self.models.members(v) for n, v in serving.items() if v.members}
        single = [n for n, v in serving.items() if not v.members]
        asked = {*single, *(m.version for some in members.values() for m in some)} - {FOREIGN}
        values, failed = {}, {}
        for number in sorted(asked):
            try:
                values[number] = self.models.ask(number, rows)
            except ModelError as error:
                failed[str(number)] = str(error)
        for number in map(int, members):
            try:
                values[number] = self.models.mixed(serving[number], values)
            except ModelError as error:
                failed[str(number)] = str(error)
        if values:
            self.archive.predicted(window, rows, values)
        shadow = tuple(n for n in serving if n != live)
        return Service(window.key, window.index, live, shadow, failed, members)

    def score(self, now: datetime | None, coverage: float, delay: timedelta) -> None:
        """Score what has matured by ``now`` and has labels for a share ``coverage`` of its rows."""
        shares = self.archive.coverage()
        windows = {w.index: w for w in self.archive.windows()}
        corrected = _corrected(self.archive.batches())
        before = {(s.window, s.version): s for s in scores(self.store)}
        for service in self.store.all(Service):
            if shares.get(service.index, 0.0) < coverage:
                continue
            window = windows[service.index]
            if not matured(window, delay, now):
                continue
            for number in serving(service):
                last = before.get((service.window, number))
                if last is None or self._is_stale(last, window, corrected, coverage):
                    self._score(window, number, coverage, last)

    @staticmethod
    def _is_stale(last: Score, window: Window, corrected: dict[int, int], coverage: float) -> bool:
        """Whether labels were corrected since a score, or it stands on too few of the rows there are now."""
        return corrected.get(window.index, 0) > last.seen or last.rows < coverage * window.rows

    def catch_up(self, batch: Batch) -> None:
        """Predict rows that came late for windows that were predicted before."""
        if not batch.late:
            return
        for service in self.store.all(Service):
            if str(service.index) in batch.windows:
                window = self.archive.cut.window(service.index, 0)
                for number in serving(service):
                    self._predictions(window, number)

    def _score(self, window: Window, number: int, coverage: float, before: Score | None) -> None:
        """Score one version on one window, or put on record why it has no score there."""
        logged, trouble = self._predictions(window, number)
        data = self.archive.labelled(Selection(window.index, window.index))
        said = on_record(data.ids, logged)
        have = np.isfinite(said if said.ndim == 1 else said.sum(axis=1))
        data, values = data.only(have), said[have]
        if len(data) < coverage * window.rows:
            self._refuse(window, number, len(data), trouble)
            return
        loss = self.models.loss_of(data, values)
        if np.isnan(loss):
            self._refuse(window, number, len(data), f"{self.models.metric} needs rows of each class")
            return
        score = Score(
            window=window.key,
            index=window.index,
            version=number,
            metric=self.models.metric,
            value=loss,
            rows=len(data),
            coverage=len(data) / window.rows,
            others=self.models.task.others(data.labels, values),
            revision=before.revision + 1 if before else 0,
            seen=len(self.archive.batches()),
        )
        keep(self.store, _key(score), score)

    def _refuse(self, window: Window, number: int, rows: int, trouble: str) -> None:
        """Put on record why a version has no score on a window."""
        why = f"{rows:,} of {window.rows:,} rows have a label and a prediction of v{number}"
        why = f"{why}: {trouble}" if trouble else why
        refusal = Unscored(window.key, window.index, number, rows, window.rows, why)
        keep(self.store, f"{window.key}/v{number}/{rows}-{window.rows}", refusal)

    def _predictions(self, window: Window, number: int) -> tuple[pa.Table, str]:
        """Id and prediction of a window's rows; a version is asked about those that came late, if it can."""
        rows = self.archive.rows(window.index, window.index)
        logged = self.archive.predictions(number, window.index)
        late = rows.filter(pc.invert(pc.is_in(rows[ID], logged[ID].combine_chunks())))
        if number == FOREIGN or not late.num_rows:
            return logged, ""
        try:
            service = self.store.get(Service, window.key)
            members = service.members.get(str(number)) if service else None
            values = self.models.ask(number, late, members)
        except UndriftError as error:
            return logged, str(error)
        self.archive.predicted(window, late, {number: values}, f"/v{number}/{logged.num_rows}")
        new = pa.table({ID: late[ID], PREDICTION: predictions(values)})
        return pa.concat_tables([logged, new]), ""


def _corrected(batches: list[Batch]) -> dict[int, int]:
    """How many deliveries were on record when labels of a window were last corrected, by its index."""
    found: dict[int, int] = {}
    for place, batch in enumerate(batches, start=1):
        found |= dict.fromkeys(map(int, batch.corrected), place)
    return found


def serving(service: Service) -> list[int]:
    """The versions whose predictions were logged for a window."""
    return [n for n in (service.live, *service.shadow) if str(n) not in service.failed]


def _key(score: Score) -> str:
    first = f"{score.window}/v{score.version}"
    return f"{first}/r{score.revision}" if score.revision else first
