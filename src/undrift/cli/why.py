"""undrift why: what was done after a window, and every rule and number behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._print import say, table
from undrift.cli._shell import ALL, Json, emit, show_comparison, show_grounds, store_here

if TYPE_CHECKING:
    from collections.abc import Mapping

    from undrift.records import Outcome, Version, Weights, Window
    from undrift.workspace.lines import Act, Line
    from undrift.workspace.overview import Overview


def why(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="[WINDOW|VERSION]",
            help="A window's name, as history lists it, or a version such as v4; else the newest window.",
        ),
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Show the stable features too.")] = False,
    json: Json = False,
) -> None:
    """Explain one window: every rule with its numbers, every challenger with its interval, what moved.

    Or one version: what it was trained on, what the gate found, and when it was live.
    """
    from undrift.workspace.overview import SHOWN, overview

    found = overview(store_here(context), newest=SHOWN)
    version = found.version(what)
    if version:
        emit(_version_dict(version, found.whole)) if json else _show_version(version, found.whole)
        return
    line = found.line(what)
    emit(_as_dict(line, found)) if json else _show_line(line, found, every=every)


def _show_line(line: Line, found: Overview, *, every: bool) -> None:
    """What was found in a window, and what was done."""
    from undrift.words import deeds, spans, states

    say(f"{spans.days(line.window)[:1].upper()}{spans.span(line.window)[1:]} ({line.window.key})")
    if line.model:
        windows = [found.windows[key] for key in line.model.windows if key in found.windows]
        say(states.judged(line.model, windows))
    for act in line.acts:
        say("")
        _show_act(act, line, found)
    say("")
    for text in deeds.scored(line.live, line.earlier, line.unscored, line.one_class, line.unseen):
        say(text)
    if line.estimate is not None:
        say(deeds.estimate(line.estimate))
    _show_features(line, every=every)


def _show_act(act: Act, line: Line, found: Overview) -> None:
    """What was decided, on what, and by which rules."""
    from undrift.words import deeds, spans
    from undrift.words.caveats import alphas, retrainings

    say(deeds.decision(act.decision))
    if act.decision.on:
        say(f"Decided when the labels of {spans.named(act.decision.scored, found.windows)} came.")
    elif line.live is not None and line.window.key not in act.decision.scored:
        say(f"Decided on {spans.after(line.window)}, before the labels of this window came.")
    for rule in act.decision.rules:
        say(f"  {deeds.rule(rule)}")
    if act.decision.diagnosis:
        say(f"Diagnosis: {', '.join(act.decision.diagnosis)}.")
    if act.outcome:
        say("")
        _show_outcome(act.outcome, found.windows)
        if spent := retrainings(alphas(found.until(act.outcome))):
            say(f"Up to here {spent}.")


def _show_outcome(outcome: Outcome, windows: Mapping[str, Window]) -> None:
    from undrift.words.caveats import of_retraining
    from undrift.words.deeds import usual
    from undrift.words.numbers import bounds, number
    from undrift.words.spans import named

    say(f"{outcome.why}.")
    if not outcome.trials:
        return
    for name, reason in outcome.failed.items():
        say(f"  ✗ {name}: no challenger could be trained: {reason}")
    say(
        f"Judged on {outcome.rows:,} rows of {named(outcome.held_out, windows)} in {outcome.blocks} blocks; "
        f"each bound holds with {outcome.confidence:.1%} confidence."
    )
    for version, seen in outcome.stood_in.items():
        say(
            f"v{version} was refitted on rows of {named(seen, windows)}: its twin, which has not seen them, "
            "stood in for it."
        )
    also = {version: usual(others) for version, others in outcome.others.items()}
    live = str(outcome.champion)
    rows = [(f"v{live}", "champion", number(outcome.champion_loss), "", also.get(live, ""))]
    rows += [
        (f"v{t.version}", t.merge, number(t.loss), bounds(t), also.get(str(t.version), ""))
        for t in outcome.trials
    ]
    table(("version", "trained on", outcome.loss, "against the champion", "also"), rows, right=(2,))
    _show_guards(outcome)
    for caveat in of_retraining(outcome):
        say(f"{caveat}.")


def _show_guards(outcome: Outcome) -> None:
    """The guardrails of whoever would go live."""
    from undrift.words.deeds import chosen, guard

    best = chosen(outcome)
    if best.guards:
        say(f"Guardrails of v{best.version}:")
        head = ("guardrail", f"{outcome.loss} against v{outcome.champion}", "limit", "rows")
        table(head, [guard(one) for one in best.guards], right=(3,))


def _show_features(line: Line, *, every: bool) -> None:
    """What moved; the stable features only where they are asked for."""
    from undrift.words import moves

    record = line.comparison
    say(moves.comparison(record))
    say("")
    show_comparison(record, only=ALL if every else ("drift", "watch", "insufficient"))
    stable = sum(f.verdict == "stable" for f in record.features)
    if every:
        show_grounds(record)
        return
    if stable:
        say(f"{stable} more stable: --all")
    if record.assumes:
        say(f"{moves.promise_in_short(record)}.")


def _as_dict(line: Line, found: Overview) -> dict[str, object]:
    from undrift.cli._lines import line_dict
    from undrift.words.caveats import alphas
    from undrift.words.forms import comparison_dict

    outcomes = [act.outcome for act in line.acts if act.outcome]
    spent = alphas(found.until(outcomes[-1])) if outcomes else []
    return {
        **line_dict(line),
        "comparison": comparison_dict(line.comparison),
        "retrainings": len(spent),
        "expected_wrong_promotions": sum(spent),
    }


def _show_version(version: Version, found: Overview) -> None:
    """What a version was trained on, what the gate found, and when it was live."""
    from undrift.words import deeds, spans
    from undrift.words.phrases import model

    status = found.status_of(version)
    trained = f"Trained after {found.made(version)}: {deeds.trained_on(version)}."
    say(f"{model(version.number)}: {status}. {trained}")
    if version.number == found.live.number and found.weighed:
        _show_weights(found.weighed, found.windows)
    outcome = _judged(version, found)
    if outcome:
        say("")
        _show_outcome(outcome, found.windows)
        if beside := deeds.beside(outcome, version.number):
            say(beside)
    changes = [c for c in found.changes if version.number in (c.promotion.version, c.promotion.previous)]
    for made in changes:
        say(f"{spans.moment(made.at)}: {deeds.change(made.promotion)}.")
    say("")
    say(
        f"The rules behind the retraining: undrift why {outcome.window}" if outcome else "See undrift models."
    )


def _show_weights(weights: Weights, windows: Mapping[str, Window]) -> None:
    """What each member weighs by now, and by which losses on which windows."""
    from undrift.words.numbers import number, percent
    from undrift.words.spans import named

    say("")
    say(f"Weighed on {named(weights.windows, windows)}, on which none of the members was trained:")
    ordered = sorted(weights.members, key=lambda m: -m.weight)
    rows = [(f"v{m.version}", percent(m.weight), number(weights.losses.get(str(m.version)))) for m in ordered]
    table(("member", "weighs", "loss"), rows, right=(1, 2))


def _judged(version: Version, found: Overview) -> Outcome | None:
    """What the gate found when it judged a version as a challenger; None where it never did."""
    return next((o for o in found.outcomes if version.number in [t.version for t in o.trials]), None)


def _version_dict(version: Version, found: Overview) -> dict[str, object]:
    from undrift.cli.history import change_dict
    from undrift.promise import promise
    from undrift.records import encode

    outcome = _judged(version, found)
    changes = [c for c in found.changes if version.number in (c.promotion.version, c.promotion.previous)]
    return {
        "version": {"status": found.status_of(version), **encode(version), "promise": promise(version)},
        "outcome": encode(outcome) if outcome else None,
        "changes": [change_dict(made) for made in changes],
    }
