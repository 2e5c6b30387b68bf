"""The JSON form of records: the same wherever one leaves the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from undrift.records import (
    Comparison,
    Decision,
    FeatureComparison,
    Outcome,
    Refusal,
    Score,
    Step,
    Verdict,
    Window,
    encode,
)
from undrift.words import moves


def window_dict(window: Window, verdict: Verdict, record: Comparison) -> dict[str, Any]:
    """The JSON form of a settled window: which one, and what drifted."""
    return {"window": encode(window), "verdict": verdict, "drifted": list(moves.drifted(record))}


def act_dict(decision: Decision, outcome: Outcome | None, step: Step) -> dict[str, Any]:
    """The JSON form of what was decided and done, and of the ``version`` that was live afterwards."""
    return {
        "decision": encode(decision),
        "outcome": encode(outcome) if outcome else None,
        "action": step.action,
        "why": step.why,
        "version": step.live,
    }


def scores_dict(
    live: Score | None,
    first: Score | None,
    revised: Sequence[Score],
    unscored: str,
    one_class: str,
    unseen: Mapping[str, int],
) -> dict[str, Any]:
    """The JSON form of a window's scores: of the model that served it, and of the first one."""
    return {
        "live": encode(live) if live else None,
        "first": encode(first) if first else None,
        "revised": [encode(score) for score in revised],
        "unscored": unscored,
        "one_class": one_class,
        "unseen": dict(unseen),
    }


def refusal_dict(record: Refusal, at: datetime) -> dict[str, Any]:
    """The JSON form of a delivery that was refused, and when."""
    return {"at": at.isoformat(), **encode(record)}


def comparison_dict(record: Comparison) -> dict[str, Any]:
    """The JSON form of a comparison."""
    return {
        "verdict": record.verdict,
        "rows": {"reference": record.rows_reference, "current": record.rows_current},
        "sentence": moves.comparison(record),
        "features": [feature_dict(f) for f in record.features],
        "schema": {
            **{change: list(getattr(record, change)) for change in ("lost", "new", "retyped")},
            "reordered": record.reordered,
        },
        "together": [encode(one) for one in record.together],
        "faults": [encode(fault) for fault in record.faults],
        "left_out": record.left_out,
        "calibration": {
            "use": record.calibration,
            "alarm_rate": record.alarm_rate,
            "assumes": record.assumes,
        },
        **_segments_dict(record),
    }


def _segments_dict(record: Comparison) -> dict[str, Any]:
    segments = {label: comparison_dict(segment) for label, segment in record.segments.items()}
    if not segments:
        return {"segments": {}}
    outside = dict(zip(("reference", "current"), moves.in_no_segment(record), strict=True))
    return {"by": record.by, "segments": segments, "in_no_segment": outside}


def feature_dict(feature: FeatureComparison) -> dict[str, Any]:
    """The JSON form of one feature: metric values by name, and the deciding threshold."""
    first = feature.findings[0]
    return {
        "name": feature.name,
        "kind": feature.kind,
        "verdict": feature.verdict,
        "metrics": metrics(feature),
        "threshold": first.threshold,
        "effect": feature.effect,
        "p_value": feature.p_value,
        "p_limit": feature.p_limit,
        "significant": feature.significant,
        "component": feature.component,
        "direction": feature.direction,
        "since": feature.since,
        "relevance": feature.relevance,
        "ground": None if feature.ground is None else encode(feature.ground),
        "findings": [encode(f) for f in feature.findings],
    }


def metrics(feature: FeatureComparison) -> dict[str, float]:
    """Values by metric name, those that decide first."""
    return {f.metric: f.value for f in feature.findings} | feature.beside
