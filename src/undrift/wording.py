"""Sentences, made from stored records and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from undrift.records import (
    Batch,
    Comparison,
    Condition,
    Decision,
    Explanation,
    FeatureComparison,
    Finding,
    Ground,
    Outcome,
    Promotion,
    Refusal,
    Region,
    Rule,
    Score,
    Together,
    Trial,
    Verdict,
    Window,
)

ICONS: dict[Verdict, str] = {"drift": "■", "watch": "▲", "stable": "·", "insufficient": "?"}

UNITS = (("week", 604_800_000_000), ("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000))
"""Lengths of time in microseconds, longest first."""

LARGE = 1e15
"""From here on a number is written with an exponent."""


def number(value: float | None) -> str:
    """A number as people write it: three digits that matter, no exponent for ordinary sizes.

    >>> number(61.234), number(0.01234), number(12345.6)
    ('61.2', '0.0123', '12,346')
    """
    if value is None or value != value:
        return "–"
    if abs(value) >= LARGE:
        return f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share as people write it: whole percent, finer where that would say nothing.

    >>> percent(0.414), percent(0.0012), percent(0.0), percent(0.9996)
    ('41 %', '0.12 %', '0 %', '99.96 %')
    """
    edge = min(share, 1 - share)
    digits = 0 if edge >= 0.01 or edge <= 0 else 2 if edge >= 0.0001 else 4
    return f"{share * 100:.{digits}f} %"


def signed(value: float) -> str:
    """A difference with its sign.

    >>> signed(-17.0), signed(0.5)
    ('−17.0', '+0.5')
    """
    return ("+" if value >= 0 else "−") + number(abs(value))


def clean(text: str) -> str:
    """The text without line breaks and characters that cannot be seen, which could turn a line round."""
    return "".join(c if c.isprintable() else "�" for c in text)


