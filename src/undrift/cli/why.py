"""undrift why: every rule and number behind what was done after a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._shell import Json, emit, say, show_comparison, store_here, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from undrift.overview import Line
    from undrift.records import Outcome


def why(
    context: typer.Context,
    window: Annotated[
        str, typer.Argument(help="A window's name, as history lists it; by default the newest.")
    ] = "",
    json: Json = False,
) -> None:
    """Explain one window: what moved, every rule with its numbers, every challenger with its interval."""
    from undrift.caveats import alphas, retrainings
    from undrift.overview import overview

    found = overview(store_here(context))
    line = found.line(window)
    if json:
        acts = [act.outcome for act in line.acts if act.outcome]
        _emit(line, alphas(found.until(acts[-1])) if acts else [])
        return
    from undrift.words import deeds, moves, phrases

    say(f"Window {line.window.key}, {phrases.count(line.window.rows, 'row')}")
    say(moves.comparison(line.comparison))
    say("")
    show_comparison(line.comparison)
    say("")
    for act in line.acts:
        if act.decision.on:
            say("")
            say(f"When the labels of {phrases.listed(act.decision.scored)} came:")
        say(deeds.decision(act.decision))
        for rule in act.decision.rules:
            say(f"  {'✓' if rule.holds else '✗'} {rule.name}: {rule.text}")
        if act.outcome:
            say("")
            _show_outcome(act.outcome)
            if act.outcome.trials:
                say(f"Up to here {retrainings(alphas(found.until(act.outcome)))}.")
    for text in deeds.scored(line.live, line.earlier, line.unscored, line.one_class):
        say(text)


def _show_outcome(outcome: Outcome) -> None:
    from undrift.caveats import of_retraining
    from undrift.words.numbers import bounds, number

    say(f"{outcome.why}.")
    if outcome.trials:
        for name, reason in outcome.failed.items():
            say(f"  ✗ {name}: no challenger could be trained: {reason}")
    if not outcome.trials:
        return
    say(
        f"Judged on {outcome.rows:,} rows of {', '.join(outcome.held_out)} in {outcome.blocks} blocks; "
        f"each bound holds with {outcome.confidence:.1%} confidence."
    )
    rows = [(f"v{outcome.champion}", "champion", number(outcome.champion_loss), "")]
    rows += [(f"v{t.version}", t.merge, number(t.loss), bounds(t)) for t in outcome.trials]
    table(("version", "trained on", outcome.loss, "against the champion"), rows, right=(2,))
    for caveat in of_retraining(outcome):
        say(f"{caveat}.")


def _emit(line: Line, spent: Sequence[float]) -> None:
    from undrift.records import encode

    emit(
        {
            "window": encode(line.window),
            "comparison": encode(line.comparison),
            "decision": encode(line.decision),
            "outcome": encode(line.outcome) if line.outcome else None,
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
