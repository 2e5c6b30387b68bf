"""The JSON form of records: the same wherever one leaves the program."""

from __future__ import annotations

from typing import Any

from undrift.records import Comparison, FeatureComparison, encode
from undrift.words import moves


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
