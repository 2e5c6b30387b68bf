"""What the loop says and remembers: frozen values without behaviour, and their JSON form.

Nothing here holds a wall-clock time: the store stamps a record when it keeps it, so the same
rows and the same seed give the same records.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar

Kind = Literal["numeric", "categorical", "boolean"]
Verdict = Literal["drift", "watch", "stable", "insufficient"]
TaskName = str
"""The file name of a part of ``tasks``, or the name under which another package adds one."""
Role = Literal["feature", "left out"]
Promise = Literal["held out", "cross-fitted", "logged", "first windows", "in sample", ""]
State = Literal["as promised", "worse", "unknown"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the agreed table: its Arrow type, and what undrift does with it."""

    name: str
    type: str
    kind: Kind | None = None
    role: Role = "feature"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """What every batch must look like: agreed on once, when the workspace is made.

    ``weight`` is the column that says how much a row counts. ``time`` is the column of event times, written
    in ``time_format``, of which ``calendar`` says what a model sees; ``order`` is one of numbers that
    only put rows in order.
    """

    columns: tuple[Column, ...]
    target: str | None = None
    task: TaskName | None = None
    classes: tuple[str, ...] = ()
    time: str | None = None
    id: str | None = None
    prediction: str | None = None
    weight: str | None = None
    size: str = "batch"
    time_format: str = "iso"
    order: str | None = None
    calendar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A closed stretch of rows; ``start`` and ``end`` are None where rows are counted instead."""

    key: str
    index: int
    rows: int
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One delivery: how many rows came before it, and its rows and labels by window index.

    Of rows whose ids were on record, ``repeated`` in number, ``retimed`` came with another event time.
    ``labels`` are new, ``corrected`` ones differ from those on record, ``same`` is the number that do
    not. ``late`` rows came after their window was judged; ``completing`` ones are new, but fall into
    the window that the history ends in. ``ahead`` rows were ahead of the clock, up to ``furthest``.
    ``one_class`` is the class that all labels are of, where they are many, ``unseen`` counts the labels of
    classes that no model knows. ``kept_as`` is what the lake calls the delivery, if not by its id.
    """

    id: str
    rows: int
    before: int
    windows: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    latest: datetime | None = None
    history: bool = False
    extra: tuple[str, ...] = ()
    late: int = 0
    completing: int = 0
    repeated: int = 0
    unknown: int = 0
    corrected: dict[str, int] = field(default_factory=dict)
    same: int = 0
    retimed: int = 0
    ahead: int = 0
    furthest: datetime | None = None
    one_class: str = ""
    kept_as: str = ""
    unseen: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery of ``what`` that was refused: its source, what was wrong, and the remedy.

    ``before`` is how many deliveries were on record then.
    """

    what: Literal["rows", "labels"]
    source: str
    problem: str
    remedy: str = ""
    before: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One feature by one metric: its value, the limit, and what that means.

    ``p_value`` is that of what the metric watches; ``significant`` None where nobody asks.
    """

    metric: str
    value: float
    threshold: float
    noise: float
    verdict: Verdict
    p_value: float | None = None
    significant: bool | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """How many of a window's rows lie where the rows that the model was trained on were rarest.

    ``part`` says what was looked at: the values, or the missing ones. ``share`` is that of all rows,
    ``value`` the novelty (the share beyond what is due), ``lower`` its one-sided 95 % lower bound and
    ``threshold`` from where on it is ``new``. Numbers outside ``below`` and ``above`` had the share
    ``trained`` of the training rows; both are None for labels and missing values.
    """

    part: Literal["values", "missing"]
    share: float
    lower: float
    threshold: float
    trained: float
    new: bool
    below: float | None = None
    above: float | None = None
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """All findings of one feature; the worst of their verdicts is the feature's.

    ``beside`` holds values of metrics that were asked for but decide nothing. ``p_value`` is believed up
    to ``p_limit``; ``component`` and ``direction`` say what moved most and where to, ``since`` when it
    began, ``relevance`` what share of the model's skill rests on the feature, None where nobody knows.
    ``ground`` says how much of the window the model hardly knows; None where nobody asks.
    """

    name: str
    kind: Kind
    verdict: Verdict
    effect: str
    findings: tuple[Finding, ...]
    beside: dict[str, float] = field(default_factory=dict)
    p_value: float | None = None
    p_limit: float | None = None
    significant: bool | None = None
    component: str = ""
    direction: str = ""
    since: str | None = None
    relevance: float | None = None
    ground: Ground | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """What moved over several features at a time: by which part, how far, whether it is believed."""

    name: str
    verdict: Verdict
    effect: str
    value: float
    threshold: float
    p_value: float
    p_limit: float
    significant: bool
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something about a column that looks broken rather than drifted, in words."""

    column: str
    check: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every feature of one window against the reference, worst first.

    ``alarm_rate`` is how often a quiet window alarms at most, if what ``calibration`` ``assumes`` holds;
    None where that is not asked. ``together`` is what moved over several features. ``segments`` holds the
    same by the values of the column ``by``, where that was asked for. ``unusual`` says whether anything was
    large and out of the ordinary; None in records of undrift 0.1.0.
    """

    verdict: Verdict
    rows_reference: int
    rows_current: int
    features: tuple[FeatureComparison, ...]
    calibration: str
    lost: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    window: Window | None = None
    reference: int | None = None
    reordered: bool = False
    faults: tuple[Fault, ...] = ()
    by: str | None = None
    segments: dict[str, Comparison] = field(default_factory=dict)
    assumes: str = ""
    alarm_rate: float | None = None
    together: tuple[Together, ...] = ()
    unusual: bool | None = None


