"""Predictions for rows that are not kept, and models that leave the workspace."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask
from undrift.errors import ConfigError, DataError, ModelError, NotFoundError
from undrift.records import Batch


def rows(count: int = 700, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(count)],
            "x": rng.normal(size=count),
            "colour": rng.choice(["red", "green"], count),
        }
    )
    z = frame["x"] + (frame["colour"] == "red") + rng.normal(0, 0.3, count)
    return frame.assign(y=z, bought=np.where(z > 0.5, "yes", "no"))


def workspace(root: Path, target: str, model: str, *more: str) -> ud.Loop:
    frame = rows()
    kept = frame[["id", "x", "colour", target]]
    kept.to_csv(root / "history.csv", index=False)
    code, _, err = ask(
        *("-C", root, "init", "--from", root / "history.csv", "--target", target, "--id", "id"),
        *("--set", f"model.use=sklearn.linear_model:{model}", "--set", "windows.size=100", *more),
    )
    assert code == 0, err
    return ud.open(root)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that predicts a number. Do not change it."""
    root = tmp_path_factory.mktemp("numbers")
    workspace(root, "y", "Ridge")
    return root


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that predicts one of two labels. Do not change it."""
    root = tmp_path_factory.mktemp("classes")
    workspace(root, "bought", "LogisticRegression")
    return root


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_predictions_are_csv_with_ids_and_nothing_is_kept(numbers: Path, tmp_path: Path) -> None:
    fresh = rows(50, seed=1)
    fresh.drop(columns=["y"]).to_csv(tmp_path / "new.csv", index=False)
    before = ud.open(numbers).store.all(Batch)
    code, out, err = ask("-C", numbers, "predict", tmp_path / "new.csv")
    assert code == 0, err
    found = table(out)
    assert [row["id"] for row in found] == fresh["id"].tolist()
    assert set(found[0]) == {"id", "prediction"}
    values = np.array([float(row["prediction"]) for row in found])
    assert np.corrcoef(values, fresh["y"])[0, 1] > 0.9
    assert ud.open(numbers).store.all(Batch) == before
    assert "50 rows by v1" in err


def test_labels_are_named_and_probabilities_belong_to_them(classes: Path, tmp_path: Path) -> None:
    fresh = rows(80, seed=1)
    fresh.to_parquet(tmp_path / "new.parquet")
    found = table(ask("-C", classes, "predict", tmp_path / "new.parquet")[1])
    assert set(found[0]) == {"id", "prediction", "probability_no", "probability_yes"}
    for row in found:
        no, yes = float(row["probability_no"]), float(row["probability_yes"])
        assert no + yes == pytest.approx(1)
        assert row["prediction"] == ("yes" if yes >= 0.5 else "no")
    said = json.loads(ask("-C", classes, "predict", tmp_path / "new.parquet", "--json")[1])
    assert [row["prediction"] for row in said["predictions"]] == [row["prediction"] for row in found]
    assert np.mean([row["prediction"] for row in found] == fresh["bought"]) > 0.85


def test_rows_may_come_in_any_order_of_columns_with_others_and_without_ids(numbers: Path) -> None:
    loop, fresh = ud.open(numbers), rows(30, seed=2)
    values = loop.predict(fresh)
    assert values.shape == (30,)
    assert values.dtype == np.float64
    assert loop.predict(fresh[["colour", "x"]].assign(other=1)) == pytest.approx(values)
    assert loop.predict(fresh[["colour", "x"]].iloc[3:4]) == pytest.approx(values[3:4])
    with pytest.raises(DataError, match="no column 'x'"):
        loop.predict(fresh[["colour"]])
    with pytest.raises(NotFoundError, match="v9"):
        loop.predict(fresh, version=9)
    with pytest.raises(ModelError, match="has no classes"):
        loop.predict_proba(fresh)


def test_probabilities_in_python_are_in_the_order_of_the_classes(classes: Path) -> None:
    loop, fresh = ud.open(classes), rows(30, seed=2)
    probabilities = loop.predict_proba(fresh)
    assert probabilities.shape == (30, 2)
    assert loop.schema.classes == ("no", "yes")
    assert (loop.predict(fresh) == np.array(loop.schema.classes)[probabilities.argmax(axis=1)]).all()


def test_status_and_history_in_python_are_what_the_commands_say(demo_weeks: Path) -> None:
    loop = ud.open(demo_weeks)
    assert loop.status().sentence.split()[0] in ask("-C", demo_weeks, "status")[1]
    said = json.loads(ask("-C", demo_weeks, "history", "--json")[1])
    assert [line.window.key for line in loop.history()] == [w["window"]["key"] for w in said["windows"]]


def test_an_exported_model_predicts_the_same_without_undrift(classes: Path, tmp_path: Path) -> None:
    fresh = rows(40, seed=3)
    fresh.to_csv(tmp_path / "new.csv", index=False)
    code, out, err = ask("-C", classes, "export", tmp_path / "model")
    assert code == 0, err
    assert "is written to" in out
    told = json.loads((tmp_path / "model" / "model.json").read_text())
    script = f"""
