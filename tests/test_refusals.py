"""A delivery that was refused is on record until another one of its kind comes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from conftest import ask, moving_stream
from undrift.errors import DataError, NotFoundError
from undrift.records import Batch, Refusal
from undrift.stores.sql import Sql
from undrift.workspace.refusals import newest, recorded


@pytest.fixture
def workspace(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """A workspace and the rows that come next."""
    frame = moving_stream(windows=14)
    frame[:1200].to_csv(tmp_path / "history.csv", index=False)
    model = "model.use=sklearn.linear_model:LinearRegression"
    arguments = ("--target", "y", "--time", "at", "--id", "id", "--ignore", "colour", "--set", model)
    frame["x"] = frame["x"].fillna(0.0)
    frame[:1200].to_csv(tmp_path / "history.csv", index=False)
    assert ask("-C", tmp_path, "init", "--from", tmp_path / "history.csv", *arguments)[0] == 0
    return tmp_path, frame[1200:]


def test_a_lost_column_is_on_record_until_the_delivery_comes_mended(
    workspace: tuple[Path, pd.DataFrame],
) -> None:
    root, rows = workspace
    rows.drop(columns="x").to_csv(root / "june.csv", index=False)
    code, _, err = ask("-C", root, "run", root / "june.csv")
    assert code == 2
    assert "no column 'x'" in err

    _, out, _ = ask("-C", root, "status")
    second = out.splitlines()[1]
    assert second.startswith("feed    broken: june.csv (rows) was refused")
    assert "no column 'x'" in second
    assert json.loads(ask("-C", root, "status", "--json")[1])["refused"]["source"] == "june.csv"

    rows.to_csv(root / "june.csv", index=False)
    assert ask("-C", root, "run", root / "june.csv")[0] == 0
    assert json.loads(ask("-C", root, "status", "--json")[1])["refused"] is None
    assert "refused" not in ask("-C", root, "status")[1]
    _, out, _ = ask("-C", root, "history")
    assert "june.csv (rows) was refused" in " ".join(out.split())
    assert len(json.loads(ask("-C", root, "history", "--json")[1])["refused"]) == 1


def test_a_file_that_cannot_be_read_is_on_record_but_one_that_is_not_there_is_not(
    workspace: tuple[Path, pd.DataFrame],
) -> None:
    root, _ = workspace
    assert ask("-C", root, "run", root / "nowhere.parquet")[0] == 2
    assert json.loads(ask("-C", root, "status", "--json")[1])["refused"] is None
    (root / "half.parquet").write_bytes(b"PAR1 and no more")
    assert ask("-C", root, "run", root / "half.parquet")[0] == 2
    assert json.loads(ask("-C", root, "status", "--json")[1])["refused"]["source"] == "half.parquet"


def test_labels_do_not_mend_a_feed_of_rows(workspace: tuple[Path, pd.DataFrame]) -> None:
    root, rows = workspace
    bad = rows.assign(y="many")
    bad[["id", "y"]].to_csv(root / "labels.csv", index=False)
    assert ask("-C", root, "label", root / "labels.csv")[0] == 2
    assert json.loads(ask("-C", root, "status", "--json")[1])["refused"]["what"] == "labels"
    rows.to_csv(root / "june.csv", index=False)
    assert ask("-C", root, "run", root / "june.csv")[0] == 0
    assert json.loads(ask("-C", root, "status", "--json")[1])["refused"]["what"] == "labels"
    rows[["id", "y"]].assign(y=1.0).to_csv(root / "labels.csv", index=False)
    assert ask("-C", root, "label", root / "labels.csv")[0] == 0
    assert json.loads(ask("-C", root, "status", "--json")[1])["refused"] is None


def refuse(store: Sql, problem: str = "it is broken") -> None:
    with pytest.raises(DataError), recorded(store, "rows", "a.csv"):
        raise DataError(problem)


def test_the_same_refusal_is_one_record_until_something_comes_between() -> None:
    store = Sql()
    refuse(store)
    refuse(store)
    assert len(store.all(Refusal)) == 1
    store.put("b", Batch("b", rows=1, before=0))
    assert newest(store) is None
    refuse(store)
    assert [r.before for r in store.all(Refusal)] == [0, 1]
    assert newest(store) == store.all(Refusal)[-1]


def test_only_a_delivery_of_bad_data_is_a_refusal() -> None:
    store = Sql()
    with pytest.raises(NotFoundError), recorded(store, "rows", "a.csv"):
        raise NotFoundError("no such file")
    assert not store.all(Refusal)
