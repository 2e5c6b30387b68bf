"""What the loop and its people did, in words, made from stored records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from undrift.records import (
    Batch,
    Decision,
    Estimate,
    Guard,
    Member,
    Outcome,
    Promotion,
    Refusal,
    Rule,
    Score,
    Trial,
    Version,
)
from undrift.words.numbers import bounds, number, percent, signed
from undrift.words.phrases import count, listed, model, times

USUAL = {"auc": "AUC", "macro_f1": "macro F1", "rmse": "RMSE"}
"""What scores are called for people, where that is not their name."""


def trained_on(version: Version) -> str:
    """Which rows a version learnt from: "all 16,853 rows", "newest 8 windows, 1,344 rows"."""
    if version.members:
        return serving(version.members)
    if version.snapshot is None:
        return version.merge
    rows, chosen_ = version.snapshot.rows, version.snapshot.selection
    if version.merge == "everything":
        return f"all {count(rows, 'row')}"
    if version.merge == "recent":
        return f"newest {count(chosen_.last - chosen_.first + 1, 'window')}, {count(rows, 'row')}"
    return f"{version.merge}, {count(rows, 'row')}"


def serving(members: Sequence[Member]) -> str:
    """Who serves together, the heaviest first, and how many only wait.

    >>> serving([Member(2, 0.3), Member(4, 0.7), Member(5, 0.0)])
    'v4 70 %, v2 30 %; v5 waits'
    """
    heavy = sorted((m for m in members if m.weight > 0), key=lambda m: (-m.weight, m.version))
    idle = [f"v{m.version}" for m in members if not m.weight]
    said = ", ".join(f"v{m.version} {percent(m.weight)}" for m in heavy)
    return f"{said}; {listed(idle)} {'waits' if len(idle) == 1 else 'wait'}" if idle else said


def score(record: Score) -> str:
    """A realised score: "MAE 61.2 on 168 rows"."""
    return f"{record.metric} {number(record.value)} on {count(record.rows, 'row')}"


def estimate(record: Estimate) -> str:
    """What was expected of a window without labels, never to be taken for a score.

    >>> estimate(Estimate("0012", 12, 3, "dle", "MAE", 31.0, 27.0, 35.0, 500))
    'Estimated without labels: v3 MAE about 31.0, from 27.0 to 35.0 (dle; blind to concept drift).'
    """
    band = f"from {number(record.lower)} to {number(record.upper)}"
    said = f"{model(record.version)} {record.metric} about {number(record.value)}, {band}"
    return f"Estimated without labels: {said} ({record.method}; blind to concept drift)."


def usual(others: Mapping[str, float | None]) -> str:
    """The usual scores beside the deciding one, as far as they are defined.

    >>> usual({"accuracy": 0.91, "auc": 0.8, "macro_f1": None})
    'accuracy 0.91, AUC 0.8'
    """
    return ", ".join(f"{USUAL.get(n, n)} {number(v)}" for n, v in others.items() if v is not None)


def scored(
    live: Score | None, earlier: Sequence[Score], unscored: str, one_class: str, unseen: Mapping[str, int]
) -> list[str]:
    """How the live model did on a window, what that score replaced, and what is odd about its labels."""
    out = []
    if live is not None:
        before = [number(s.value) for s in earlier if s.version == live.version]
        revised = f", revised {times(live.revision)}: {' → '.join([*before, number(live.value)])}"
        also = f"; {usual(live.others)}" if usual(live.others) else ""
        out.append(f"Scored: {model(live.version)} {score(live)}{revised if before else ''}{also}.")
    if unscored:
        out.append(f"Not scored: {unscored}.")
    if one_class:
        out.append(f"All labels of a delivery for this window are {one_class!r}.")
    if unseen:
        out.append(of_no_class(unseen))
    return out


def of_no_class(unseen: Mapping[str, int]) -> str:
    """What happens to labels of classes that were not there when the workspace was made.

    >>> of_no_class({"gentoo": 14}).partition(":")[0]
    "14 labels are of no known class, 'gentoo'"
    """
    names = ", ".join(repr(name) for name in [*unseen][:3]) + (" …" if len(unseen) > 3 else "")
    return (
        f"{count(sum(unseen.values()), 'label')} are of no known class, {names}: they count as mistakes, and "
        "no model is trained on them. To learn them, make a new workspace whose history has them."
    )


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


CONDITIONS = {
    "performance": "loss rose",
    "drift": "features drift",
    "schedule": "a retraining is due",
    "cooldown": "cooldown is over",
    "labelled rows": "enough new labelled rows",
    "ready": "ready to retrain",
    "hold": "not held",
    "newest": "newest window",
}
"""What holds where the mark before a rule is a tick, by the rule's name."""


