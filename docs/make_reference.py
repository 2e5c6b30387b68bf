"""Writes docs/reference.md from the code: commands, settings and parts.

Usage: uv run python docs/make_reference.py
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

from undrift.cli import verbs
from undrift.config.settings import SECTIONS, SETTINGS
from undrift.metrics import Metric
from undrift.plugins import find, names

ROOMS = {
    "metrics": "How far a feature has moved: `drift.metric`, `drift.also`, `drift.features.NAME.metric`.",
    "policies": "When to retrain: `policy.use`; the other keys of `[policy]` are its arguments.",
    "merging": "Which rows to train on: `merge.candidates`, one challenger each.",
    "losses": "By which models are judged: `score.loss`.",
    "calibration": "How ordinary variation is estimated, to tell a move from it: `drift.calibration`.",
    "multivariate": "What looks at features together: `drift.multivariate`.",
    "trainers": "What is trained: `model.use`, an import path (`estimator`) or the name of another trainer.",
    "lakes": "Where rows are kept: `lake.use`.",
    "registries": "Where models are kept: `registry.use`.",
    "stores": "Where records are kept: `store.use`.",
    "inputs": "What rows are read from; chosen by what is given.",
}

HEAD = """# Reference

Written from the code by `uv run python docs/make_reference.py`; a test fails where it has fallen behind.

A setting comes, in this order, from the command line (`--set KEY=VALUE`), from the environment
(`UNDRIFT_DRIFT__METRIC=ks` sets `drift.metric`), from `undrift.toml`, from `[tool.undrift]` in
`pyproject.toml`, or is the default. `undrift config show` says which.

| exit code | meaning |
|---|---|
| 0 | done, no drift |
| 1 | unexpected error |
| 2 | usage, configuration, schema or data error |
| 3 | drift, or the loss over its limit |
| 4 | the gate rejected the challenger; the champion stays |
| 5 | cannot decide: too few rows or labels |
| 6 | try again later: another process is at work, or a store does not answer |

`undrift run`, `label` and `status` end with 0 where all is done, unless `--detailed-exitcode` is given.
"""


def reference() -> str:
    """The whole document."""
    return "\n".join([HEAD, *_commands(), *_settings(), *_parts()])


def _commands() -> list[str]:
    lines = ["## Commands", ""]
    for verb in verbs():
        words = [verb, "show"] if verb == "config" else [verb]
        command = [sys.executable, "-m", "undrift", *words, "--help"]
        shown = subprocess.run(
            command, capture_output=True, text=True, check=True, env={"COLUMNS": "100"}
        ).stdout
        text = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        lines += [f"### `undrift {verb}`", "", "```text", text, "```", ""]
    return lines


def _settings() -> list[str]:
    lines = ["## Settings", ""]
    for section in SECTIONS:
        lines += [f"### `[{section}]`", "", "| setting | default | meaning |", "|---|---|---|"]
        for name, setting in SETTINGS.items():
            if name.startswith(f"{section}."):
                default = "" if setting.default is None else f"`{setting.default!r}`"
                lines.append(f"| `{name}` | {default} | {setting.comment} |")
        lines.append("")
    return lines


def _parts() -> list[str]:
    lines = []
    for room, what in ROOMS.items():
        lines += [f"## Parts: {room}", "", what, ""]
        for name in names(room):
            part = find(room, name)
            lines += _metric(part) if isinstance(part, Metric) else [_line(name, part)]
        lines.append("")
    return lines


def _line(name: str, part: object) -> str:
    return f"- `{name}`{_signature(part)}: {_sentence(part)}"


def _metric(part: Metric) -> list[str]:
    """A heading, what the docstring says before its example, and what the metric declares."""
    text = (inspect.getdoc(part) or "").split("\n\n>>>")[0].replace("``", "`")
    body, _, source = text.partition("Source:")
    return [
        f"### `{part.name}`",
        "",
        *body.strip().splitlines(),
        "",
        f"- features: {' and '.join(part.kinds)}",
        f"- range: 0 to {_number(part.upper)}",
        f"- symmetric: {'yes' if part.symmetric else 'no'}",
        f"- default threshold: {part.threshold:g}",
        f"- source: {' '.join(source.split()).rstrip('.')}",
        "",
    ]


def _number(bound: float) -> str:
    return "infinity" if bound == float("inf") else f"{bound:.3g}"


def _sentence(part: object) -> str:
    text = " ".join((inspect.getdoc(part) or "").split("\n\n")[0].split())
    text = text.replace("``", "`")
    return text if text.endswith(".") else f"{text}."


def _signature(part: object) -> str:
    if not inspect.isclass(part):
        return ""
    parameters = list(inspect.signature(part).parameters.values())
    shown = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)
    return f" ({shown})" if shown else ""


if __name__ == "__main__":
    Path(__file__).with_name("reference.md").write_text(reference(), encoding="utf-8")
