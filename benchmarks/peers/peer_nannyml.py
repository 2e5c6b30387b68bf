"""NannyML: UnivariateDriftCalculator with its default methods; one chunk is one window."""

import sys
from pathlib import Path

import nannyml as nml
import pandas as pd
import pyarrow.parquet as pq
from _protocol import run


def prepare(frame):
    """A calculator fitted on chunks of the window's size: that is what its thresholds are made from."""
    window = pq.read_metadata(sys.argv[-1]).num_rows
    calculator = nml.UnivariateDriftCalculator(column_names=list(frame.columns), chunk_size=window)
    return calculator.fit(frame)


def judge(calculator, window):
    result = calculator.calculate(window).filter(period="analysis").to_df()
    values = result.xs("value", axis=1, level=2).iloc[0]
    return {column: values[column, method] for column, method in values.index}


def keep(calculator, path):
    place = Path(path)
    nml.io.store.FilesystemStore(str(place.parent)).store(calculator, filename=place.name)


def restore(path):
    place = Path(path)
    return nml.io.store.FilesystemStore(str(place.parent)).load(filename=place.name)


run(pd.read_parquet, prepare, judge, keep, restore)