def rule(record: Rule) -> str:
    """A rule by the condition that it asks for, with a tick where that holds.

    >>> rule(Rule("performance", True, "MAE 57.7 over the last 2 scored windows"))
    '✓ loss rose: MAE 57.7 over the last 2 scored windows'
    """
    return f"{'✓' if record.holds else '✗'} {CONDITIONS.get(record.name, record.name)}: {record.text}"


def whose(of: int | None, live: int) -> str:
    """Who promised a loss: the live model, the one before it, or nobody but its own first windows.

    >>> whose(47, 51), whose(51, 51), whose(None, 51)
    ('that v47 promised', 'that it promised', 'in its first windows')
    """
    if of is None:
        return "in its first windows"
    return "that it promised" if of == live else f"that {model(of)} promised"


def held(record: Promotion) -> str:
    """Why the loop does not retrain: the rollback that holds it.

    >>> held(Promotion("rollback", 3, 4, "0012", "bad feed.", hold=True))
    'held since the rollback of v4: bad feed'
    """
    return f"held since the rollback of {model(record.previous or 0)}: {record.reason.rstrip('. ')}"


def change(record: Promotion) -> str:
    """A change of champion, in words."""
    live, reason = model(record.version), record.reason.rstrip(". ")
    if record.action == "start":
        return f"{live} made live: {reason}"
    if record.action == "release":
        return f"released, {live} stays: {reason}"
    before = model(record.previous or 0)
    if record.action == "rollback":
        return f"rolled back from {before} to {live}{', held' if record.hold else ''}: {reason}"
    if not record.manual:
        return f"{live} promoted by the gate in place of {before}"
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
    aside = _aside(best)
    if record.promoted is not None:
        sure = "" if best.better or record.require == "better" else ", not surely worse"
        return (
            f"v{best.version} promoted: {record.loss} {number(record.champion_loss)} → {number(best.loss)}, "
            f"{bounds(best)} on the same {count(record.rows, 'row')}{sure}{aside}"
        )
    found = f"{record.loss} {bounds(best)}, {_short(record, best)}{aside}"
    return f"v{best.version} rejected: {found}; v{record.champion} stays"


def beside(record: Outcome, version: int) -> str:
    """How a challenger did that was not the nearest; empty for the one that was."""
    trial = next(t for t in record.trials if t.version == version)
    if trial == chosen(record):
        return ""
    found = "better as well" if trial.better else _short(record, trial)
    return (
        f"v{version} was {found}: {bounds(trial)}; of the challengers v{chosen(record).version} came first."
    )


def guard(record: Guard) -> tuple[str, str, str, str]:
    """A guardrail as a row of a table: its name, what was found, the limit, and on how many rows."""
    mark = "✓" if record.holds else "✗"
    if record.name == "bytes":
        return f"{mark} size", f"{record.value:,.0f} bytes", f"{record.limit:,.0f}", ""
    found = f"{number(record.value)} [{number(record.lower or 0.0)}, {number(record.upper or 0.0)}]"
    if record.name == "calibration":
        return f"{mark} calibration", f"odds {found} of what happened", "surely near 1", f"{record.rows:,}"
    band = f"{signed(record.value)} [{signed(record.lower or 0.0)}, {signed(record.upper or 0.0)}]"
    return f"{mark} {record.name}", band, f"not surely above {number(record.limit)}", f"{record.rows:,}"


def _short(record: Outcome, trial: Trial) -> str:
    """What a challenger that is not the winner lacks."""
    if broken := [g.name for g in trial.guards if not g.holds]:
        return f"which breaks {count(len(broken), 'guardrail')}: {', '.join(broken[:3])}"
    if trial.ranks is False and not trial.admitted and not trial.worse and trial.upper < 0:
        return _constant(record, trial)
    if record.require == "better":
        return "not better"
    if trial.worse:
        return "surely worse"
    return "not surely worse" if trial.admitted else "with no challenger among those that fit best"


def _aside(trial: Trial) -> str:
    """What a bounded loss says where single rows carry the deciding one; empty where it was not asked."""
    if trial.beside is None:
        return ""
    return f" (single rows carry it; by {trial.beside.loss} {bounds(trial.beside)})"


def _constant(record: Outcome, trial: Trial) -> str:
    """Why a challenger that saves loss is no better all the same."""
    said = "but it ranks rows no better than a constant"
    own, live = (record.ranking.get(str(version)) for version in (trial.version, record.champion))
    if own is None or live is None:
        return said
    return f"{said} ({own.name} {number(own.value)}, v{record.champion} {number(live.value)})"


def chosen(record: Outcome) -> Trial:
    """What was promoted, or would have been: a mixture where there is one, else the nearest challenger."""
    rank = {record.promoted: 0}
    return min(record.trials, key=lambda t: (rank.get(t.version, 1), t.merge != "mixture", t.difference))
