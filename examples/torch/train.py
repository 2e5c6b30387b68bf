"""A training job: a small network in PyTorch, given back as a folder that predicts.

In undrift.toml::

    [model]
    use = "command"
    params.command = ["python", "examples/torch/train.py"]
    params.timeout = 600

PyTorch is installed by whoever uses this: pip install torch --index-url of its CPU wheels.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import torch

EPOCHS = 30


def main() -> None:
    job = json.load(sys.stdin)
    rows = pd.read_parquet(job["rows"])
    numbers = [one["name"] for one in job["features"] if one["kind"] != "categorical"]
    labels = [one["name"] for one in job["features"] if one["kind"] == "categorical"]
    known = {name: sorted(rows[name].dropna().unique()) for name in labels}
    middle, spread = rows[numbers].mean(), rows[numbers].std().replace(0, 1)
    plan = {
        "numbers": numbers,
        "known": known,
        "middle": middle.tolist(),
        "spread": spread.tolist(),
        "classes": job["classes"],
    }
    x = torch.tensor(encoded(rows, plan), dtype=torch.float32)
    torch.manual_seed(0)
    outputs = len(job["classes"]) or 1
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, outputs)
    )
    if job["classes"]:
        y = torch.tensor([job["classes"].index(name) for name in rows[job["target"]]])
        cost = torch.nn.CrossEntropyLoss(reduction="none")
    else:
        y = torch.tensor(rows[job["target"]].to_numpy(), dtype=torch.float32)[:, None]
        plan["level"], plan["scale"] = float(y.mean()), float(y.std()) or 1.0
        y = (y - plan["level"]) / plan["scale"]
        cost = torch.nn.L1Loss(reduction="none")
    weights = torch.tensor(rows[job["weight"]].to_numpy()) if job["weight"] else torch.ones(len(rows))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(256):
            optimiser.zero_grad()
            losses = cost(network(x[batch]), y[batch]).reshape(len(batch))
            (losses * weights[batch]).mean().backward()
            optimiser.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1} of {EPOCHS}: loss {float(losses.detach().mean()):.4f}", flush=True)
    folder = Path(job["output"]) / "model"
    folder.mkdir()
    torch.save(network.state_dict(), folder / "network.pt")
    (folder / "plan.json").write_text(json.dumps(plan))
    shutil.copy(Path(__file__).with_name("predict.py"), folder / "predict.py")
    (folder / "predict").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "$(dirname "$0")/predict.py" "$1" "$2"\n'
    )
    (folder / "predict").chmod(0o755)


def encoded(rows: pd.DataFrame, plan: dict) -> object:
    """Numbers in standard deviations, missing ones in the middle, and one column for each known label."""
    parts = [((rows[plan["numbers"]] - plan["middle"]) / plan["spread"]).fillna(0.0)]
    for name, values in plan["known"].items():
        parts += [(rows[name] == value).astype(float).rename(f"{name}={value}") for value in values]
    return pd.concat(parts, axis=1).to_numpy(dtype="float32")


if __name__ == "__main__":
    main()
