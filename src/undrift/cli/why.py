"""undrift why: what was done after a window, and every rule and number behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._print import say, table
from undrift.cli._shell import ALL, Json, emit, show_comparison, show_grounds, store_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from undrift.records import Outcome, Window
    from undrift.workspace.overview import Act, Line, Overview


def why(
    context: typer.Context,
    window: Annotated[
        str, typer.Argument(help="A window's name, as history lists it; by default the newest.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Show the stable features too.")] = False,
    json: Json = False,
) -> None:
    """Explain one window: every rule with its numbers, every challenger with its interval, what moved."""
    from undrift.words import deeds, spans, states
    from undrift.words.caveats import alphas
    from undrift.workspace.overview import SHOWN, overview

    found = overview(store_here(context), newest=SHOWN)
    line = found.line(window)
    if json:
        acts = [act.outcome for act in line.acts if act.outcome]
        _emit(line, alphas(found.until(acts[-1])) if acts else [])
        return
    say(f"{spans.days(line.window)[:1].upper()}{spans.span(line.window)[1:]} ({line.window.key})")
    if line.model:
        windows = [found.windows[key] for key in line.model.windows if key in found.windows]
        say(states.judged(line.model, windows))
    for act in line.acts:
        say("")
        _show_act(act, line, found)
    say("")
    for text in deeds.scored(line.live, line.earlier, line.unscored, line.one_class):
        say(text)
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
    if act.outcome:
        say("")
        _show_outcome(act.outcome, found.windows)
        if act.outcome.trials:
            say(f"Up to here {retrainings(alphas(found.until(act.outcome)))}.")


def _show_outcome(outcome: Outcome, windows: Mapping[str, Window]) -> None:
    from undrift.words.caveats import of_retraining
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
    rows = [(f"v{outcome.champion}", "champion", number(outcome.champion_loss), "")]
    rows += [(f"v{t.version}", t.merge, number(t.loss), bounds(t)) for t in outcome.trials]
    table(("version", "trained on", outcome.loss, "against the champion"), rows, right=(2,))
    for caveat in of_retraining(outcome):
        say(f"{caveat}.")


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


def _emit(line: Line, spent: Sequence[float]) -> None:
    from undrift.records import encode

    emit(
        {
            "window": encode(line.window),
            "comparison": encode(line.comparison),
            "decision": encode(line.decision),
            "outcome": encode(line.outcome) if line.outcome else None,
            "model": encode(line.model) if line.model else None,
            "retrainings": len(spent),
            "expected_wrong_promotions": sum(spent),
            "scores": {
                "live": encode(line.live) if line.live else None,
                "first": encode(line.first) if line.first else None,
                "revised": [encode(score) for score in line.earlier],
                "unscored": line.unscored,
                "one_class": line.one_class,
            },
            "action": line.step.action,
            "why": line.step.why,
            "later": [
                {
                    "decision": encode(act.decision),
                    "outcome": encode(act.outcome) if act.outcome else None,
                    "action": act.step.action,
                    "why": act.step.why,
                }
                for act in line.later
            ],
        }
    )
