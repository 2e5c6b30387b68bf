"""Where settings come from, and how they are written.

A setting comes, in this order, from the command line, from ``UNDRIFT_*``, from ``undrift.toml``, from
``[tool.undrift]`` in ``pyproject.toml``, or is the default. ``UNDRIFT_DRIFT__METRIC=ks`` sets drift.metric.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from undrift.config import beginning
from undrift.config.settings import OPEN_TABLES, PARTS, SECTIONS, SETTINGS, Setting
from undrift.errors import ConfigError, NotFoundError, suggest
from undrift.plugins import checked

FILE = beginning.FILE
PYPROJECT = "pyproject.toml"
ENVIRONMENT = "UNDRIFT_"


def find_root(start: Path) -> Path:
    """The nearest folder upward that holds an ``undrift.toml``; raises NotFoundError if none does."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFoundError(
        f"no {FILE} in {start} or above", "Run undrift init, or name a workspace with -C DIR."
    )


def layered(
    root: Path, overrides: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> dict[str, tuple[Any, str]]:
    """Every setting of a workspace with where it comes from; raises ConfigError for a wrong key or type."""
    layers = [
        ("default", {name: setting.default for name, setting in SETTINGS.items()}),
        (PYPROJECT, dict(_flat(_pyproject(root)))),
        (FILE, dict(_flat(_learners(_toml(root / FILE))))),
        ("environment", dict(_environment(os.environ if environment is None else environment))),
        ("command line", dict(overrides or {})),
    ]
    settings: dict[str, tuple[Any, str]] = {}
    for source, values in layers:
        for key, value in sorted(values.items(), key=lambda item: not item[0].endswith(".use")):
            _known(key)
            if key.endswith(".use") and value != settings.get(key, (None,))[0]:
                _forget(settings, key.removesuffix(".use"))
            type_ = SETTINGS[key].type if key in SETTINGS else Any
            settings[key] = (checked(value, type_, key), source)
    ordered = [*(k for k in SETTINGS if k in settings), *(k for k in settings if k not in SETTINGS)]
    return {key: settings[key] for key in ordered}


def document(settings: Mapping[str, Any], title: str) -> str:
    """An ``undrift.toml`` with these settings; every other one stands there as a comment.

    >>> document({"data.target": "y"}, "Mine.").splitlines()[3:5]
    ['[data]', 'target = "y"                              # what the model predicts']
    """
    lines = [f"# {_printable(title)}", "# A line that is commented out shows the default.", ""]
    for section in SECTIONS:
        own = {k: v for k, v in settings.items() if k.startswith(f"{section}.")}
        lines.append(f"[{section}]")
        for name, setting in SETTINGS.items():
            if name.startswith(f"{section}."):
                lines.append(_line(name, setting, own))
        plain = {k: v for k, v in own.items() if k not in SETTINGS}
        lines += [f"{_key(k[len(section) + 1 :])} = {written(v)}" for k, v in plain.items()]
        lines.append("")
    return "\n".join(lines)


def _printable(title: str) -> str:
    """A title on one line, without what a comment in TOML may not hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())


def _line(name: str, setting: Setting, own: Mapping[str, Any]) -> str:
    key = name.partition(".")[2]
    given = own.get(name, setting.default)
    assignment = f"{key} = {written(given)}" if given is not None else f"{key} ="
    hidden = "" if name in own and given is not None else "# "
    return f"{hidden + assignment:<40}  # {setting.comment}"


def _key(name: str) -> str:
    """A dotted key; a feature's own name is quoted, whatever stands in it."""
    if name.startswith("features."):
        feature, _, key = name.removeprefix("features.").rpartition(".")
        return f"features.{_quoted(feature)}.{key}"
    return name


def written(value: Any) -> str:
    """A value as TOML.

    >>> written(["a", 1.5, True])
    '["a", 1.5, true]'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_quoted(k)} = {written(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(v) for v in value) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    """A plain value as TOML, which is JSON but for a control character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def parsed(assignment: str) -> tuple[str, Any]:
    """A setting from the command line: the value is read as TOML, or taken as text.

    >>> parsed("gate.alpha=0.1"), parsed("drift.metric=ks")
    (('gate.alpha', 0.1), ('drift.metric', 'ks'))
    """
    key, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"--set {assignment!r} has no value", "Write --set section.key=value.")
    return key.strip(), _value(text.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _known(key: str) -> None:
    section, _, rest = key.partition(".")
    if section not in SECTIONS:
        raise ConfigError(f"unknown section [{section}]", suggest(section, list(SECTIONS)))
    if not rest:
        raise ConfigError(f"{section} is a section", f"Write [{section}] and its keys under it.")
    if section in PARTS or any(key.startswith(f"{table}.") for table in OPEN_TABLES):
        return
    if key not in SETTINGS:
        known = [k for k in SETTINGS if k.startswith(f"{section}.")]
        raise ConfigError(f"unknown key {key}", suggest(key, known))


def _forget(settings: dict[str, tuple[Any, str]], section: str) -> None:
    """Another part takes other arguments: those of the part it replaces go."""
    keep = ("model.also", "model.seed", "model.trust_pickle")
    for key in [k for k in settings if k.startswith(f"{section}.") and k not in keep]:
        del settings[key]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        own_part = prefix and name not in OPEN_TABLES and isinstance(value, Mapping) and "use" in value
        if isinstance(value, Mapping) and not own_part:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _learners(table: dict[str, Any]) -> dict[str, Any]:
    """Tables ``[[model]]``: the first one is ``[model]``, the others are in its ``also``."""
    models = table.get("model")
    if not isinstance(models, list) or not models or not all(isinstance(one, Mapping) for one in models):
        return table
    return table | {"model": {**models[0], "also": [*models[0].get("also", []), *models[1:]]}}


def plant(table: dict[str, Any], name: str, value: Any) -> None:
    """Put a value back under its nested key; a feature's name may hold dots of its own."""
    if name.startswith("features."):
        feature, _, key = name.removeprefix("features.").rpartition(".")
        table.setdefault("features", {}).setdefault(feature, {})[key] = value
        return
    head, _, rest = name.partition(".")
    if rest:
        plant(table.setdefault(head, {}), rest, value)
    else:
        table[head] = value


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", "Correct the line.") from error


def _pyproject(root: Path) -> dict[str, Any]:
    tool = _toml(root / PYPROJECT).get("tool", {})
    table: dict[str, Any] = tool.get("undrift", {}) if isinstance(tool, Mapping) else {}
    return table


def _environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for name, text in sorted(environment.items()):
        if name.startswith(ENVIRONMENT) and "__" in name:
            yield name.removeprefix(ENVIRONMENT).lower().replace("__", "."), _value(text)
