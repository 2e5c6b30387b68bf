"""Windows beside what the live model was trained on, and beside the stream's own past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undrift import inputs, stores, tasks
from undrift import schema as agreed
from undrift.arrow import MOMENT
from undrift.comparison.findings import Ordinary, Question, Relevance, judge
from undrift.comparison.limits import Limits
from undrift.comparison.result import Result
from undrift.errors import DataError, ModelError
from undrift.lakes import ID, ORDER, TIME, WINDOW
from undrift.profiles.effects import constant
from undrift.profiles.table import TableProfile, of_schema, profile
from undrift.records import (
    Column,
    Comparison,
    Explanation,
    Schema,
    Score,
    Service,
    Step,
    TargetComparison,
    Version,
    Window,
)
from undrift.schema import TARGET
from undrift.stores import Store, keep
from undrift.tasks import CONFIDENCE, OUTPUT
from undrift.windows import MONDAY
from undrift.words.phrases import count
from undrift.workspace import kept
from undrift.workspace.archive import FOREIGN, Archive, Labelled
from undrift.workspace.models import Models
from undrift.workspace.overview import overview
from undrift.workspace.past import Changes, Past, Remembered, Rows, changes, like

ENOUGH = 5
"""Windows that a model must have said something about, unseen in training, before its output is compared."""

CAUGHT_UP = 366
"""Scored windows whose labels are compared, the newest: later labels than that change nothing any more."""

TARGET_SHARE = 0.1
"""Part of the alarm rate at which the labels of a window are asked for, beside all features at the whole."""


@dataclass
class Watch:
    """Compares rows of a workspace with what its live model was trained on, and with the stream's past."""

    archive: Archive
    store: Store
    models: Models
    limits: Limits
    _references: dict[int, TableProfile] = field(default_factory=dict, repr=False)
    _pasts: dict[str, Past] = field(default_factory=dict, repr=False)

    @property
    def schema(self) -> Schema:
        """What the rows look like."""
        return self.archive.schema

    def reference(self, live: Version) -> TableProfile:
        """The profile of the rows that the live model was trained on."""
        if live.number not in self._references:
            self._references = {live.number: self.models.reference(live.number)}
        return self._references[live.number]

    def compare(self, window: Window, live: Version) -> Comparison:
        """Profile a window, keep the profile, and compare every feature with the reference."""
        rows = self.archive.rows(window.index, window.index)
        known = self._known(window)
        history = self._changes(known)
        reference = self.reference(live)
        current = of_schema(rows, self.schema, reference)
        past = self._features()
        before = past.before(known, history.cuts)
        names = frozenset(reference.features)
        ordinary = [Ordinary(reference, current, names=names)]
        if before is not None:
            now = past.keep(before, rows, window)
            reading = history.reading(served=live.through + 1)
            ordinary = [Ordinary(before.profile, now, reading=reading, names=names)]
        output = self._output(rows, window, live, known, history.aside)
        if not isinstance(output, str):
            said, now = output
            reading = history.reading()
            if live.number != FOREIGN:
                unseen = live.judged_through + 1
                reading = replace(reading, era=max(unseen, reading.era or unseen))
            ordinary.append(
                Ordinary(said.profile, now, reading=reading, names=frozenset(said.profile.features))
            )
            reference = _with(reference, said.unseen)
            current = _with(current, now)
            kept.put(self.store, f"window/{window.key}/output", replace(said.unseen, history=None), said.key)
        kept.put(self.store, f"window/{window.key}", current, f"v{live.number}")
        question = Question(
            reference,
            current,
            self.limits,
            tuple(ordinary),
            relevance=_relevance(self.models.importance_of(live), reference),
            known=frozenset((OUTPUT, CONFIDENCE)),
        )
        found = judge(question)
        left_out = found.left_out | ({OUTPUT: output} if isinstance(output, str) else {})
        return replace(found, window=window, reference=live.number, left_out=left_out)

    def compare_targets(self) -> None:
        """Compare the labels of windows that have been scored since, and keep what was found."""
        done = {*self.store.keys(TargetComparison)}
        scored = {(s.window, s.version) for s in self.store.all(Score)}
        known = [s for s in self.store.all(Service) if (s.window, s.live) in scored]
        for service in [s for s in known[-CAUGHT_UP:] if s.window not in done]:
            self._compare_target(service)

    def _compare_target(self, service: Service) -> None:
        """Compare the labels of a window with those that its model learnt from, and with the stream's."""
        windows = [w for w in self._known() if w.index == service.index]
        if not windows:
            return
        past = self._past("target", _only(self._target_column()), self._labelled, 1)
        compared = {t.index: t for t in self.store.all(TargetComparison)}
        history = {w.index for w in self.archive.windows(history=True)}
        known = [w for w in self._known(windows[0]) if w.index in compared or w.index in history]
        rows = self._labelled(windows)
        trained = self._trained_target(service.live)
        changed = self._changes(self._known(windows[0]))
        odd = frozenset(index for index, one in compared.items() if one.unusual)
        before = past.before(known, changed.cuts)
        if before is None:
            return
        reading = replace(changed, aside=odd).reading()
        current = like(trained, rows, past.schema)
        kept.put(self.store, f"window/{service.window}/target", current, f"v{service.live}/target")
        question = Question(
            trained,
            current,
            replace(self.limits, alarm_rate=self.limits.alarm_rate * TARGET_SHARE),
            (Ordinary(before.profile, past.keep(before, rows, windows[0]), reading=reading),),
            known=frozenset((TARGET,)),
        )
        found = judge(question)
        record = TargetComparison(
            service.window, service.index, service.live, found.features[0], bool(found.unusual)
        )
        keep(self.store, service.window, record)

    def check(self, rows: Any, live: Version) -> Result:
        """Compare rows that are not kept; raises DataError when they have none of the features."""
        reference = self.reference(live)
        table = agreed.conform_where_possible(inputs.read(rows), self.schema)
        wanted = [c.name for c in agreed.features(self.schema)]
        if not set(wanted) & set(table.column_names):
            problem = f"{inputs.label_of(rows)} has none of the model's features"
            raise DataError(problem, f"It should have {', '.join(wanted[:5])} …")
        table = self._placed(table)
        current = profile(table, like=reference)
        own = {self.schema.target, self.schema.prediction, *(c.name for c in self.schema.columns)}
        current = replace(
            current,
            new=tuple(n for n in current.new if n not in own and not n.startswith(agreed.PREFIX)),
            columns=tuple(n for n in current.columns if not n.startswith(agreed.PREFIX)),
        )
        reference = reference.awakened(current)
        known = self._known()
        history = self._changes(known)
        before = self._features().before(known, history.cuts)
        ordinary = (
            (Ordinary(before.profile, profile(table, like=before.profile), reading=history.reading()),)
            if before is not None
            else ()
        )
        question = Question(
            reference,
            current,
            self.limits,
            ordinary,
            relevance=_relevance(self.models.importance_of(live), reference),
        )
        return Result(judge(question), reference, current)

    def result(self, record: Comparison) -> Result:
        """A comparison on record, with the profiles that it was made from as far as they are kept."""
        keys = [f"v{record.reference}", *([f"window/{record.window.key}"] if record.window else [])]
        found = [kept.get(self.store, key) or TableProfile() for key in keys]
        return Result(record, found[0], found[-1])

    def explain(self, window: str, live: Version) -> Explanation:
        """What tells a window's rows from those of the version that it was compared with."""
        from undrift.explaining.classifier import explain

        line = overview(self.store).line(window)
        number = live.number if line.comparison.reference is None else line.comparison.reference
        rows = self.archive.rows(line.window.index, line.window.index)
        watched = tuple(c for c in self.schema.columns if c.name not in self.limits.ignore)
        found = explain(rows, self.models.trained_rows(number), replace(self.schema, columns=watched))
        return replace(found, window=line.window.key, reference=number)

    def forget(self) -> None:
        """Read references anew: another model is live."""
        self._references.clear()
        self._pasts = {name: past for name, past in self._pasts.items() if not name.startswith("output")}

    def _known(self, before: Window | None = None) -> list[Window]:
        """The history's windows and those compared since, oldest first, up to one of them."""
        compared = {*self.store.keys(Comparison)}
        found = [
            *self.archive.windows(history=True),
            *(w for w in self.archive.windows() if w.key in compared),
        ]
        return [w for w in found if before is None or w.index < before.index]

    def _changes(self, known: Sequence[Window]) -> Changes:
        """What the stream has been through, up to the last of some windows."""
        unusual = self._unusual()
        at = {window.key: window.index for window in known}
        versions = {v.number: v for v in stores.versions(self.store)}
        learnt = [
            (snapshot.selection, at[p.window])
            for p in (entry.promotion for entry in self.store.ledger())
            if p.action == "promote" and p.window in at
            for snapshot in (versions[p.version].snapshot,)
            if snapshot is not None
        ]
        return changes([w.index for w in known], unusual & set(at.values()), learnt)

    def _unusual(self) -> set[int]:
        """The indices of windows that were out of the ordinary, from short records as far as these say it."""
        steps = [step for step in self.store.all(Step) if step.unusual is not None]
        by_key = {step.window.key: (step.window.index, step.unusual) for step in steps}
        rest = [self.store.get(Comparison, key) for key in self.store.keys(Comparison) if key not in by_key]
        found = {index for index, unusual in by_key.values() if unusual}
        return found | {c.window.index for c in rest if c is not None and c.window is not None and c.unusual}

    def _features(self) -> Past:
        history = len(self.archive.windows(history=True))
        return self._past("features", self.schema, self._rows, max(1, history))

    def _past(self, name: str, schema: Schema, rows: Rows, least: int) -> Past:
        if name not in self._pasts:
            self._pasts[name] = Past(self.store, name, schema, rows, self.archive.cut.length, least)
        return self._pasts[name]

    def _rows(self, windows: Sequence[Window]) -> pa.Table:
        """All rows of some windows."""
        wanted = {w.index for w in windows}
        found = self.archive.rows(min(wanted), max(wanted))
        return found.filter(pc.is_in(found[WINDOW], pa.array(sorted(wanted), pa.int64())))

    def _output(
        self,
        rows: pa.Table,
        window: Window,
        live: Version,
        known: Sequence[Window],
        aside: frozenset[int],
    ) -> tuple[Remembered, TableProfile] | str:
        """What the live model said about windows before this one, and says about it; or why not.

        How far windows of its output differ is learnt from those it was trained on as well, their level only
        from those it was not.
        """
        begun = self._begun(live)
        own = [w for w in known if w.index >= begun]
        through = None if live.number == FOREIGN else live.judged_through
        unseen = [w for w in own if through is None or w.index > through]
        if len(unseen) < ENOUGH:
            return f"{count(len(unseen), 'window')} unseen in training so far, {ENOUGH} are needed"
        name = f"output/v{live.number}"
        if name not in self._pasts:
            outputs = Schema(columns=self.models.task.outputs())
            least = len(own) - len(unseen) + ENOUGH
            length = self.archive.cut.length
            said = partial(self._said, live=live)
            self._pasts[name] = Past(self.store, name, outputs, said, length, least, through)
        try:
            before = self._pasts[name].before(own, aside=aside)
            if before is None:
                return "nothing is known of it yet"
            return before, self._pasts[name].keep(before, self._logged(window, live, rows), window)
        except (ModelError, DataError) as error:
            return str(error)

    def _begun(self, version: Version) -> int:
        """The first window that a version, or every member of it, was trained on; else the first there is."""
        numbers = [m.version for m in version.members] or [version.number]
        grounded = [self.models.grounded(self.models.version(number)) for number in numbers]
        firsts = [one.snapshot.selection.first for one in grounded if one.snapshot]
        return max(firsts, default=-(2**62))

    def _said(self, windows: Sequence[Window], live: Version, rows: pa.Table | None = None) -> pa.Table:
        """Rows of some windows with what a model says about them; a foreign one has said so with them.

        What it was refitted on, its twin is asked about.
        """
        rows = self._rows(windows) if rows is None else rows
        if live.number == FOREIGN:
            values = self.models.logged(FOREIGN, rows[ID], windows)
            return self._with_output(rows, values)
        if not live.members:
            return self._with_output(rows, self.models.ask_unseen(live, rows))
        return self._said_together(windows, live, rows)

    def _said_together(self, windows: Sequence[Window], live: Version, rows: pa.Table) -> pa.Table:
        """What a mixture said about the windows that it served, and would have said about those before."""
        served = {s.index for s in self.store.all(Service) if s.live == live.number}
        served -= {s.index for s in self.store.all(Service) if str(live.number) in s.failed}
        mine = np.isin(np.asarray(rows[WINDOW]), list(served))
        values = self.archive.unsaid(len(mine))
        if mine.any():
            logged = [w for w in windows if w.index in served]
            values[mine] = self.models.logged(live.number, rows[ID].filter(pa.array(mine)), logged)
        if not mine.all():
            values[~mine] = self.models.ask_unseen(live, rows.filter(pa.array(~mine)))
        return self._with_output(rows, values)

    def _logged(self, window: Window, live: Version, rows: pa.Table) -> pa.Table:
        """Rows of a window with what the live model said about them; raises ModelError where it could not."""
        service = self.store.get(Service, window.key)
        if service is None or service.live != live.number:
            return self._said([window], live, rows)
        if str(live.number) in service.failed:
            raise ModelError(service.failed[str(live.number)])
        values = self.models.logged(live.number, rows[ID], [window])
        return self._with_output(rows, values)

    def _with_output(self, rows: pa.Table, values: NDArray[np.float64]) -> pa.Table:
        """Rows with predictions of them as the columns that these are compared as."""
        for name, column in self.models.task.compared(values, self.schema.classes).items():
            rows = rows.append_column(name, column)
        return rows

    def _labelled(self, windows: Sequence[Window]) -> pa.Table:
        """Rows that have a label, with it as a column."""
        return self._with_target(self.archive.labelled_in(windows))

    def _with_target(self, data: Labelled) -> pa.Table:
        values = tasks.named(self.schema.task).written(data.labels, self.schema.classes)
        return data.rows.append_column(TARGET, values)

    def _target_column(self) -> Column:
        task = tasks.named(self.schema.task)
        return Column(TARGET, task.type, task.kind)

    def _trained_target(self, number: int) -> TableProfile:
        """The labels that a version was trained on; for one from elsewhere, those of the history."""
        key = f"v{number}/target"
        found = kept.get(self.store, key)
        if found is not None:
            return found
        found = of_schema(self._with_target(self.models.trained_on(number)), _only(self._target_column()))
        kept.put(self.store, key, found)
        return found

    def _placed(self, table: pa.Table) -> pa.Table:
        """A table with the lake's columns of place, as the window that comes next."""
        last = max((w.index for w in self._known()), default=-1) + 1
        length = self.archive.cut.length
        moment = MONDAY + last * length if length else MONDAY
        own = {
            TIME: pa.array([moment] * table.num_rows, MOMENT),
            WINDOW: pa.array(np.full(table.num_rows, last)),
            ORDER: pa.array(np.arange(table.num_rows)),
        }
        for name, values in own.items():
            table = table.append_column(name, values)
        return table


def _only(column: Column) -> Schema:
    """A schema of one column."""
    return Schema(columns=(column,))


def _with(table: TableProfile, other: TableProfile) -> TableProfile:
    """A profile with the features of another one."""
    return replace(table, features=table.features | other.features)


def _relevance(weights: Mapping[str, float], reference: TableProfile) -> Relevance | None:
    """The importance of every feature and of the output; None where nothing is known of any.

    A feature that was constant in training could not be important then: nobody knows what it is now.
    """
    if not any(weights.values()):
        return None
    found: dict[str, float | None] = {**weights, OUTPUT: 1.0, CONFIDENCE: 1.0}
    dull = (name for name, f in reference.features.items() if constant(f) is not None or f.missing == f.rows)
    return found | dict.fromkeys((name for name in dull if not found.get(name)), None)
