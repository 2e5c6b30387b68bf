"""What NannyML estimates of the windows of rows.parquet in a folder; runs in an environment of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nannyml
import pandas as pd


def main(folder: str, task: str, size: str) -> None:
    rows = pd.read_parquet(Path(folder) / "rows.parquet")
    reference = rows[rows["part"] == "reference"].reset_index(drop=True)
    analysis = rows[rows["part"] == "analysis"].reset_index(drop=True)
    if task == "binary":
        for part in (reference, analysis):
            part["label"] = (part["said"] >= 0.5).astype(int)
        found = nannyml.CBPE(
            problem_type="classification_binary",
            y_pred_proba="said",
            y_pred="label",
            y_true="target",
            metrics=["roc_auc"],
            chunk_size=int(size),
        )
        metric = "roc_auc"
    else:
        found = nannyml.DLE(
            feature_column_names=list("abcd"),
            y_pred="said",
            y_true="target",
            metrics=["mae"],
            chunk_size=int(size),
        )
        metric = "mae"
    found.fit(reference)
    table = found.estimate(analysis.drop(columns="target")).filter(period="analysis").to_df()
    print(json.dumps(table[metric]["value"].tolist()))


if __name__ == "__main__":
    main(*sys.argv[1:])
