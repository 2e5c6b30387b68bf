"""undrift's Python API, on pyarrow tables or, with TABLE=pandas, on pandas frames."""

import os

import pyarrow.parquet as pq
from _protocol import run

import undrift as ud


def load(path):
    table = pq.read_table(path)
    return table.to_pandas() if os.environ.get("TABLE") == "pandas" else table


def judge(reference, window):
    found = ud.compare(reference, window)
    return {name: next(iter(feature.metrics.values())) for name, feature in found.features.items()}


run(load, ud.profile, judge)
