"""whylogs: (approximate) profiles of both, then drift scores by its own choice of algorithms."""

import pandas as pd
import whylogs as why
from _protocol import run
from whylogs.core.view.dataset_profile_view import DatasetProfileView
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


def view(frame):
    return why.log(pandas=frame).profile().view()


def judge(reference, frame):
    scores = calculate_drift_scores(target_view=view(frame), reference_view=reference, with_thresholds=True)
    return {name: score and score["statistic"] for name, score in scores.items()}


run(
    pd.read_parquet,
    view,
    judge,
    keep=lambda reference, path: reference.write(path),
    restore=DatasetProfileView.read,
)