def cut(text: str, most: int = 40) -> str:
    """The text, or as much of its beginning as there is room for.

    >>> cut("Llanfairpwllgwyngyll", 8)
    'Llanfai…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def drifted(record: Comparison) -> tuple[str, ...]:
    """Names of the features that drifted, worst first, then those lost or retyped."""
    over = tuple(f.name for f in record.features if f.verdict == "drift")
    return (*over, *record.lost, *record.retyped)


def gone(record: Comparison) -> dict[str, str]:
    """What became of the columns that could not be compared, by name."""
    lost = dict.fromkeys(record.lost, "the column is gone")
    return lost | dict.fromkeys(record.retyped, "the column has another type")


def comparison(record: Comparison) -> str:
    """The verdict on a window in one sentence."""
    total = len(record.features) + len(record.lost) + len(record.retyped)
    over = drifted(record)
    if record.verdict == "insufficient":
        return f"Insufficient: {_few(record)} too few to judge any feature."
    if over:
        return f"Drift: {len(over)} of {count(total, 'feature')} drifted. Worst: {worst(record)}."
    none = f"none of {count(total, 'feature')} drifted"
    joint = [one for one in record.together if one.verdict == "drift"]
    if joint:
        return f"Drift: {none} alone, but together: {joint[0].effect}."
    apart = {label: s for label, s in record.segments.items() if s.verdict == "drift"}
    if apart:
        return f"Drift: {none} in all rows together, but {_apart(record, apart)}."
    watched = sum(f.verdict == "watch" for f in record.features)
    parts = sum(s.verdict == "watch" for s in record.segments.values())
    few = sum(f.verdict == "insufficient" for f in record.features)
    moved_together = [one.effect for one in record.together if one.verdict == "watch"]
    tails = (
        (watched, f", {watched} to watch"),
        (parts, f", {count(parts, 'segment')} to watch"),
        (len(moved_together), f", together to watch: {''.join(moved_together[:1])}"),
        (few, f", {few} with too few rows to judge"),
    )
    return f"{record.verdict.capitalize()}: {none}{''.join(tail for n, tail in tails if n)}."


def _few(record: Comparison) -> str:
    """The side that has fewer rows, or both where they have as many."""
    before, now = record.rows_reference, record.rows_current
    if before < now:
        return f"{count(before, 'row')} of the reference {'is' if before == 1 else 'are'}"
    return f"{count(now, 'row')} {'is' if now == 1 else 'are'}"


def _apart(record: Comparison, over: Mapping[str, Comparison]) -> str:
    """How many segments are over the limit, and the worst of them."""

    def size(label: str) -> float:
        return max((times_limit(deciding(f.findings)) for f in over[label].features), default=0.0)

    label = max(over, key=size)
    some = f"in {len(over)} of {count(len(record.segments), 'segment')} by {record.by}"
    return f"{some}. Worst: {label}: {worst(over[label])}"


def in_no_segment(record: Comparison) -> tuple[int, int]:
    """Rows of the reference and of the current table that lie in none of the segments."""
    parts = record.segments.values()
    return (
        record.rows_reference - sum(s.rows_reference for s in parts),
        record.rows_current - sum(s.rows_current for s in parts),
    )


def worst(record: Comparison) -> str:
    """The worst feature with what happened to it."""
    if record.lost:
        return f"{cut(record.lost[0])} is gone"
    if record.retyped:
        return f"{cut(record.retyped[0])} has another type"
    feature = record.features[0]
    return f"{cut(feature.name)}, {feature.effect} ({finding(deciding(feature.findings))})"


def ground(record: Ground | None) -> str:
    """Where numbers lie that the reference hardly has, and how few it has there; empty where they do not.

    New labels and missing values are named by the effect itself.

    >>> ground(Ground("values", 0.83, 0.7, 0.1, 0.01, True, 13.6, 33.4))
    '83 % of the rows below 13.6 or above 33.4, where 1 % of the reference lies'
    """
    if record is None or not record.new or record.part == "missing":
        return ""
    sides = (("below", record.below), ("above", record.above))
    ends = " or ".join(f"{side} {number(end)}" for side, end in sides if end is not None)
    few = percent(record.trained)
    return f"{percent(record.share)} of the rows {ends}, where {few} of the reference lies" if ends else ""


def deciding(findings: Sequence[Finding]) -> Finding:
    """The finding that lies furthest over its limit; the first one where none is near it."""
    over = [f for f in findings if f.verdict == "drift"] or [f for f in findings if f.verdict == "watch"]
    return max(over or findings[:1], key=lambda f: f.value / f.threshold if f.threshold else 0)


def times_limit(record: Finding) -> float:
    """A value in multiples of its limit."""
    if record.threshold:
        return record.value / record.threshold
    return math.inf if record.value else 0.0


def finding(record: Finding) -> str:
    """A value beside its limit: "psi 1.43, limit 0.1"."""
    return f"{record.metric} {number(record.value)}, limit {number(record.threshold)}"


def in_its_place(record: Comparison, metric: str) -> str:
    """Which metric judges the features that the chosen one is not defined for; empty where it judges all."""
    others = [f for f in record.features if f.findings[0].metric != metric]
    if not others:
        return ""
    kinds = " and ".join(sorted({f.kind for f in others}))
    first = others[0].findings[0]
    said = f"{first.metric}, limit {number(first.threshold)}, judges {count(len(others), f'{kinds} feature')}"
    return f"{metric} is not defined for all kinds: {said}"


def moved(record: FeatureComparison) -> str:
    """What moved most, where to, how likely that is by chance, and since when: "location ↑, p 0.0002"."""
    if record.p_value is None:
        return ""
    arrow = {"up": " ↑", "down": " ↓"}.get(record.direction, "")
    said = (
        f"{record.component}{arrow}, {chance(record.p_value)}"
        if record.significant
        else chance(record.p_value)
    )
    if record.relevance == 0:
        said += ", not used by the model"
    return f"{said}, since {record.since.removesuffix('T00:00:00+00:00')}" if record.since else said


def together(record: Together) -> str:
    """What was found over several features: verdict, effect, value beside its limit, chance."""
    value = (
        f"{record.name} {number(record.value)}, limit {number(record.threshold)}, {chance(record.p_value)}"
    )
    return clean(f"{ICONS[record.verdict]} {record.verdict}: {record.effect} ({value})")


def chance(p_value: float) -> str:
    """A p-value as people write it.

    >>> chance(0.0312), chance(0.0000004), chance(1.0)
    ('p 0.031', 'p < 0.0001', 'p 1')
    """
    return "p < 0.0001" if p_value < 0.0001 else f"p {p_value:.2g}"


def promise(record: Comparison) -> str:
    """How often quiet windows alarm, and what that takes for granted."""
    if record.alarm_rate is None:
        return f"calibration {record.calibration}: {record.assumes}"
    often = f"at most {number(100 * record.alarm_rate)} in 100 quiet windows alarm"
    return clean(f"calibration {record.calibration}: {often}, if {record.assumes}")


def step(width: int, *, calendar: bool) -> str:
    """A length of time in microseconds in its largest whole unit; a plain number elsewhere.

    >>> step(86_400_000_000, calendar=True), step(500, calendar=False)
    ('1 day', '500')
    """
    if not calendar:
        return f"{width:,}"
    units = (
        ("week", 604_800_000_000),
        ("day", 86_400_000_000),
        ("hour", 3_600_000_000),
        ("minute", 60_000_000),
    )
    name, size = next(((n, s) for n, s in units if width % s == 0), ("microsecond", 1))
    return count(width // size, name)


def movers(record: Comparison, most: int = 2) -> str:
    """The features drifted, each with its effect, the first few named."""
    over = [f for f in record.features if f.verdict == "drift"]
    named = ", ".join(f"{f.name} {short(f.effect)}" for f in over[:most])
    more = f", {len(over) - most} more" if len(over) > most else ""
    return named + more


def watched(record: Comparison) -> str:
    """How many features are worth watching, the first one named; empty where none is."""
    over = [f for f in record.features if f.verdict == "watch"]
    return f"{len(over)} to watch: {over[0].name} {short(over[0].effect)}" if over else ""


def short(effect: str) -> str:
    """The first part of an effect; the shift in sd alone where there is one."""
    first = effect.split("; ", maxsplit=1)[0]
    _, bracket, shift = first.rpartition(" (")
    return shift[:-1] if bracket and shift.endswith(" sd)") else first


def score(record: Score) -> str:
    """A realised score: "MAE 61.2 on 168 rows"."""
    return f"{record.metric} {number(record.value)} on {count(record.rows, 'row')}"


def scored(live: Score | None, earlier: Sequence[Score], unscored: str, one_class: str) -> list[str]:
    """How the live model did on a window, what that score replaced, and what is odd about its labels."""
    out = []
    if live is not None:
        before = [number(s.value) for s in earlier if s.version == live.version]
        revised = f", revised {times(live.revision)}: {' → '.join([*before, number(live.value)])}"
        out.append(f"Scored: {model(live.version)} {score(live)}{revised if before else ''}.")
    if unscored:
        out.append(f"Not scored: {unscored}.")
    if one_class:
        out.append(f"All labels of a delivery for this window are {one_class!r}.")
    return out


def times(number_: int) -> str:
    """How often: "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(number_, f"{number_} times")


