"""Evidently: DataDriftPreset with its own choice of tests, columns declared in a DataDefinition."""

import pandas as pd
from _protocol import run
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def load(path):
    frame = pd.read_parquet(path)
    numeric = list(frame.select_dtypes("number"))
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[c for c in frame if c not in numeric]
    )
    return Dataset.from_pandas(frame, data_definition=definition)


def judge(reference, current):
    snapshot = Report([DataDriftPreset()]).run(current, reference)
    metrics = snapshot.dict()["metrics"]
    return {m["config"]["column"]: m["value"] for m in metrics if "column" in m["config"]}


run(load, lambda reference: reference, judge)