import pandas as pd
{told["load"]["code"]}
rows = pd.read_csv({str(tmp_path / "new.csv")!r})
names = [f["name"] for f in json.load(open("model.json"))["features"]]
print(*model.predict_proba(rows[names])[:, 1])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "model", capture_output=True, text=True, check=True
    )
    alone = [float(word) for word in done.stdout.split()]
    assert alone == pytest.approx(ud.open(classes).predict_proba(fresh)[:, 1].tolist())


def test_an_export_is_not_written_over_another(numbers: Path, tmp_path: Path) -> None:
    loop = ud.open(numbers)
    loop.export(tmp_path / "model")
    with pytest.raises(ConfigError, match="exists already"):
        loop.export(tmp_path / "model")
    loop.export(tmp_path / "model", force=True)
    (tmp_path / "file").write_text("x")
    code, _, err = ask("-C", numbers, "export", tmp_path / "file")
    assert code == 2
    assert "cannot be written" in err


def test_predictions_go_to_a_file_whole_or_not_at_all(numbers: Path, tmp_path: Path) -> None:
    rows(20, seed=4).to_csv(tmp_path / "new.csv", index=False)
    code, out, _ = ask("-C", numbers, "predict", tmp_path / "new.csv", "-o", tmp_path / "out.csv")
    assert (code, out) == (0, "")
    assert len(table((tmp_path / "out.csv").read_text())) == 20
    code, _, err = ask("-C", numbers, "predict", tmp_path / "new.csv", "-o", tmp_path / "none" / "out.csv")
    assert code == 2
    assert "cannot be written" in err


def test_parts_say_where_they_come_from() -> None:
    found = json.loads(ask("parts", "--json")[1])["parts"]
    assert {"room": "metrics", "name": "psi", "package": "undrift"}.items() <= next(
        part.items() for part in found if part["name"] == "psi"
    )
    assert len(table(ask("parts", "merging")[1])) >= 2
    code, _, err = ask("parts", "metriks")
    assert code == 2
    assert "metrics" in err


def test_a_step_and_a_comparison_give_one_type_of_result(numbers: Path, tmp_path: Path) -> None:
    root = shutil.copytree(numbers, tmp_path / "w")
    fresh = rows(300, seed=5).assign(x=lambda d: d["x"] + 3)[["id", "x", "colour", "y"]]
    report = ud.open(root).step(fresh.assign(id=[f"n{i}" for i in range(300)]))
    alone = ud.compare(rows()[["x", "colour"]], fresh[["x", "colour"]])
    for result in (report.comparison, alone):
        assert isinstance(result, ud.Result)
        assert "x" in result.drifted
        assert result.verdict == "drift"
        table = result.to_pandas()
        assert table.index.name == "feature"
        assert table.loc["x", "verdict"] == "drift"
        assert table.loc["x", "psi"] == result.features["x"].metrics["psi"]
        assert [f["name"] for f in result.to_dict()["features"]] == table.index.tolist()
        assert "<svg" in result.to_html()


def test_a_profile_is_kept_in_a_file_and_comes_back(tmp_path: Path) -> None:
    reference = ud.profile(rows()[["x", "colour"]])
    reference.save(tmp_path / "x.profile")
    again = ud.TableProfile.load(tmp_path / "x.profile")
    assert ud.compare(again, reference).drifted == []
    assert again.rows == reference.rows
    with pytest.raises(DataError, match="cannot be written"):
        reference.save(tmp_path / "none" / "x.profile")
    (tmp_path / "bad.profile").write_text("x")
    with pytest.raises(DataError, match=r"bad\.profile"):
        ud.TableProfile.load(tmp_path / "bad.profile")
