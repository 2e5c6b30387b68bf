"""One contract per room: what every store, lake, registry, policy and merge strategy must do.

``make`` builds a fresh, empty part each time it is called.
"""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from undrift.errors import BusyError, DataError, SupersededError, UntrustedError
from undrift.lakes import WINDOW, Lake
from undrift.lineup import LineUp
from undrift.merging import Merge
from undrift.policies import Policy
from undrift.records import (
    Comparison,
    Decision,
    FeatureComparison,
    Promotion,
    Score,
    Selection,
    Situation,
    Verdict,
    Version,
    Window,
    decode,
    encode,
)
from undrift.registries import Registry
from undrift.stores import Store

HOSTILE = (
    *("</script>", "=cmd()", "a.b", "a b", '"q"', "`a`", "a,b;{}()\n\t="),
    *("../a", "%41", "é", "'--", "\\", "$a"),
)
"""Column names and labels that break what quotes them badly."""

HOUR = 3600.0


def check_store(make: Callable[[], Store]) -> None:
    """Records once, in order; the ledger; the lease and its fencing token."""
    for law in (
        _record_is_kept_once,
        _records_keep_their_order,
        _records_survive_hostile_text,
        _profile_is_kept_once,
        _crown_writes_ledger_and_champion,
        _lease_is_exclusive,
        _lease_expires,
        _lost_lease_cannot_crown,
        _only_the_champion_who_was_meant_is_replaced,
    ):
        store = make()
        try:
            law(store)
        finally:
            store.close()


def check_lake(make: Callable[[], Lake]) -> None:
    """Batches once and whole; exact schemas; ranges, columns and older versions; hostile names."""
    for law in (
        _batch_is_appended_once,
        _other_schemas_are_refused,
        _ranges_and_columns_are_read,
        _older_versions_are_read,
        _hostile_columns_survive,
        _every_type_survives,
    ):
        law(make())


def check_registry(make: Callable[[], Registry]) -> None:
    """Artifacts by their hash, and nothing else by that hash."""
    registry = make()
    for artifact in (b"a model", b"", bytes(range(256)) * 4096):
        sha256 = registry.put(artifact)
        assert sha256 == hashlib.sha256(artifact).hexdigest()
        assert registry.put(artifact) == sha256
        assert registry.get(sha256) == artifact
    for missing in ("0" * 64, "../" * 20 + "etc/hostname", "/etc/hostname", ""):
        with pytest.raises(UntrustedError):
            registry.get(missing)
    one, two = (b'{"version": %d, "models": []}' % number for number in (1, 2))
    for said in (one, two, two):
        registry.announce(said)


def check_policy(policy: Policy) -> None:
    """A decision on every situation, the empty one included: with reasons, and the same each time."""
    for seen in situations():
        found = policy.decide(seen)
        assert found == policy.decide(seen), "the same situation gave two decisions"
        assert (found.window, found.index) == (seen.window.key, seen.window.index)
        assert found.why, "a decision without a reason"
        assert found.rules, "a decision without rules"
        assert all(rule.text and isinstance(rule.holds, bool) for rule in found.rules)
        assert (found.action == "retrain") == all(rule.holds for rule in found.rules)
        assert decode(Decision, encode(found)).why == found.why


def check_merge(merge: Merge) -> None:
    """A stretch of the windows that are there, whatever gaps they have; no weight is below 0."""
    for indices in ([0], [7], [0, 1], [3, 5, 6], list(range(-4, 30)), list(range(0, 400, 7))):
        found = merge.select([Window(key=f"{i:04d}", index=i, rows=10) for i in indices])
        assert isinstance(found, Selection)
        assert found.first in indices
        assert found.last in indices
        assert found.first <= found.last
        assert all(one.window in indices and 0 <= one.weight < float("inf") for one in found.weights)
        assert sum(one.weight == 0 for one in found.weights) < len(indices)


def check_lineup(lineup: LineUp) -> None:
    """Weights from 0, 1 together, for every version, however losses and numbers are shifted."""
    random = np.random.default_rng(0)
    block = np.repeat(np.arange(12), 5)
    base = random.gamma(2, 1, len(block))
    for shifts in ({1: 0.0}, {1: 0.0, 2: 0.0}, {3: 0.4, 7: 0.0, 5: 9.0}, {1: 0.1, 2: 0.2, 3: 0.0, 4: 0.3}):
        losses = {n: base + shift + random.normal(0, 0.1, len(block)) for n, shift in shifts.items()}
        found = lineup.weigh(losses, block)
        assert set(found) == set(losses), "every version has a weight"
        assert all(weight >= 0 for weight in found.values())
        assert abs(sum(found.values()) - 1) < 1e-9
        assert max(found, key=found.__getitem__) == min(losses, key=lambda n: float(losses[n].mean()))
        moved = lineup.weigh({n + 10: 3 * values + 5 for n, values in losses.items()}, block)
        assert all(abs(moved[n + 10] - weight) < 1e-6 for n, weight in found.items())
    assert lineup.members >= 1


