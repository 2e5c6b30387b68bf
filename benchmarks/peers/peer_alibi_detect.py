"""alibi-detect: TabularDrift, that is K-S tests for numbers and chi-squared tests for labels.

It takes one array of numbers without nulls: labels become codes, nulls their column's median or a code of
their own. Making that array belongs to loading, so serving does not count it.
"""

import logging
from collections import defaultdict

import numpy as np
import pandas as pd
from _protocol import run
from alibi_detect.cd import TabularDrift

logging.disable(logging.WARNING)
codes = defaultdict(lambda: defaultdict(int))


def load(path):
    frame = pd.read_parquet(path)
    array = np.empty(frame.shape, order="F")
    for i, name in enumerate(frame):
        array[:, i] = numbers(frame[name]) if frame[name].dtype == float else coded(frame[name])
    load.labelled = {i: None for i, name in enumerate(frame) if frame[name].dtype != float}
    load.names = list(frame)
    return array


def numbers(column):
    return column.fillna(column.median())


def coded(column):
    own, uniques = pd.factorize(column, use_na_sentinel=False)
    known = codes[column.name]
    return np.array([known.setdefault(str(label), len(known)) for label in uniques])[own]


def prepare(array):
    return TabularDrift(array, categories_per_feature=load.labelled)


def judge(detector, array):
    found = detector.predict(array, drift_type="feature")["data"]
    return dict(zip(load.names, found["distance"], strict=True))


run(load, prepare, judge)
