"""deepchecks: FeatureDrift as it comes, which looks at a sample of 100,000 rows at most."""

import warnings

warnings.simplefilter("ignore")

import pandas as pd  # noqa: E402
from _protocol import run  # noqa: E402
from deepchecks.tabular import Dataset  # noqa: E402
from deepchecks.tabular.checks import FeatureDrift  # noqa: E402


def load(path):
    frame = pd.read_parquet(path)
    return Dataset(frame, cat_features=list(frame.select_dtypes("object")))


def judge(reference, current):
    found = FeatureDrift().run(reference, current, with_display=False).value
    return {name: each["Drift score"] for name, each in found.items()}


run(load, lambda reference: reference, judge)
