"""A mixture in the loop: who serves, with which weight, and how to go back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

import test_loop as single_loops
from conftest import ask, moving_stream
from test_loop import make_loop, recorded
from undrift import stores
from undrift.errors import ModelError, UntrustedError
from undrift.gate import Gate
from undrift.lakes import WINDOW
from undrift.lineup import mixed
from undrift.lineup.mixture import Mixture
from undrift.loop import Loop
from undrift.records import Outcome, Score, Service, Version, Weights, decode, encode
from undrift.replay import Recording
from undrift.stores import scores


def started(policy: Any = None, **changes: Any) -> tuple[Loop, Recording]:
    frame = moving_stream()
    loop = make_loop(frame, policy or {"use": "schedule", "every": 4}, lineup=Mixture(4), **changes)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    return loop, recording


def played(**changes: Any) -> Loop:
    return single_loops.played({"use": "schedule", "every": 4}, lineup=Mixture(4), **changes)


@pytest.fixture(scope="module")
def loop() -> Loop:
    return played()


def mixtures(loop: Loop) -> list[Version]:
    return [v for v in stores.versions(loop.store) if v.members]


# What serves ----------------------------------------------------------------------------------


def test_what_serves_is_a_mixture_of_versions_that_each_have_an_artifact(loop: Loop) -> None:
    live = loop.live()
    assert live.members
    assert live.artifact == ""
    assert sum(m.weight for m in live.members) == pytest.approx(1)
    assert len(live.members) <= 4
    members = [loop.models.version(m.version) for m in live.members]
    assert all(m.artifact and not m.members for m in members)
    assert live.through == max(m.through for m in members)


def test_a_window_is_predicted_by_the_weighted_mean_of_its_members(loop: Loop) -> None:
    checked = 0
    for service in loop.store.all(Service):
        weights = service.members.get(str(service.live))
        if weights is None:
            continue
        rows = loop.archive.rows(service.index, service.index)
        window = next(w for w in loop.archive.windows() if w.index == service.index)
        logged = {
            m.version: loop.models.logged(
                m.version, rows["_id"] if "_id" in rows.column_names else _ids(rows), [window]
            )
            for m in weights
        }
        together = loop.models.logged(service.live, _ids(rows), [window])
        assert np.array_equal(together, mixed(logged, {m.version: m.weight for m in weights}))
        checked += 1
    assert checked > 5


def _ids(rows: Any) -> Any:
    from undrift.lakes import ID

    return rows[ID]


def test_entering_is_a_promotion_with_the_loss_with_and_without(loop: Loop) -> None:
    promoted = {e.promotion.version for e in loop.store.ledger() if e.promotion.action == "promote"}
    assert promoted == {v.number for v in mixtures(loop) if v.number in promoted}
    for outcome in loop.store.all(Outcome):
        together, *challengers = outcome.trials
        version = loop.models.version(together.version)
        assert together.merge == "mixture"
        assert together.difference == pytest.approx(together.loss - outcome.champion_loss)
        assert {t.version for t in challengers} & {m.version for m in version.members}
        assert version.reference_score == together.loss, "the promise is the mixture's honest loss"


def test_members_are_refitted_and_nobody_is_weighed_on_rows_that_it_was_fitted_on(loop: Loop) -> None:
    weighed = loop.store.all(Weights)
    assert weighed
    for record in weighed:
        assert sum(m.weight for m in record.members) == pytest.approx(1)
        windows = [w for w in loop.archive.windows() if w.key in record.windows]
        for member in record.members:
            version = loop.models.version(member.version)
            assert version.twin is not None
            assert all(w.index > version.judged_through for w in windows)


def test_weights_follow_from_the_losses_that_stand_beside_them(loop: Loop) -> None:
    record = loop.store.all(Weights)[-1]
    windows = [w for w in loop.archive.windows() if w.key in record.windows]
    data = loop.archive.labelled_in(windows)
    said = {
        m.version: loop.models.ask_unseen(loop.models.version(m.version), data.rows) for m in record.members
    }
    losses = {n: loop.models.by_row(data, values) for n, values in said.items()}
    assert {str(n): float(values.mean()) for n, values in losses.items()} == pytest.approx(record.losses)
    expected = loop.lineup.weigh(losses, loop.models.blocks(data))
    assert {m.version: m.weight for m in record.members} == pytest.approx(expected)


def test_of_a_mixture_the_reference_is_the_rows_of_its_members_by_weight(loop: Loop) -> None:
    live = loop.live()
    rows = loop.models.trained_on(live.number)
    at = rows.rows[WINDOW].to_numpy()
    counts = {w: int((at == w).sum()) for w in np.unique(at)}
    weights = {m.version: m.weight for m in live.members}
    density = {}
    whole = loop.archive.labelled_rows()
    for window in range(min(counts), max(counts) + 1):
        density[window] = sum(
            weight / version.snapshot.rows
            for n, weight in weights.items()
            for version in [loop.models.version(n)]
            if version.snapshot
            and version.snapshot.selection.first <= window <= version.snapshot.selection.last
        )
    heaviest = max(density.values())
    for window, count in counts.items():
        assert abs(count - whole[window] * density[window] / heaviest) <= 2
    importance = loop.models.importance_of(live)
    assert sum(importance.values()) == pytest.approx(1)


def test_the_previous_line_up_goes_on_in_the_shadow(loop: Loop) -> None:
    before = loop.chronicle.predecessor()
    assert before is not None
    newest = loop.store.all(Service)[-1]
    assert before.number in newest.shadow
    both = [s for s in scores(loop.store) if s.window == newest.window]
    assert {newest.live, before.number, 1} <= {s.version for s in both}


def test_nothing_is_scored_on_rows_that_it_was_fitted_on(loop: Loop) -> None:
    versions = {v.number: v for v in stores.versions(loop.store)}
    assert all(s.index > versions[s.version].through for s in loop.store.all(Score))


def test_records_survive_their_json_form(loop: Loop) -> None:
    for record in (loop.store.all(Weights)[-1], loop.live(), loop.store.all(Service)[-1]):
        assert decode(type(record), encode(record)) == record


# Going back -----------------------------------------------------------------------------------


def test_a_rollback_goes_to_an_earlier_line_up_with_its_weights() -> None:
    loop = played()
    live, before = loop.live(), loop.earlier()
    rows = moving_stream().tail(50)
    promotion = loop.rollback("feed broken")
    assert (promotion.previous, promotion.version) == (live.number, before)
    back = loop.live()
    table = loop.archive.rows(live.through, live.through)
    weights = {m.version: m.weight for m in stores.members(loop.store, back)}
    own = {n: loop.models.ask(n, table) for n in weights}
    assert np.array_equal(loop.models.ask(back.number, table), mixed(own, weights))
    assert len(loop.predict(rows)) == 50


def test_a_rollback_refuses_a_line_up_of_which_a_member_was_altered() -> None:
    loop = played()
    target = loop.models.version(loop.earlier())
    artifact = loop.models.version(target.members[0].version).artifact
    loop.registry._artifacts[artifact] = b"something else"  # type: ignore[attr-defined]
    loop.models.loaded.clear()
    live = loop.live().number
    with pytest.raises(UntrustedError):
        loop.rollback("broken")
    assert loop.live().number == live


def test_a_member_can_be_made_the_one_model_that_serves() -> None:
    loop = played()
    member = max(loop.live().members, key=lambda m: m.weight).version
    loop.promote(member, "simpler")
    assert loop.live().number == member
    assert not loop.live().members


# Trouble --------------------------------------------------------------------------------------


def test_a_member_that_cannot_predict_leaves_its_weight_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, recording = started()
    windows = list(recording.production)
    for window in windows[:8]:
        loop.step(recording.rows(window), now=window.end + loop.label_delay)
    live = loop.live()
    assert live.members
    silent = max(loop.models.members(live), key=lambda m: m.weight).version
    plain = loop.models.ask

    def broken(number: int, rows: Any) -> Any:
        if number == silent:
            raise ModelError("it is broken", "Mend it.")
        return plain(number, rows)

    monkeypatch.setattr(loop.models, "ask", broken)
    loop.step(recording.rows(windows[8]), now=windows[8].end + loop.label_delay)
    service = next(s for s in loop.store.all(Service) if s.window == windows[8].key)
    assert service.failed == {str(silent): "it is broken. Mend it."}
    assert any(s.window == windows[8].key and s.version == live.number for s in loop.store.all(Score))


def test_rows_that_come_late_are_predicted_by_the_mixture_that_served() -> None:
    loop, recording = started()
    windows = list(recording.production)
    for window in windows[:8]:
        loop.step(recording.rows(window), now=window.end + loop.label_delay)
    rows = recording.rows(windows[8])
    loop.step(rows.slice(0, 100), now=windows[8].end)
    served = next(s for s in loop.store.all(Service) if s.window == windows[8].key)
    loop.step(rows.slice(100), now=windows[9].end)
    said = loop.models.logged(
        served.live, _ids(loop.archive.rows(windows[8].index, windows[8].index)), [windows[8]]
    )
    assert len(said) == rows.num_rows


def test_a_proof_is_asked_of_the_whole_line_up() -> None:
    strict = played(gate=Gate("better", block="1h"))
    for outcome in strict.store.all(Outcome):
        assert (outcome.promoted is not None) == outcome.trials[0].better
        assert outcome.confidence == 0.95, "one comparison decides"


# To take away ---------------------------------------------------------------------------------


def test_predict_and_export_give_one_model(loop: Loop, tmp_path: Path) -> None:
    manifest = loop.export(tmp_path / "model")
    rows = moving_stream().tail(80)
    assert sum(m["weight"] for m in manifest["members"]) == pytest.approx(1)
    model = skops.io.load(tmp_path / "model" / manifest["file"], trusted=manifest["load"]["trusted"])
    frame = rows[[f["name"] for f in manifest["features"]]].copy()
    for feature in manifest["features"]:
        frame[feature["name"]] = frame[feature["name"]].astype(
            object if feature["kind"] == "categorical" else float
        )
    assert model.predict(frame) == pytest.approx(loop.predict(rows), rel=1e-9)


def test_two_classes_are_exported_too(tmp_path: Path) -> None:
    stream = moving_stream().assign(y=lambda d: np.where(d.y > d.y.median(), "high", "low"))
    stream[:960].to_csv(tmp_path / "h.csv", index=False)
    stream[960:].to_csv(tmp_path / "n.csv", index=False)
    at = ("-C", tmp_path / "w")
    options = ("--target", "y", "--time", "at", "--id", "id", "--set", "windows.size=6h")
    options += ("--set", "policy.use=schedule", "--set", "policy.every=2")
    code, _, err = ask(*at, "init", "--from", tmp_path / "h.csv", *options)
    assert code == 0, err
    assert ask(*at, "run", tmp_path / "n.csv")[0] == 0
    manifest = json.loads(ask(*at, "export", tmp_path / "model", "--json")[1])
    trusted = json.loads((tmp_path / "model" / "model.json").read_text())["load"]["trusted"]
    model = skops.io.load(tmp_path / "model" / "model.skops", trusted=trusted)
    rows = stream.tail(60)
    frame = rows[["x", "z", "colour"]].astype({"colour": object})
    said = model.predict_proba(frame)[:, 1]
    import undrift as ud

    loop = ud.open(tmp_path / "w")
    assert loop.live().members
    assert said == pytest.approx(loop.predict_proba(rows)[:, 1], rel=1e-9)
    assert manifest["model"]["classes"] == ["high", "low"]


def _write(frame: Any, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


# What people see ------------------------------------------------------------------------------


def test_status_models_and_why_say_who_weighs_what(tmp_path: Path) -> None:
    stream = moving_stream()
    at = ("-C", tmp_path / "w")
    options = ("--target", "y", "--time", "at", "--id", "id", "--set", "windows.size=6h")
    options += ("--set", "policy.use=schedule", "--set", "policy.every=4")
    assert ask(*at, "init", "--from", _write(stream[:960], tmp_path / "h.csv"), *options)[0] == 0
    assert ask(*at, "run", _write(stream[960:], tmp_path / "n.csv"))[0] == 0
    status = json.loads(ask(*at, "status", "--json")[1])
    serving = {m["version"]: m["weight"] for m in status["serving"]}
    assert sum(serving.values()) == pytest.approx(1)
    live = status["live"]["number"]
    heaviest = max(serving, key=serving.__getitem__)
    said = ask(*at, "status")[1]
    assert f"a mixture: v{heaviest} {serving[heaviest]:.0%}".replace("%", " %") in said
    models = ask(*at, "models")[1]
    assert "member" in models
    why = ask(*at, "why", f"v{live}")[1]
    assert "mixture" in why
    kinds = {m["number"]: m["status"] for m in json.loads(ask(*at, "models", "--json")[1])["models"]}
    assert kinds[live] == "live"
    assert all(kinds[n] == "member" for n in serving)
