"""What to bear in mind about a model or a retraining: sentences without a full stop, made from records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from undrift.records import MeanCalibration, Outcome, Ranking
from undrift.words.numbers import number, percent, relative
from undrift.words.phrases import count

HALF = 0.5
"""A row that makes up more than this part of all squared deviations decides by itself."""

HOPELESS = 3
"""Retrainings without any gain after which another one is not expected to bring any."""

PROPER = ("log loss", "Brier score")
"""Losses that a model on the wrong scale pays for, by what their means are called."""

BOUNDED = {"log loss": ': set score.loss = "brier"', "MSE": ': set score.loss = "absolute"'}
"""What to do about such a row, by what the mean loss is called."""


def of_model(calibration: MeanCalibration | None, heaviest: float | None, loss: str | None) -> Iterator[str]:
    """What to know about a model that was judged: probabilities on the wrong scale, a row that decides."""
    if calibration is not None and calibration.off:
        wrong = "high" if calibration.ratio > 1 else "low"
        sure = "the class that it predicts has a probability too" if calibration.of == "right" else ""
        counts = f"{loss} counts that as error" if loss in PROPER else "where probabilities are used"
        yield (
            f"{sure or 'its probabilities are too'} {wrong}: "
            f"{percent(calibration.said)} on average, where {percent(calibration.happened)} of the rows are "
            f"{calibration.of}; {counts}: wrap the model in CalibratedClassifierCV, or drop class_weight"
        )
    if heaviest is not None and heaviest > HALF:
        yield f"one row makes up {percent(heaviest)} of the spread of its {loss}{BOUNDED.get(loss or '', '')}"


def of_retraining(outcome: Outcome) -> Iterator[str]:
    """What to know about a retraining beside its interval: how each model ranks, and what skews its loss."""
    for version in map(str, (outcome.champion, *(t.version for t in outcome.trials))):
        if version in outcome.ranking:
            yield f"v{version} {ranking(outcome.ranking[version])}"
        for said in of_model(outcome.mean_calibration.get(version), None, outcome.loss):
            yield f"v{version}: {said}"
    yield from dominated(outcome)


def hopeless(outcomes: Sequence[Outcome], times: int = HOPELESS) -> str:
    """That retraining will not help, where none of the newest so many retrainings gained; else empty.

    No challenger was surely better, the cheapest as little as the dearest. The estimate is the mean of what
    the best of each saved, with that of the bounds.
    """
    newest = [o for o in outcomes if o.trials][-times:]
    if len(newest) < times or any(t.upper < 0 for o in newest for t in o.trials):
        return ""
    best = [min(o.trials, key=lambda t: t.difference) for o in newest]
    if not all(o.champion_loss > 0 for o in newest):
        return ""
    shares = [
        [value / o.champion_loss for value in (t.difference, t.lower, t.upper)]
        for o, t in zip(newest, best, strict=True)
    ]
    middle, low, high = (sum(part) / times for part in zip(*shares, strict=True))
    found = f"{relative(middle)} [{relative(low)}, {relative(high)}]"
    return (
        f"retraining will probably not help: none of the challengers of the last {times} retrainings was "
        f"surely better; the best changed the {newest[-1].loss} by {found} on average. Look for features "
        "that tell more, or for labels that are wrong"
    )


def dominated(outcome: Outcome) -> Iterator[str]:
    """The challengers for which a single row decides."""
    for trial in outcome.trials:
        if trial.heaviest is not None and trial.heaviest > HALF:
            share, remedy = percent(trial.heaviest), BOUNDED.get(outcome.loss, "")
            yield (
                f"v{trial.version}: one row makes up {share} of the spread of its difference to "
                f"v{outcome.champion} in {outcome.loss}{remedy}"
            )


def ranking(record: Ranking) -> str:
    """How well a model orders rows, and whether that is surely better than a constant."""
    surely = "" if record.ranks else ", which is not surely better than a constant"
    return f"ranks rows with {record.name} {number(record.value)}, at least {number(record.lower)}{surely}"


def alphas(outcomes: Iterable[Outcome]) -> list[float]:
    """What each retraining might spend on a wrong promotion: alpha, k bounds at alpha/k.

    A gate that requires a model to be no worse bounds the models that it refuses, not those that it promotes.
    """
    judged = [o for o in outcomes if o.trials and o.require == "better"]
    return [(1 - o.confidence) * (len(o.trials) if o.trials[0].merge != "mixture" else 1) for o in judged]


def retrainings(spent: Sequence[float]) -> str:
    """How many wrong promotions so many retrainings allow; empty without any.

    >>> retrainings([0.05] * 26)
    '26 retrainings at gate.alpha = 0.05: at most 1.3 wrong promotions expected, were all challengers equal'
    """
    if not spent:
        return ""
    rates = {number(alpha) for alpha in spent}
    at = f"gate.alpha = {rates.pop()}" if len(rates) == 1 else "an alpha of their own"
    expected = f"at most {number(sum(spent))} wrong promotions expected"
    return f"{count(len(spent), 'retraining')} at {at}: {expected}, were all challengers equal"