def situation(
    *,
    drifted: Iterable[int] = (),
    of: int = 10,
    scores: Iterable[float] = (),
    reference: float | None = 1.0,
    decisions: str = "",
    labelled: int = 1000,
) -> Situation:
    """A situation as a policy sees it: how many ``of`` features drifted in each window, oldest first,
    the live model's scores, and past decisions as letters ("k" keep, "r" retrain).
    """  # noqa: D205 - one sentence, two lines
    index = len(decisions)
    live = Version(2, "0000", "everything", "t", "a", "skops", 1, 0, metric="MAE", reference_score=reference)
    actions = {"k": "keep", "r": "retrain"}
    return Situation(
        window=Window(f"{index:04d}", index, 100),
        comparisons=tuple(_comparison(n, of) for n in drifted),
        scores=tuple(Score(f"{i:04d}", i, 2, "MAE", v, 100, 1.0) for i, v in enumerate(scores)),
        decisions=tuple(
            Decision(f"{i:04d}", i, actions[a], "because")  # type: ignore[arg-type]
            for i, a in enumerate(decisions)
        ),
        champion=live,
        labelled_rows=labelled,
    )


def situations() -> list[Situation]:
    """Histories of every sort: empty, without a model, drifting, failing, just retrained."""
    some = [
        situation(drifted=d, scores=s, decisions=a, labelled=n, reference=r)
        for d, s, a, n, r in itertools.product(
            ((), (0,), (10, 10, 10)),
            ((), (0.0,), (9.0, 9.0, 9.0)),
            ("", "kkkkk", "kkkkr"),
            (0, 10**6),
            (None, 0.0, 1.0),
        )
    ]
    return [*some, *(replace(h, champion=None) for h in some[:4])]


# Stores ---------------------------------------------------------------------------------------


def _record_is_kept_once(store: Store) -> None:
    assert store.get(Selection, "a") is None
    assert store.put("a", Selection(1, 2)) is True
    assert store.put("a", Selection(3, 4)) is False
    assert store.get(Selection, "a") == Selection(1, 2)
    assert store.all(Selection) == [Selection(1, 2)]
    assert store.put("a", Window("a", 0, 1)) is True, "the key of another class is another key"
    assert store.get(Window, "a") == Window("a", 0, 1)


def _records_keep_their_order(store: Store) -> None:
    assert store.all(Selection) == []
    before = datetime.now(UTC) - timedelta(seconds=1)
    for i in (5, 3, 9):
        store.put(str(i), Selection(i, i))
    assert [s.first for s in store.all(Selection)] == [5, 3, 9]
    store.all(Selection).clear()
    store.put("1", Selection(1, 1))
    assert [s.first for s in store.all(Selection)] == [5, 3, 9, 1]
    assert [s.first for s in store.all(Selection, newest=2)] == [9, 1]
    assert store.all(Window) == []
    assert store.keys(Selection) == ["5", "3", "9", "1"]
    assert (store.count(Selection), store.count(Window), store.keys(Window)) == (4, 0, [])
    times = store.times(Selection)
    assert [*times] == ["5", "3", "9", "1"]
    assert [*store.times(Selection, newest=2)] == ["9", "1"]
    assert all(before <= at <= datetime.now(UTC) for at in times.values())


def _records_survive_hostile_text(store: Store) -> None:
    for text in (*HOSTILE, "x'; drop table records; --", "𝄞", ""):
        kept = Promotion("start", 1, None, text, text)
        assert store.put(text, kept) is True
        assert store.get(Promotion, text) == kept


def _profile_is_kept_once(store: Store) -> None:
    assert store.get_profile("v1") is None
    store.put_profile("v1", b"\x00\xffbytes")
    store.put_profile("v1", b"others")
    assert store.get_profile("v1") == b"\x00\xffbytes"


