"""Parts by name: found by file or by entry point, built from a table, refused with a suggestion."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import undrift
from undrift import plugins
from undrift.errors import ConfigError
from undrift.plugins import build, checked, find, names
from undrift.policies.any_of import AnyOf
from undrift.policies.drift import Drift
from undrift.policies.schedule import Schedule

ROOMS = (
    "calibration",
    "inputs",
    "lakes",
    "losses",
    "merging",
    "metrics",
    "multivariate",
    "policies",
    "registries",
    "stores",
    "tasks",
    "trainers",
)


@pytest.mark.parametrize("room", ROOMS)
def test_the_parts_of_a_room_are_its_files(room):
    folder = Path(undrift.__file__).parent / room
    assert names(room) == sorted(f.stem for f in folder.glob("*.py") if not f.name.startswith("_"))


@pytest.mark.parametrize(("room", "name"), [(r, n) for r in ROOMS for n in names(r)])
def test_every_part_is_defined_in_the_file_of_its_name(room, name):
    part = find(room, name)
    function = getattr(part, "function", part)
    assert function.__module__ == f"undrift.{room}.{name}"
    assert function.__name__.lower() == name.replace("_", "") or function.__name__ == name
    assert part.__doc__


def test_a_misspelt_part_is_guessed():
    with pytest.raises(ConfigError, match=r"no metric is called 'pis'. Did you mean 'psi'"):
        find("metrics", "pis")
    with pytest.raises(ConfigError, match="Known: any_of, clock, drift"):
        find("policies", "zzz")


@pytest.mark.parametrize("name", ["__init__", "_tables", "../psi", "", "psi.psi", "Psi"])
def test_what_is_no_part_is_not_imported(name):
    for room in ("metrics", "stores"):
        with pytest.raises(ConfigError):
            find(room, name)


def test_a_part_of_another_package_is_found_by_its_entry_point(monkeypatch):
    entry = EntryPoint("mine", "undrift.policies.schedule:Schedule", "undrift.policies")
    monkeypatch.setattr(plugins, "_foreign", lambda room: {"mine": entry} if room == "policies" else {})
    assert "mine" in names("policies")
    assert find("policies", "mine") is Schedule
    assert build("policies", {"use": "mine", "every": 9}).every == 9


def test_a_table_is_built_with_its_keys_as_arguments():
    table = {"use": "drift", "share": 1, "features": ["a", "b"], "persist": 3}
    made = build("policies", table)
    assert (type(made), made.share, made.features, made.persist, made.cooldown) == (
        Drift,
        1.0,
        ("a", "b"),
        3,
        2,
    )
    assert type(made.share) is float
    assert table["use"] == "drift", "the table is not used up"


def test_any_of_nests():
    inner = {"use": "any_of", "policies": [{"use": "schedule", "every": 7}, {"use": "never"}]}
    made = build("policies", {"use": "any_of", "policies": [{"use": "drift"}, inner]})
    assert isinstance(made, AnyOf)
    drift, nested = made.policies
    assert isinstance(drift, Drift)
    assert [type(p).__name__ for p in nested.policies] == ["Schedule", "Never"]
    assert nested.policies[0].every == 7


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"\[policy\] does not say which part to use. Add use ="),
        ({"use": "drfit"}, "Did you mean 'drift'"),
        ({"use": "drift", "persit": 2}, "unknown key policy.persit. Did you mean 'persist'"),
        ({"use": "never", "every": 2}, "unknown key policy.every"),
        ({"use": "drift", "self": 2}, "unknown key policy.self"),
        ({"use": "drift", "share": "half"}, "policy.share = 'half' should be of type float"),
        ({"use": "drift", "share": True}, "policy.share = True should be of type float"),
        ({"use": "drift", "persist": 2.5}, "policy.persist = 2.5 should be of type int"),
        ({"use": "drift", "persist": True}, "policy.persist = True should be of type int"),
        ({"use": "drift", "features": "f0"}, "policy.features = 'f0' should be of type tuple"),
        ({"use": "drift", "share": 7}, "policy.share"),
        ({"use": "any_of"}, "policy.policies is missing. Set it beside use = 'any_of'"),
        ({"use": "any_of", "policies": []}, "policy.policies is empty"),
        (
            {"use": "any_of", "policies": [{"use": "never"}, {"use": "schedule", "evry": 2}]},
            r"unknown key policy.policies\[1\].evry. Did you mean 'every'",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(table, message):
    with pytest.raises(ConfigError, match=message):
        build("policies", table, "policy")


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, 1.0),
        (None, float | None, None),
        ("a", str | None, "a"),
        ([1, 2], tuple[int, ...], (1, 2)),
        ({"a": 1}, dict[str, int] | None, {"a": 1}),
        (True, bool, True),
    ],
)
def test_values_of_the_right_type_pass(value, hint, expected):
    found = checked(value, hint, "here")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint"), [("1", int), (1.0, int), (True, int), (True, float), ({}, str), (None, str), (1, bool)]
)
def test_values_of_the_wrong_type_do_not(value, hint):
    with pytest.raises(ConfigError, match="here = "):
        checked(value, hint, "here")


def test_settings_may_stand_before_the_use_that_they_belong_to(tmp_path):
    from undrift.config.wiring import load

    (tmp_path / "undrift.toml").write_text('[policy]\nevery = 2\nuse = "schedule"\n')
    assert load(tmp_path).section("policy") == {"use": "schedule", "every": 2}


def test_a_written_file_reads_back_whatever_the_names(tmp_path):
    from undrift.config.file import document
    from undrift.config.wiring import load

    given = {
        "data.target": 'a "quoted" 🦜\x7f name',
        "drift.features.use.metric": "ks",
        "model.params.x": [1],
    }
    (tmp_path / "undrift.toml").write_text(document(given, "title\n[bad]"), encoding="utf-8")
    config = load(tmp_path)
    assert {key: config.get(key) for key in given} == given
    assert config.section("drift")["features"] == {"use": {"metric": "ks"}}
