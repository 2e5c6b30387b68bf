"""What the folder of examples/torch/train.py predicts with: ROWS.parquet in, OUT.parquet out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import torch

HERE = Path(__file__).parent


def main(source: str, target: str) -> None:
    plan = json.loads((HERE / "plan.json").read_text())
    rows = pd.read_parquet(source)
    parts = [((rows[plan["numbers"]] - plan["middle"]) / plan["spread"]).fillna(0.0)]
    for name, values in plan["known"].items():
        parts += [(rows[name] == value).astype(float).rename(f"{name}={value}") for value in values]
    x = torch.tensor(pd.concat(parts, axis=1).to_numpy(dtype="float32"))
    classes = plan["classes"]
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, len(classes) or 1)
    )
    network.load_state_dict(torch.load(HERE / "network.pt", weights_only=True))
    with torch.no_grad():
        said = network(x)
    if classes:
        found = pd.DataFrame(torch.softmax(said, 1).numpy().astype(float), columns=classes)
    else:
        found = pd.DataFrame({"prediction": said[:, 0].numpy().astype(float) * plan["scale"] + plan["level"]})
    found.to_parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