def _crown_writes_ledger_and_champion(store: Store) -> None:
    assert store.champion() is None
    assert list(store.ledger()) == []
    token = store.acquire("loop", "me", HOUR)
    first, second = Promotion("start", 1, None, "w0", "first"), Promotion("promote", 2, 1, "w1", "better")
    for promotion in (first, second):
        kept = _version(promotion.version)
        store.put(str(kept.number), kept)
        store.crown(promotion, token)
        assert store.champion() == kept
    entries = store.ledger()
    assert [e.promotion for e in entries] == [first, second]
    assert [e.number for e in entries] == [1, 2]
    assert entries[0].hash != entries[1].hash
    assert entries[0].at <= entries[1].at


def _lease_is_exclusive(store: Store) -> None:
    token = store.acquire("loop", "me", HOUR)
    assert store.acquire("loop", "me", HOUR) == token, "renewing changes nothing"
    with pytest.raises(BusyError) as refused:
        store.acquire("loop", "you", HOUR)
    assert refused.value.exit_code == 6
    store.release("loop", "you")
    with pytest.raises(BusyError):
        store.acquire("loop", "you", HOUR)
    store.release("loop", "me")
    assert store.acquire("loop", "you", HOUR) > token


def _lease_expires(store: Store) -> None:
    token = store.acquire("loop", "me", -1.0)
    assert store.acquire("loop", "you", HOUR) > token
    with pytest.raises(BusyError):
        store.acquire("loop", "me", HOUR)


def _lost_lease_cannot_crown(store: Store) -> None:
    for number in (1, 2):
        store.put(str(number), _version(number))
    old = store.acquire("loop", "me", -1.0)
    store.crown(Promotion("start", 1, None, "w", "nobody took over yet"), old)
    new = store.acquire("loop", "you", HOUR)
    with pytest.raises(BusyError):
        store.crown(Promotion("promote", 2, 1, "w", "too late"), old)
    assert store.champion() == _version(1)
    assert len(store.ledger()) == 1
    store.crown(Promotion("promote", 2, 1, "w", "in time"), new)
    assert store.champion() == _version(2)


def _only_the_champion_who_was_meant_is_replaced(store: Store) -> None:
    for number in (1, 2, 3):
        store.put(str(number), _version(number))
    token = store.acquire("loop", "me", HOUR)
    with pytest.raises(SupersededError) as refused:
        store.crown(Promotion("promote", 2, 1, "w", "nobody is live yet"), token)
    assert refused.value.exit_code == 6
    store.crown(Promotion("start", 1, None, "w", "first"), token)
    for wrong in (None, 2, 3):
        with pytest.raises(SupersededError):
            store.crown(Promotion("promote", 2, wrong, "w", "meant for another"), token)
    assert store.champion() == _version(1)
    assert len(store.ledger()) == 1
    held = Promotion("rollback", 3, 1, "w", "back", hold=True)
    freed = Promotion("release", 3, 3, "w", "mended")
    by_hand = Promotion("promote", 2, 3, "w", "I say so", manual=True)
    for change in (held, freed, by_hand):
        store.crown(change, token)
    assert [e.promotion for e in store.ledger()[1:]] == [held, freed, by_hand]
    assert store.champion() == _version(2)


def _version(number: int) -> Version:
    return Version(number, "w", "everything", "trainer", "0" * 64, "skops", 10, 3, reference_score=1.5)


# Lakes ----------------------------------------------------------------------------------------


def rows(window: int, count: int = 3, **columns: Any) -> pa.Table:
    """A few rows of one window, as a lake takes them; ``n`` numbers them."""
    own = {WINDOW: pa.array([window] * count, pa.int64()), "n": pa.array(range(count), pa.int64())}
    return pa.table({**own, "x": pa.array([0.5] * count, pa.float64()), **columns})


def content(table: pa.Table | None) -> list[str]:
    """The rows of a table without their order, which a lake does not promise."""
    assert table is not None
    return sorted(map(repr, table.to_pylist()))


def _batch_is_appended_once(lake: Lake) -> None:
    assert lake.read("rows") is None
    assert lake.versions() == {}
    assert lake.append("rows", rows(0), "b'1/ü") is True
    version = lake.versions()
    for _ in range(2):
        assert lake.append("rows", rows(0), "b'1/ü") is False
    assert lake.append("rows", rows(7), "b'1/ü") is False, "the id counts, not the content"
    assert lake.versions() == version
    assert content(lake.read("rows")) == content(rows(0))
    assert lake.append("rows", rows(0), "b2") is True, "the same rows under another id are other rows"
    assert lake.append("labels", rows(0), "b2") is True, "an id counts within its table"
    assert content(lake.read("rows")) == sorted(content(rows(0)) * 2)
    assert lake.read("predictions") is None
    assert set(lake.versions()) == {"rows", "labels"}