def labels(record: Batch, rescored: int) -> list[str]:
    """What a delivery of labels brought: "64 new, 32 the same.", and how many corrected what."""
    out = [f"{sum(record.labels.values()):,} new, {record.same:,} the same."]
    if record.corrected:
        anew = f", {count(rescored, 'window')} scored anew" if rescored else ""
        out.append(f"{differing(sum(record.corrected.values()))}{anew}.")
    return out


def refusal(record: Refusal, at: datetime) -> str:
    """That a delivery was refused, when, and why.

    >>> refusal(Refusal("rows", "june.csv", "june.csv has no column 'age'"), datetime(2026, 6, 1, 4, 5))
    "june.csv (rows) was refused on 1 Jun 2026, 04:05 UTC: june.csv has no column 'age'"
    """
    return f"{record.source} ({record.what}) was refused on {at.day} {at:%b %Y, %H:%M} UTC: {record.problem}"


def differing(labels: int) -> str:
    """That labels contradict those on record, and what follows: "1 label differs from …"."""
    verb, kind = ("differs", "a correction") if labels == 1 else ("differ", "corrections")
    origin = "the one" if labels == 1 else "those"
    return f"{count(labels, 'label')} {verb} from {origin} on record: taken as {kind}"


def decision(record: Decision) -> str:
    """What was decided, and why."""
    return f"{'Retrain' if record.action == 'retrain' else 'Keep the model'}: {record.why}."


