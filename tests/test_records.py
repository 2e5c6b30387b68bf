"""Records: whatever is kept comes back as it was."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from undrift import records
from undrift.records import Comparison, Score, Trial, Window, decode, encode

KINDS = [kind for kind in vars(records).values() if dataclasses.is_dataclass(kind)]

st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))

FLAT = st.builds(Comparison, segments=st.just({}))
NESTED = st.builds(Comparison, segments=st.dictionaries(st.text(max_size=3), FLAT, max_size=1))
st.register_type_strategy(Comparison, FLAT | NESTED)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(data=st.data())
def test_every_record_survives_json(kind, data):
    record = data.draw(st.from_type(kind))
    text = json.dumps(encode(record), allow_nan=False)
    assert decode(kind, json.loads(text)) == record


def test_no_record_has_behaviour_or_can_be_changed():
    assert len(KINDS) > 15
    for kind in KINDS:
        assert [
            name for name in vars(kind) if not name.startswith("_") and callable(getattr(kind, name))
        ] == []
        assert kind.__dataclass_params__.frozen
        assert "__slots__" in vars(kind)


def test_what_is_not_finite_becomes_null_and_comes_back_as_nan():
    trial = Trial(1, "all", 1.0, float("nan"), -math.inf, math.inf, better=False)
    body = encode(trial)
    assert (body["difference"], body["lower"], body["upper"]) == (None, None, None)
    again = decode(Trial, json.loads(json.dumps(body, allow_nan=False)))
    assert all(math.isnan(v) for v in (again.difference, again.lower, again.upper))


def test_an_undefined_score_stays_undefined():
    score = Score("w", 0, 1, "MAE", 1.0, 10, 1.0, others={"auc": None, "bias": float("nan")})
    assert decode(Score, encode(score)).others == {"auc": None, "bias": None}


def test_records_of_an_older_version_take_defaults():
    assert decode(Window, {"key": "w", "index": 1, "rows": 2}) == Window("w", 1, 2)


def test_fields_of_a_newer_version_are_left_aside():
    assert decode(Window, {"key": "w", "index": 1, "rows": 2, "colour": "red"}) == Window("w", 1, 2)


def test_times_keep_their_zone_and_microseconds():
    window = Window("w", 0, 1, datetime(2024, 3, 31, 1, 59, 59, 999_999, tzinfo=UTC), None)
    assert decode(Window, json.loads(json.dumps(encode(window)))) == window


def test_nested_records_are_decoded_as_records():
    comparison = Comparison("stable", 1, 2, (), "threshold", window=Window("w", 0, 2))
    assert isinstance(decode(Comparison, encode(comparison)).window, Window)