def _other_schemas_are_refused(lake: Lake) -> None:
    good = rows(0)
    lake.append("rows", good, "good")
    version = lake.versions()
    unlike = (
        good.set_column(1, "n", pa.array([1.5, 2.0, 3.0])),
        good.set_column(1, "n", pa.array([1, 2, 3], pa.int32())),
        good.set_column(2, "x", pa.array([1, 2, 3], pa.int64())),
        good.set_column(2, "x", pa.array([1, 2, 3], pa.float32())),
        good.set_column(2, "x", pa.array(["1", "2", "3"])),
        good.drop_columns(["x"]),
        good.append_column("more", pa.array([1, 2, 3])),
        good.select(["n", WINDOW, "x"]),
        good.rename_columns([WINDOW, "N", "x"]),
    )
    for i, table in enumerate(unlike):
        with pytest.raises(DataError):
            lake.append("rows", table, f"bad{i}")
    assert lake.versions() == version
    assert content(lake.read("rows")) == content(good)
    assert lake.append("rows", good, "bad0") is True, "a refused batch may be mended and sent again"


def _ranges_and_columns_are_read(lake: Lake) -> None:
    for window in (-2, 0, 1, 5):
        lake.append("rows", rows(window), str(window))
    for first, last, windows in (
        (None, None, [-2, 0, 1, 5]),
        (0, None, [0, 1, 5]),
        (None, 0, [-2, 0]),
        (0, 1, [0, 1]),
        (2, 4, []),
        (6, None, []),
    ):
        found = lake.read("rows", first, last)
        assert found is not None
        assert sorted(set(found[WINDOW].to_pylist())) == windows
        assert found.num_rows == 3 * len(windows)
        assert found.schema.equals(rows(0).schema)
    narrow = lake.read("rows", 5, 5, ["x", "n"])
    assert narrow is not None
    assert set(narrow.column_names) == {"x", "n"}
    assert narrow.num_rows == 3


def _older_versions_are_read(lake: Lake) -> None:
    """More batches than any lake keeps as files of their own: compacting must lose no version."""
    kept = []
    for window in range(45):
        lake.append("rows", rows(window), f"b{window}")
        kept.append(lake.versions()["rows"])
    assert kept == sorted(set(kept)), "versions grow"
    for window in (0, 1, 15, 16, 31, 32, 33, 44):
        found = lake.read("rows", version=kept[window])
        assert found is not None
        assert sorted(found[WINDOW].to_pylist()) == sorted([*range(window + 1)] * 3)
    assert lake.append("rows", rows(0), "b0") is False, "batch ids are remembered through compaction"
    older = lake.read("rows", 2, 9, ["n"], version=kept[4])
    assert older is not None
    assert older.num_rows == 9


def _hostile_columns_survive(lake: Lake) -> None:
    columns = {name: pa.array([name, None, "="]) for name in HOSTILE}
    for window in (0, 1):
        lake.append("rows", rows(window, **columns), f"b{window}")
    assert content(lake.read("rows", 1, 1)) == content(rows(1, **columns))
    found = lake.read("rows", 0, 0, [HOSTILE[0], HOSTILE[6]])
    assert found is not None
    assert sorted(found[HOSTILE[6]].to_pylist(), key=str) == sorted([HOSTILE[6], None, "="], key=str)


def _every_type_survives(lake: Lake) -> None:
    """All types that a schema can hold, with nulls, NaN and infinities."""
    columns = {
        "bool": pa.array([True, None, False]),
        "int8": pa.array([-128, None, 127], pa.int8()),
        "int64": pa.array([-(2**63), None, 2**63 - 1], pa.int64()),
        "float": pa.array([float("inf"), None, 0.1], pa.float32()),
        "double": pa.array([float("nan"), None, float("-inf")]),
        "string": pa.array(["", None, "\x00𝄞"]),
        "binary": pa.array([b"", None, b"\x00"]),
        "time": pa.array([0, None, -1], pa.timestamp("us", tz="UTC")),
    }
    for window in (0, 1):
        lake.append("rows", rows(window, **columns), f"b{window}")
    assert content(lake.read("rows", 0, 0)) == content(rows(0, **columns))
    found = lake.read("rows")
    assert found is not None
    assert found.schema.equals(rows(0, **columns).schema)


# Policies -------------------------------------------------------------------------------------


def _comparison(drifted: int, of: int) -> Comparison:
    def verdict(i: int) -> Verdict:
        return "drift" if i < drifted else "stable"

    features = tuple(FeatureComparison(f"f{i}", "numeric", verdict(i), "", ()) for i in range(of))
    return Comparison("drift" if drifted else "stable", 100, 100, features, "threshold")