def held(record: Promotion) -> str:
    """Why the loop does not retrain: the rollback that holds it.

    >>> held(Promotion("rollback", 3, 4, "0012", "bad feed.", hold=True))
    'held since the rollback of v4: bad feed'
    """
    return f"held since the rollback of {model(record.previous or 0)}: {record.reason.rstrip('. ')}"


def change(record: Promotion) -> str:
    """A change of champion that a person made, in words."""
    live, reason = model(record.version), record.reason.rstrip(". ")
    if record.action == "release":
        return f"released, {live} stays: {reason}"
    before = model(record.previous or 0)
    if record.action == "rollback":
        return f"rolled back from {before} to {live}{', held' if record.hold else ''}: {reason}"
    return f"{live} promoted by hand in place of {before}: {reason}"


def void(record: Outcome, since: Promotion) -> str:
    """Why the winner of a retraining is not promoted: whom it beat no longer reigns, or the loop is held."""
    won = f"v{record.promoted} was better than {model(record.champion)} but is not promoted"
    if since.version == record.champion:
        return f"{won}: the loop is {held(since)}"
    return f"{won}: {model(since.version)} is live by now ({change(since)})"


def outcome(record: Outcome) -> str:
    """What the gate found: who was better, by how much, on how many rows."""
    best = chosen(record)
    if record.promoted is not None:
        return (
            f"v{best.version} promoted: {record.loss} {number(record.champion_loss)} → {number(best.loss)}, "
            f"{bounds(best)} on the same {count(record.rows, 'row')}"
        )
    verdict = _constant(record, best) if best.ranks is False and best.upper < 0 else "not better"
    return f"v{best.version} rejected: {record.loss} {bounds(best)}, {verdict}; v{record.champion} stays"


def _constant(record: Outcome, trial: Trial) -> str:
    """Why a challenger that saves loss is no better all the same."""
    said = "but it ranks rows no better than a constant"
    own, live = (record.ranking.get(str(version)) for version in (trial.version, record.champion))
    if own is None or live is None:
        return said
    return f"{said} ({own.name} {number(own.value)}, v{record.champion} {number(live.value)})"


def chosen(record: Outcome) -> Trial:
    """The promoted challenger, or the one that came nearest."""
    return min(record.trials, key=lambda t: (t.version != record.promoted, t.difference))


def bounds(trial: Trial) -> str:
    """A difference with its bounds: "−17.0 [−22.0, −12.0]"."""
    return f"{signed(trial.difference)} [{signed(trial.lower)}, {signed(trial.upper)}]"


MOST = 0.6
"""What features must make up together to be said to do most of it."""


def explanation(record: Explanation) -> str:
    """Whether a classifier tells the window's rows from the training rows, and by what."""
    auc = f"AUC {record.auc:.2f} [{record.lower:.2f}, {record.upper:.2f}]"
    if record.lower <= 0.5:
        return f"A classifier cannot tell the window's rows from the training rows ({auc})."
    told = f"A classifier tells the window's rows from the training rows with {auc}"
    return f"{told}: {_doing_most(record.features)}."


def _doing_most(shares: Mapping[str, float]) -> str:
    """The fewest features that do most of it, at most three."""
    names: list[str] = []
    for name, _ in sorted(shares.items(), key=lambda item: -item[1])[:3]:
        names.append(name)
        if sum(shares[n] for n in names) >= MOST:
            return f"{listed(names)} {'does' if len(names) == 1 else 'do'} most of it"
    return f"many features do a little of it, {listed(names)} most" if names else "no feature does it alone"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["x", "y", "z"])
    'x, y and z'
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def region(record: Region) -> str:
    """Where the two sides differ most: "temperature > 24.5: 61 % of the window, 8 % of the training rows"."""
    conditions = " and ".join(condition(c) for c in record.conditions)
    shares = f"{percent(record.window)} of the window, {percent(record.reference)} of the training rows"
    return f"{conditions}: {shares}"