@dataclass(frozen=True, slots=True)
class TargetComparison:
    """The labels of one window, once they are known, beside those that version ``reference`` learnt from."""

    window: str
    index: int
    reference: int
    feature: FeatureComparison
    unusual: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one feature, against a number or a label; "missing" needs neither."""

    feature: str
    test: Literal["≤", ">", "=", "≠", "missing"]
    value: float | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """The rows that meet every condition: their share of a window and of the reference."""

    conditions: tuple[Condition, ...]
    window: float
    reference: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What tells a window's rows from those that version ``reference`` was trained on, by a classifier.

    ``features`` are those that tell most, with their shares of it; none where the interval of the AUC
    reaches down to one half, which is what guessing gives.
    """

    window: str
    reference: int | None
    rows_window: int
    rows_reference: int
    auc: float
    lower: float
    upper: float
    features: dict[str, float] = field(default_factory=dict)
    where: Region | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """Which versions predicted a window: the live one, and others in its shadow. 0 is a foreign model.

    ``failed`` says of a version that could not predict, why. ``members`` are those of the versions that are
    mixtures, by number, with what they weighed.
    """

    window: str
    index: int
    live: int
    shadow: tuple[int, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    members: dict[str, tuple[Member, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """The realised performance of one model version on one window whose labels have matured.

    A ``revision`` above 0 took the place of an earlier score, when labels were corrected or rows came
    late. ``seen`` is how many deliveries were on record when it was computed.
    """

    window: str
    index: int
    version: int
    metric: str
    value: float
    rows: int
    coverage: float
    others: dict[str, float | None] = field(default_factory=dict)
    revision: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a version's loss on a window without labels probably is, by a ``method``; it decides nothing.

    The realised loss lies between ``lower`` and ``upper`` nine times in ten, unless what rows mean changed.
    ``known`` is the number of labelled rows that it was learnt from.
    """

    window: str
    index: int
    version: int
    method: str
    metric: str
    value: float
    lower: float
    upper: float
    rows: int
    known: int = 0


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why a version has no score on a window with enough labels: ``rows`` of ``total`` have both."""

    window: str
    index: int
    version: int
    rows: int
    total: int
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of a policy, with its numbers: it holds or it does not.

    ``over`` is how many scored windows the value is taken over, where it is of scores.
    """

    name: str
    holds: bool
    text: str
    value: float | None = None
    limit: float | None = None
    over: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a version does beside what it is held to: worse from a ``rise`` of its loss by ``limit`` on.

    ``value`` is its mean loss over the ``windows``, ``promise`` the loss that version ``of`` showed when it
    was promoted (None: its own first windows). The state is unknown as long as either is missing.
    """

    state: State
    version: int
    limit: float
    metric: str | None = None
    windows: tuple[str, ...] = ()
    value: float | None = None
    promise: float | None = None
    of: int | None = None
    rise: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to retrain after a window, and every rule that led there.

    ``on`` is empty where the window's completion called for it, else it names the scores that came after
    it. ``seen`` counts the scores that were known, ``scored`` names the windows of those that were new.
    ``diagnosis`` says what kinds of change the records show.
    """

    window: str
    index: int
    action: Literal["retrain", "keep"]
    why: str
    rules: tuple[Rule, ...] = ()
    on: str = ""
    seen: int | None = None
    scored: tuple[str, ...] = ()
    diagnosis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weight:
    """What every row of a window weighs in training."""

    window: int
    weight: float


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows a model is trained on: the labelled rows of the windows first..last.

    ``weights`` are those of single windows, by index; rows of the others weigh 1. Rows that weigh 0 are left
    out.
    """

    first: int
    last: int
    weights: tuple[Weight, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The exact rows behind a model: selection, table versions, count, hash, deliveries then on record."""

    selection: Selection
    tables: dict[str, int]
    rows: int
    sha256: str
    batches: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well a model orders rows: ``name`` (AUC, rank correlation), its value, one-sided 95 % lower bound.

    ``ranks`` says whether that is surely better than a constant, which has an AUC of 0.5 and no correlation.
    """

    name: str
    value: float
    lower: float
    ranks: bool


@dataclass(frozen=True, slots=True)
class MeanCalibration:
    """The mean probability that a model ``said`` beside the share of positives that ``happened``.

    ``ratio`` is that of their odds, with the bounds of its 95 % interval; ``off`` says that it is surely
    far from 1.
    """

    said: float
    happened: float
    ratio: float
    lower: float
    upper: float
    off: bool
    of: Literal["positive", "right"] = "positive"


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model: where its artifact lies, and the rows behind it, ``through`` the newest window."""

    artifact: str
    format: str
    bytes: int
    through: int
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Refitted:
    """What serves as a version: its recipe fitted anew on all labelled rows, held-out ones included."""

    version: int
    fit: Fit


@dataclass(frozen=True, slots=True)
class Member:
    """A version that serves with others, and what it weighs among them: from 0 to 1, 1 together."""

    version: int
    weight: float


@dataclass(frozen=True, slots=True)
class Weights:
    """What the members of a version weigh since a window was labelled, and their losses on ``windows``."""

    version: int
    window: str
    index: int
    members: tuple[Member, ...]
    losses: dict[str, float]
    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A model that was kept: where its artifact lies and what made it.

    ``through`` is the newest window it may have been trained on; number 0 is a foreign model whose
    predictions come with the rows. ``importance`` is the permutation importance of every feature, as
    shares of 1; empty where the model could not be asked. ``on`` is that of the decision to retrain.

    ``promise`` says on which rows the reference score was got, "" in records of undrift 0.1.0. There,
    ``mean_calibration`` says whether probabilities were right on average, and ``heaviest`` which share of the
    squared deviations of the loss a single row makes up; None where nobody knows.

    Of a version that was refitted, ``artifact``, ``through`` and ``snapshot`` are those of the model that
    serves; ``twin`` is the one that was judged, to which the reference score belongs. A version that is a
    mixture has ``members``, with the weights that they began with, and no artifact of its own. One that maps
    the output of another has that one's number as its ``base``.
    """

    number: int
    window: str
    merge: str
    trainer: str
    artifact: str
    format: str
    bytes: int
    through: int
    snapshot: Snapshot | None = None
    metric: str | None = None
    reference_score: float | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    importance: dict[str, float] = field(default_factory=dict)
    on: str = ""
    promise: Promise = ""
    mean_calibration: MeanCalibration | None = None
    heaviest: float | None = None
    members: tuple[Member, ...] = ()
    twin: Fit | None = None
    base: int | None = None

    @property
    def judged_through(self) -> int:
        """The newest window that the judged model may have been trained on."""
        return self.twin.through if self.twin else self.through


@dataclass(frozen=True, slots=True)
class Beside:
    """The same comparison by a bounded loss, where single rows carry the mean of the deciding one."""

    loss: str
    difference: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Guard:
    """A guardrail of the gate: what was found of a segment, of calibration, or of size, and the limit.

    Of a segment ``value`` is the mean loss difference with its bounds, of calibration the ratio of odds.
    """

    name: str
    holds: bool
    value: float
    limit: float
    lower: float | None = None
    upper: float | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One challenger against the champion on the held-out rows: mean loss difference and bounds.

    ``better`` needs a saving that is sure, ``worse`` a cost that is sure; either also asks that the
    challenger ``ranks`` better than a constant where the champion does; None where nobody can say.
    ``passes`` says whether it met what the gate requires, None in older records, where that was to be
    better. ``heaviest`` is the share of the squared deviations of the differences that a single row makes
    up. One that breaks any of the ``guards`` does not pass.
    """

    version: int
    merge: str
    loss: float
    difference: float
    lower: float
    upper: float
    better: bool
    ranks: bool | None = None
    heaviest: float | None = None
    worse: bool = False
    passes: bool | None = None
    beside: Beside | None = None
    guards: tuple[Guard, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether it may go live."""
        return self.better if self.passes is None else self.passes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate found: every challenger judged on identical rows, and who goes live.

    ``failed`` says of each merge strategy by which no challenger could be trained, why. ``on`` is that of
    the decision to retrain, ``alpha`` what this retraining might spend on an error, ``require`` what the gate
    asked for. By version: how it ranks rows, whether its probabilities are right on average, and the windows
    that it was refitted on, in which its twin ``stood_in`` for it.
    """

    window: str
    index: int
    champion: int
    champion_loss: float
    loss: str
    trials: tuple[Trial, ...]
    promoted: int | None
    held_out: tuple[str, ...]
    rows: int
    blocks: int
    confidence: float
    why: str
    others: dict[str, dict[str, float | None]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    on: str = ""
    alpha: float | None = None
    ranking: dict[str, Ranking] = field(default_factory=dict)
    mean_calibration: dict[str, MeanCalibration] = field(default_factory=dict)
    require: str = "better"
    stood_in: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change of champion, as the ledger keeps it; ``previous`` is who was live until then.

    A rollback with ``hold`` keeps the loop from retraining until a "release", which changes no champion,
    or a promotion that is ``manual``: made by a person, past the gate.
    """

    action: Literal["start", "promote", "rollback", "release"]
    version: int
    previous: int | None
    window: str
    reason: str
    hold: bool = False
    manual: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A window that is settled: what the loop did after it, and which version is live since.

    ``on`` is that of the decision: with one, the window was settled before and scores came after it.
    ``unusual`` says whether its rows were out of the ordinary; None in records of undrift 0.1.0.
    """

    window: Window
    verdict: Verdict
    action: Literal["keep", "promote", "reject"]
    why: str
    live: int
    on: str = ""
    unusual: bool | None = None


@dataclass(frozen=True, slots=True)
class Importance:
    """What a challenger that went live uses: its features' shares of permutation importance."""

    version: int
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a model that could be made once: the hash that its trainer gives."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What the settings cannot do with data like these: sentences, and the settings that they are about."""

    sentences: tuple[str, ...]
    settings: str


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a policy may look at when it decides about ``window``; oldest first.

    ``labelled_rows`` are new to the live model. ``scores`` are its own since it became live, ``shadow``
    those of others on the same windows: the first model's, and those of whom it took over from. ``fresh``
    names the windows whose scores are new since the last decision; None where all are.
    """

    window: Window
    comparisons: tuple[Comparison, ...]
    scores: tuple[Score, ...]
    decisions: tuple[Decision, ...]
    champion: Version | None
    labelled_rows: int
    shadow: tuple[Score, ...] = ()
    predecessor: Version | None = None
    fresh: tuple[str, ...] | None = None


def encode(record: Any) -> dict[str, Any]:
    """A record as plain JSON values; times in ISO 8601, NaN and infinities as null.

    >>> encode(Weight(window=3, weight=0.5))
    {'window': 3, 'weight': 0.5}
    """
    return {f.name: _plain(getattr(record, f.name)) for f in dataclasses.fields(record)}


def decode(kind: type[T], values: dict[str, Any]) -> T:
    """The record that ``encode`` made these values from; absent fields take their defaults.

    Raises ValueError or TypeError for values that ``encode`` cannot have made.

    >>> decode(Weight, {"window": 3, "weight": 0.5})
    Weight(window=3, weight=0.5)
    """
    found: T = _reader(kind)(values)  # type: ignore[arg-type]  # a class is hashable
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return encode(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


_JSON: dict[Any, Any] = {
    list: list,
    dict: dict,
    str: str,
    int: int,
    float: (float, int),
    bool: bool,
    datetime: str,
}
"""What JSON holds a value of each type as."""


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What turns a JSON value into one of a type; raises ValueError or TypeError for another type's."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        read = _reader(next(a for a in arguments if a is not type(None)))
        return lambda value: None if value is None else read(value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record_reader(hint)
    wanted = list if origin is tuple else origin or hint
    if wanted not in _JSON:
        return lambda value: value
    allowed = _JSON[wanted]
    make = _maker(hint, origin, arguments)

    def read_plain(value: Any) -> Any:
        if not isinstance(value, allowed):
            if hint is float and value is None:
                return math.nan
            raise TypeError(f"{value!r:.40} is no {wanted.__name__}")
        return make(value) if make else value

    return read_plain


def _maker(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> Callable[[Any], Any] | None:
    """What makes a value from the plain one that JSON holds; None where they are the same."""
    if origin is tuple:
        item = _reader(arguments[0])
        return lambda value: tuple([item(v) for v in value])
    if origin is dict:
        entry = _reader(arguments[1])
        return lambda value: {k: entry(v) for k, v in value.items()}
    return datetime.fromisoformat if hint is datetime else None


def _record_reader(kind: type[Any]) -> Callable[[Any], Any]:
    """What makes records of a class; the readers of its fields are made when they are first needed."""
    hints = typing.get_type_hints(kind)
    readers: dict[str, Callable[[Any], Any]] = {}

    def read_record(values: Any) -> Any:
        if not isinstance(values, dict):
            raise TypeError(f"a table of fields is needed, not {values!r:.40}")
        fields = {}
        for name, value in values.items():
            if name in hints:
                read = readers.get(name) or readers.setdefault(name, _reader(hints[name]))
                fields[name] = read(value)
        return kind(**fields)

    return read_record
