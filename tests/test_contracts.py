"""The contracts of rooms whose parts are small: every part keeps them, whoever wrote it."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from undrift import inputs, plugins
from undrift.testing.evidence import check_calibration, check_quality, check_together
from undrift.testing.models import check_trainer


@pytest.mark.parametrize("name", plugins.names("calibration"))
def test_every_calibration_keeps_the_contract(name):
    check_calibration(plugins.find("calibration", name)())


@pytest.mark.parametrize("name", plugins.names("quality"))
def test_every_quality_check_keeps_the_contract(name):
    check_quality(plugins.find("quality", name))


@pytest.mark.parametrize("name", plugins.names("multivariate"))
def test_every_metric_of_features_together_keeps_the_contract(name):
    check_together(plugins.find("multivariate", name))


@pytest.mark.parametrize("name", plugins.names("trainers"))
def test_every_trainer_keeps_the_contract(name):
    from sklearn.linear_model import LinearRegression

    part = plugins.find("trainers", name)
    rows = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 1.0]})
    fitted = LinearRegression().fit(rows, np.arange(3.0))
    if name == "command":
        code = (
            "import json, sys; import pandas as pd, skops.io; "
            "from sklearn.linear_model import LinearRegression; job = json.load(sys.stdin); "
            "rows = pd.read_parquet(job['rows']); "
            "names = [one['name'] for one in job['features']]; "
            "model = LinearRegression().fit(rows[names], rows['_target'], rows.get('_weight')); "
            "skops.io.dump(model, job['output'] + '/model.skops')"
        )
        check_trainer(part([sys.executable, "-c", code]), fitted)
    elif name in ("refit", "recalibrate"):
        check_trainer(part(), fitted)
    else:
        check_trainer(part("sklearn.linear_model:LinearRegression"), fitted)


def written(how: str, table: pa.Table, folder: Path) -> object:
    """The same rows in one of the forms that undrift reads."""
    frame = table.to_pandas()
    if how == "frame":
        return frame
    if how == "sql":
        with closing(sqlite3.connect(folder / "rows.db")) as database:
            frame.to_sql("rows", database, index=False)
        return f"sqlite:///{folder / 'rows.db'}#select * from rows"
    if how == "delta":
        write_deltalake(str(folder / "lake"), table)
        return folder / "lake"
    if how == "folder":
        pq.write_table(table.slice(0, 20), folder / "a.parquet")
        pq.write_table(table.slice(20), folder / "b.parquet")
        return folder
    return file_of(how, frame, folder / f"rows.{how}")


def file_of(ending: str, frame: pd.DataFrame, path: Path) -> Path:
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == "feather":
        frame.to_feather(path)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("how", ["frame", "sql", "delta", "folder", "csv", "jsonl", "feather", "parquet"])
def test_every_input_gives_the_same_rows_as_often_as_it_is_read(how: str, tmp_path: Path) -> None:
    table = pa.table({"x": [n / 4 for n in range(50)], "label": ["ab"[n % 2] for n in range(50)]})
    found = inputs.rows(written(how, table, tmp_path))
    for _ in range(2):
        read = pa.Table.from_batches(found.scan(None))
        assert read.column_names == ["x", "label"]
        assert read["x"].to_pylist() == table["x"].to_pylist()
        assert read["label"].cast(pa.string()).to_pylist() == table["label"].to_pylist()
    (only,) = {tuple(batch.schema.names) for batch in found.scan(["label"])}
    assert only == ("label",)