def condition(record: Condition) -> str:
    """A test of one feature, with a number as exact as it was tested.

    >>> condition(Condition("age", ">", 1234.5)), condition(Condition("age", "missing"))
    ('age > 1,234.5', 'age is missing')
    """
    if record.test == "missing":
        return f"{record.feature} is missing"
    if record.value is None:
        return f"{record.feature} {record.test} {record.label}"
    whole = float(record.value).is_integer() and abs(record.value) < LARGE
    value = f"{record.value:,.0f}" if whole else f"{record.value:,}"
    return f"{record.feature} {record.test} {value.replace('-', '−')}"


def span(window: Window) -> str:
    """From when to when a window goes, in UTC, and how many rows it has."""
    rows = count(window.rows, "row")
    return f"{stretch(window)}, {rows}" if window.start and window.end else rows


def stretch(window: Window) -> str:
    """From when to when a window goes, in UTC; empty where rows are counted instead."""
    if window.start is None or window.end is None:
        return ""
    return f"{window.start:%d %b %Y %H:%M} to {window.end:%d %b %Y %H:%M} UTC"


def model(version: int) -> str:
    """What to call a version; number 0 is a model that undrift does not hold.

    >>> model(3), model(0)
    ('v3', 'the foreign model')
    """
    return f"v{version}" if version else "the foreign model"


def trained(version: int | None) -> str:
    """Who was trained on the reference rows.

    >>> trained(3), trained(0)
    ('v3 was trained on', 'the model came with')
    """
    return f"{model(version)} was trained on" if version else "the model came with"


def count(number_: int, noun: str) -> str:
    """A count with its noun: "1 row", "2,000 rows"."""
    return f"{number_:,} {noun}{'' if number_ == 1 else 's'}"


STATES: dict[Verdict, str] = {
    "drift": "Drifting",
    "watch": "Worth watching",
    "stable": "Stable",
    "insufficient": "Too few rows to say",
}


UNRELIABLE = "Unreliable"
"""What is said of a model whose loss is over its limit, whatever the features do."""


def unreliable(record: Decision) -> Rule | None:
    """The rule that found the loss over its limit, whether or not that led to a retraining."""
    return next(
        (
            rule
            for rule in record.rules
            if rule.name == "performance"
            and rule.value is not None
            and rule.limit is not None
            and rule.value >= rule.limit
        ),
        None,
    )


def status(
    live: int,
    since: str,
    comparison: Comparison | None,
    promoted: Outcome | None,
    score: Score | None,
    held_by: Promotion | None = None,
    loss: Rule | None = None,
    failed: str = "",
) -> str:
    """The state of a workspace, from its newest records."""
    if comparison is None or comparison.window is None:
        return f"{model(live)} is live since {since}; no window is complete yet." + _held(held_by)
    over = drifted(comparison)
    total = len(comparison.features) + len(comparison.lost) + len(comparison.retyped)
    state = UNRELIABLE if loss else STATES[comparison.verdict]
    parts = [f"{state}: {model(live)} is live since {since}"]
    if over:
        verb = "drifts" if len(over) == 1 else "drift"
        parts.append(f"{len(over)} of {count(total, 'feature')} {verb} in window {comparison.window.key}")
    text = "; ".join(parts) + "."
    if promoted is not None:
        best = chosen(promoted)
        rows, before, after = count(promoted.rows, "row"), number(promoted.champion_loss), number(best.loss)
        text += f" On the same {rows}, {promoted.loss} was {before} with v{promoted.champion}"
        text += f" and {after} with v{live}."
    if score is not None:
        text += f" Last labelled window {score.window}: {score.metric} {number(score.value)}."
    if loss is not None:
        text += f" Its loss is over the limit: {loss.text}."
    if failed:
        text += f" It could not predict window {comparison.window.key}: {failed.rstrip('. ')}."
    return text + _held(held_by)


def _held(by: Promotion | None) -> str:
    """That the loop is held, and how that ends; empty where it is not."""
    if by is None:
        return ""
    return f" H{held(by)[1:]}. `undrift release` lets it retrain again."
