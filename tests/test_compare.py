"""undrift compare and undrift profile as a user has them, and the same from Python."""

from __future__ import annotations

import csv
import itertools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import undrift as ud
from conftest import ask
from undrift.errors import ConfigError, DataError, MergeError
from undrift.profiles import codec
from undrift.testing import laws
from undrift.testing.contracts import HOSTILE
from undrift.verdicts import WORST_FIRST

HOSTILE_NAMES = [*HOSTILE, "\x1b[2J", "two\nlines", "cr\rname", "\u202eright", "nul\x00", "x" * 300]


def rows(count: int = 2000, shift: float = 0.0, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Rows with two numbers, a label, a region and a flag; ``shift`` moves one of the numbers."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": random.normal(shift, 1, count).round(3),
            "z": random.exponential(2, count).round(3),
            "colour": random.choice(["red", "green", "blue"], count),
            "region": random.choice(["north", "south"], count),
            "flag": random.random(count) < 0.3,
        }
    ).assign(**columns)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with files of rows: a, the same kind of rows b, moved ones, and a few."""
    monkeypatch.chdir(tmp_path)
    rows().to_csv("a.csv", index=False)
    rows(seed=1).to_csv("b.csv", index=False)
    rows(shift=1.0, seed=2).to_csv("moved.csv", index=False)
    rows(5, seed=3).to_csv("few.csv", index=False)
    return tmp_path


def ask_json(*arguments: object) -> dict[str, Any]:
    code, out, _ = ask(*arguments, "--json")
    assert out.count("\n") == 1, "stdout carries exactly one line"
    return json.loads(out, parse_constant=pytest.fail) | {"exit": code}


def refused(*arguments: object) -> str:
    """What a refused command says on stderr; stdout stays empty."""
    code, out, err = ask(*arguments)
    assert (code, out) == (2, ""), (code, out)
    assert err.startswith("undrift: ")
    assert len(err.splitlines()) == 2, "what is wrong on one line, what to do on the next"
    return err


# ---------------------------------------------------------------- what the command says


@pytest.mark.parametrize(
    ("current", "code", "verdict"),
    [("b.csv", 0, "stable"), ("moved.csv", 3, "drift"), ("few.csv", 5, "insufficient")],
)
def test_the_exit_code_and_the_first_line_say_the_verdict(files, current, code, verdict):
    found, out, err = ask("compare", "a.csv", current)
    assert (found, err) == (code, "")
    assert out.splitlines()[0] == ud.compare("a.csv", current).sentence
    assert out.lower().startswith(f"{verdict}: ")


def test_a_small_reference_is_what_too_few_rows_are_blamed_on(files):
    assert ud.compare("few.csv", "a.csv").sentence.startswith("Insufficient: 5 rows of the reference are")
    assert ud.compare("a.csv", "few.csv").sentence.startswith("Insufficient: 5 rows are too few")


def test_the_json_is_one_versioned_line_that_says_everything(files):
    rows(shift=1.0, seed=4, new=1.5).drop(columns="flag").to_csv("other.csv", index=False)
    body = ask_json("compare", "a.csv", "other.csv")
    assert body["format"] == 1
    assert (body["exit"], body["verdict"]) == (3, "drift")
    assert body["rows"] == {"reference": 2000, "current": 2000}
    assert body["sentence"].startswith("Drift: 2 of 5 features drifted. Worst: flag is gone")
    first = body["features"][0]
    assert (first["name"], first["kind"], first["verdict"], first["threshold"]) == (
        *("x", "numeric", "drift"),
        0.1,
    )
    assert first["metrics"]["psi"] > 0.5
    assert {"missing", "ks", "wasserstein", "jensen_shannon"} <= first["metrics"].keys()
    assert first["effect"].startswith("mean")
    order = ["drift", "watch", "stable", "insufficient"]
    places = [order.index(f["verdict"]) for f in body["features"]]
    assert places == sorted(places), "worst first"
    assert body["schema"] == {"lost": ["flag"], "new": ["new"], "retyped": [], "reordered": False}
    assert body["faults"] == [{"column": "x", "check": "out_of_range", "text": body["faults"][0]["text"]}]
    assert body["left_out"] == {}
    assert body["segments"] == {}


def test_python_says_the_same_as_the_json(files):
    body = ask_json("compare", "a.csv", "moved.csv", "--by", "region")
    result = ud.compare(rows(), rows(shift=1.0, seed=2), by="region")
    found = result.to_dict()
    assert found == {name: value for name, value in body.items() if name != "exit"}
    assert (result.verdict, result.drifted, next(iter(result.features))) == ("drift", ["x"], "x")
    assert result.features["x"].metrics["psi"] == body["features"][0]["metrics"]["psi"]
    assert result.features["x"].effect == body["features"][0]["effect"]
    assert result.segments["north"].to_dict()["features"] == body["segments"]["north"]["features"]
    assert repr(result) == f"<Result {result.sentence}>"


def test_schema_changes_are_said_and_decide(files):
    same = rows(seed=1)
    assert ud.compare(rows(), same[same.columns[::-1]]).record.reordered
    assert ud.compare(rows(), same[same.columns[::-1]]).verdict == "stable"
    retyped = ud.compare(rows(), same.assign(x=same.x.map("{} €".format)))
    assert (retyped.verdict, retyped.drifted, retyped.record.retyped) == ("drift", ["x"], ("x",))
    assert retyped.sentence == "Drift: 1 of 5 features drifted. Worst: x has another type."
    assert (retyped.record.faults[0].column, retyped.record.faults[0].check) == ("x", "type")
    new = ud.compare(rows(), same.assign(n=1))
    assert (new.verdict, new.record.new) == ("stable", ("n",))
    same.assign(n=1).drop(columns="x")[["n", "flag", "region", "colour", "z"]].to_csv("c.csv", index=False)
    out = ask("compare", "a.csv", "c.csv")[1]
    for line in ("lost: x", "new: n", "reordered: the columns come in another order"):
        assert line in out.splitlines()


def test_what_is_not_compared_is_named_with_its_reason():
    n = 2000
    odd = rows(
        n, one=7, order=range(n), name=[f"n{i}" for i in range(n)], at=pd.date_range("2024", periods=n)
    )
    result = ud.compare(odd, odd.assign(order=odd.order + n))
    assert result.record.left_out == {
        "one": "constant: always 7",
        "order": "ID-like: a number that rises from row to row",
        "name": "ID-like: nearly every value is different",
        "at": "times are not compared",
    }
    assert (result.verdict, len(result.features)) == ("stable", 5)


def test_names_that_only_a_lake_could_not_keep_are_compared():
    table = {"x": [1.0, 2.0] * 50, "X": [3.0, 4.0] * 50, "_undrift_id": ["a", "b"] * 50}
    assert set(ud.compare(table, table).features) == {*table}


def test_a_nested_column_is_left_out_by_name_and_can_be_told_no_other_kind():
    table = {"x": [1.0, 2.0] * 50, "tags": [["a"]] * 100}
    assert ud.compare(table, table).record.left_out == {"tags": "list<item: string> is not compared"}
    assert set(ud.compare(table, table, columns=["x"]).features) == {"x"}
    with pytest.raises(DataError, match=r"'tags' of the table cannot be categorical: .*list<item: string>"):
        ud.compare(table, table, kinds={"tags": "categorical"})
    flat = ud.compare({"x": table["x"], "tags": ["a", "b"] * 50}, table)
    assert flat.record.retyped == ("tags",)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (7.0, 8.0),
        (1.0, 1.000001),
        (1e9, 1e9 + 1),
        (1700000000001, 1700000000002),
        ("a", "b"),
        (1.0, float("nan")),
    ],
)
def test_a_constant_that_changes_is_drift(before, now):
    result = ud.compare({"x": [before] * 1000, "y": [0.5, 1] * 500}, {"x": [now] * 1000, "y": [0.5, 1] * 500})
    assert result.drifted == ["x"]
    assert not result.record.left_out


# ---------------------------------------------------------------- options


def test_options_choose_metric_threshold_columns_and_kinds(files):
    body = ask_json(
        *("compare", "a.csv", "moved.csv", "--metric", "ks", "--threshold", "0.6", "--columns", "x, colour")
    )
    assert {f["name"]: f["threshold"] for f in body["features"]} == {"x": 0.6, "colour": 0.1}
    assert next(iter({f["name"]: f for f in body["features"]}["x"]["metrics"])) == "ks"
    assert body["exit"] == 0
    kinds = ask_json("compare", "a.csv", "b.csv", "--kind", "flag=numeric", "--kind", "z=ignored")
    assert {f["name"]: f["kind"] for f in kinds["features"]}["flag"] == "numeric"
    assert kinds["left_out"] == {"z": "ignored, as set"}
    any_change = ("--threshold", "0", "--calibration", "threshold")
    assert ask("compare", "a.csv", "b.csv", *any_change)[0] == 3, "any change at all is over 0"
    assert ask("compare", "a.csv", "b.csv", "--threshold", "0")[0] == 0, "but chance alone is not significant"
    assert ask("compare", "a.csv", "a.csv", "--threshold", "0")[0] == 0


def test_names_with_commas_and_signs_can_be_told(tmp_path):
    table = pd.DataFrame({"a,b": ["1", "2"] * 50, "c=d": [1.0, 2.0] * 50, "e": [1.0, 2.0] * 50})
    table.to_csv(tmp_path / "t.csv", index=False)
    body = ask_json(
        *("compare", tmp_path / "t.csv", tmp_path / "t.csv", "--columns", '"a,b",c=d'),
        *("--kind", "c=d=categorical"),
    )
    assert {f["name"]: f["kind"] for f in body["features"]} == {"a,b": "numeric", "c=d": "categorical"}


CODES = {
    "zip": ["00501", "10001"],
    "price": ["1.0", "2.50"],
    "flag": ["True", "False"],
    "day": ["2024-01-01", "2024-01-02"],
}


def test_codes_told_to_be_labels_are_the_same_text_on_both_sides(files):
    pd.DataFrame(CODES).loc[[0, 1] * 50].to_csv("codes.csv", index=False)
    kinds = [word for name in CODES for word in ("--kind", f"{name}=categorical")]
    assert ask("profile", "codes.csv", "-o", "codes.profile", *kinds)[0] == 0
    for reference, told in (("codes.csv", kinds), ("codes.profile", ())):
        body = ask_json("compare", reference, "codes.csv", *told)
        assert (body["exit"], body["faults"]) == (0, [])
        assert {f["name"]: f["effect"].split(":")[0] for f in body["features"]}["zip"] == "00501"


def test_a_column_of_mixed_types_is_text_as_in_a_file_without_types():
    mixed = pd.DataFrame({"m": [1, "a", 2.5, None] * 100, "x": np.arange(400.0) % 7})
    ignored = ud.compare(mixed, mixed, kinds={"m": "ignored"})
    assert (list(ignored.features), ignored.record.left_out) == (["x"], {"m": "ignored, as set"})
    for kinds in ({}, {"m": "categorical"}):
        labels = ud.compare(mixed, mixed, kinds=kinds)
        assert labels.reference.features["m"].counts == {"1": 100, "2.5": 100, "a": 100}
        assert labels.verdict == "stable"


MANY = {"1,200 in 5,000 rows": (1200, 5000), "5,000 in 20,000": (5000, 20_000), "500 in 2,000": (500, 2000)}


def drawn(labels: int, count: int, seed: int, **shares: float) -> pa.Table:
    """Rows of labels that are equally frequent, but for those of given shares."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, labels, count)
    names = [*(f"label {n}" for n in range(labels)), *shares]
    for place, share in enumerate(shares.values()):
        codes[random.random(count) < share] = labels + place
    return pa.table({"c": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names)), "x": codes % 7})


Shares = dict[str, float]


def verdicts(labels: int, count: int, seeds: int, before: Shares, now: Shares) -> list[str]:
    kinds = {"c": "categorical", "x": "ignored"}
    pairs = [(drawn(labels, count, s, **before), drawn(labels, count, s + 100, **now)) for s in range(seeds)]
    return [ud.compare(*pair, kinds=kinds).verdict for pair in pairs]


@pytest.mark.parametrize("case", MANY)
def test_two_samples_of_many_labels_are_not_drift(case):
    """The most frequent labels of one sample are less so in the next, and rare ones are met anew."""
    assert verdicts(*MANY[case], 20, {}, {}).count("drift") <= 1


@pytest.mark.parametrize("case", ["1,200 in 5,000 rows", "5,000 in 20,000"])
def test_a_real_change_among_many_labels_is_drift(case):
    assert verdicts(*MANY[case], 6, {"hot": 0.05}, {"hot": 0.16}).count("drift") == 6
    # of more labels than are named a new one is told if its hash says so: this one's does
    assert verdicts(*MANY[case], 6, {}, {"fresh": 0.02}).count("drift") == 6


def test_labels_that_cannot_be_told_apart_are_spoken_of():
    result = ud.compare(drawn(5000, 20_000, 0), drawn(5000, 20_000, 1, fresh=0.1), kinds={"c": "categorical"})
    assert result.features["c"].effect.startswith("new labels (of those that can be told apart): ")
    fault = next(f.text for f in result.record.faults if f.check == "unseen")
    assert fault.startswith("new labels (of those that can be told apart): fresh")


def test_long_labels_and_names_leave_lines_that_can_be_read(files):
    text, name = "a" * 30_000, "n" * 500
    rows(c=[text, "b"] * 1000, only=text, **{name: 1.5}).to_csv("long.csv", index=False)
    rows(c=["b" + text, "b"] * 1000, only="b", **{name: 2.5}).to_csv("other.csv", index=False)
    for words in (["compare", "long.csv", "other.csv"], ["compare", "long.csv", "other.csv", "--by", "c"]):
        code, out, _ = ask(*words)
        assert code == 3
        assert max(map(len, out.splitlines())) < 350
    for words in (["profile", "long.csv"], ["compare", "long.csv", "long.csv"]):
        assert max(map(len, ask(*words)[1].splitlines())) < 300


WRONG = {
    "nope.csv b.csv": "nope.csv does not exist",
    "nope.profile b.csv": "nope.profile cannot be read: No such file",
    "notes.md b.csv": "unknown ending",
    "a.csv broken.profile": "broken.profile: this is not an undrift profile",
    "a.csv elsewhere.csv": "no column in common",
    "a.csv b.csv --metric pis": "Did you mean 'psi'?",
    "a.csv b.csv --threshold=-1": "--threshold -1.0",
    "a.csv b.csv --alarm-rate 2": "--alarm-rate 2.0",
    "days.csv b.csv --columns when": "--kind when=numeric",
    "days.profile b.csv --columns when": "nothing is left to compare: when (times are not compared)",
    "parts b.csv": "later.csv lacks column 'z', which other files have",
    "nodriver://h/d#t b.csv": "Install the package that knows this kind of database",
    "mysql+nodriver://h/d#t b.csv": "Install the",
    "mysql+pymysql://h/d#t b.csv": "Install the driver: pip install pymysql",
    "a.csv b.csv --threshold inf": "finite",
    "a.csv b.csv --threshold nan": "finite",
    "a.csv b.csv --columns x,zz": "no column 'zz'",
    "a.csv b.csv --columns=,": "--columns names no column",
    "a.csv b.csv --kind colour": "COLUMN=KIND",
    "a.csv b.csv --kind colour=numbr": "Did you mean 'numeric'?",
    "a.csv b.csv --kind colour=numeric": "cannot be numeric",
    "a.csv b.csv --kind colur=text": "Did you mean 'colour'?",
    "a.csv b.csv --by regin": "Did you mean 'region'?",
    "a.csv elsewhere.csv --by region": "no column 'region'",
    "a.csv b.csv --html no/such/report.html": "no/such/report.html cannot be written: No such file",
    "a.csv b.csv --html .": "cannot be written: Is a directory",
    "a.csv b.csv --html /dev/full": "/dev/full cannot be written: No space left",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_command_says_what_is_wrong_and_what_to_do(files, words):
    Path("notes.md").write_text("rows\n")
    Path("broken.profile").write_text("rows\n")
    Path("elsewhere.csv").write_text("q,r\n" + "1,2\n" * 50)
    rows(when="2024-01-01").to_csv("days.csv", index=False)
    assert ask("profile", "days.csv", "-o", "days.profile")[0] == 0
    Path("parts").mkdir()
    Path("parts/first.csv").write_bytes(Path("a.csv").read_bytes())
    rows().drop(columns="z").to_csv("parts/later.csv", index=False)
    assert WRONG[words] in refused("compare", *words.split())


def test_columns_that_all_files_of_a_folder_have_can_be_compared(files):
    Path("parts").mkdir()
    rows().to_csv("parts/first.csv", index=False)
    rows(seed=1).drop(columns="z").assign(extra=1).to_csv("parts/later.csv", index=False)
    assert ask("compare", "parts", "a.csv", "--columns", "x,colour")[0] == 0
    assert ask("compare", "a.csv", "parts", "--columns", "x,colour")[0] == 0


def test_without_rows_there_is_too_little_on_either_side(files):
    Path("empty.csv").write_text("x,z,colour,region,flag\n")
    assert ask("compare", "a.csv", "empty.csv")[0] == 5
    assert ask("profile", "empty.csv")[0] == 5
    code, out, err = ask("compare", "empty.csv", "a.csv")
    assert (code, out) == (5, "")
    assert "empty.csv has no rows" in err


def test_another_metric_judges_what_the_chosen_one_is_not_defined_for(files):
    code, _, err = ask("compare", "a.csv", "moved.csv", "--metric", "l_infinity", "--threshold", "0.5")
    assert code == 3
    assert err == "l_infinity is not defined for all kinds: psi, limit 0.1, judges 2 numeric features\n"
    assert ask("compare", "a.csv", "b.csv", "--metric", "psi")[2] == ""


def test_what_is_worst_is_printed_first(files):
    random = np.random.default_rng(0)
    frame = rows(2000, code=random.choice(40, 2000).astype(str), gone=1.5)
    now = rows(2000, shift=0.5, seed=4, code=random.choice(40, 2000).astype(str)).assign(z=lambda t: t.z * 3)
    frame.to_csv("frame.csv", index=False)
    now.to_csv("now.csv", index=False)
    lines = ask("compare", "frame.csv", "now.csv", "--by", "region")[1].splitlines()
    assert "Worst: gone is gone" in lines[0]
    assert lines[1] == "lost: gone"
    result = ud.compare(frame, now)
    ratios = [
        (f.verdict, max(x.value / x.threshold for x in f.record.findings if x.verdict == f.verdict))
        for f in result.features.values()
    ]
    assert ratios == sorted(ratios, key=lambda pair: (WORST_FIRST.index(pair[0]), -pair[1]))


def test_columns_without_any_value_are_left_out_unless_told():
    nothing = {"f": pa.nulls(50, pa.float64()), "s": pa.nulls(50, pa.string())}
    table = pa.table(nothing | {"x": np.arange(50) % 7})
    assert ud.compare(table, table).record.left_out == {"f": "all null", "s": "all null"}
    assert list(ud.compare(table, table, kinds={"f": "numeric"}).features) == ["f", "x"]
    filled = table.set_column(0, "f", pa.array(np.arange(50.0) % 7))
    assert ud.compare(filled, table).features["f"].metrics["missing"] == 1


def test_times_are_left_out_in_whatever_format_they_are_written(tmp_path):
    days = [f"2024-0{1 + n % 9}-01" for n in range(300)]
    clocks = [f"{n % 24:02}:30" for n in range(300)]
    table = pa.table({"day": days, "clock": clocks, "x": np.arange(300) % 7, "c": ["a", "b", "c"] * 100})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    frame = pd.DataFrame(table.to_pydict())
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    with sqlite3.connect(tmp_path / "t.db") as base:
        frame.to_sql("t", base, index=False)
    files = [tmp_path / f"t.{ending}" for ending in ("parquet", "csv", "jsonl")]
    sources = [*files, f"sqlite:///{tmp_path}/t.db#t"]
    for one, other in itertools.product(sources, sources):
        result = ud.compare(one, other)
        assert (result.verdict, list(result.features), result.record.retyped) == ("stable", ["x", "c"], ())
        assert set(result.record.left_out) == {"day", "clock"}
        labels = ud.compare(one, other, kinds={"day": "categorical"})
        assert (labels.verdict, labels.record.faults) == ("stable", ()), (one, other)
        assert ud.compare(one, other, kinds={"day": "numeric"}).verdict == "stable"


def test_words_for_true_and_false_are_flags():
    flags = pa.table({"f": [True, False] * 50})
    words = pa.table({"f": ["True", "false"] * 50})
    assert ud.compare(flags, words).verdict == "stable"
    assert ud.compare(flags, pa.table({"f": ["True", "maybe"] * 50})).record.retyped == ("f",)


def test_a_query_can_only_read(tmp_path):
    with sqlite3.connect(tmp_path / "s.db") as base:
        rows(200).to_sql("c", base, index=False)
    base.close()
    url = f"sqlite:///{tmp_path}/s.db#"
    cte = "with d as (values (1)) delete from c"
    for query in ("drop table c", "delete from c", "select 1; drop table c", cte):
        with pytest.raises(DataError, match=r"only reads|readonly"):
            ud.profile(url + query)
    for query in ("c", "select * from c", "with d as (select * from c) select * from d"):
        assert ud.profile(url + query).rows == 200


def test_a_missing_argument_is_a_usage_error(files):
    code, out, err = ask("compare", "a.csv")
    assert (code, out) == (2, "")
    assert "Missing argument 'B'" in err


def test_the_report_is_written_and_told_of_on_stderr(files):
    code, out, err = ask("compare", "a.csv", "moved.csv", "--html", "report.html")
    assert (code, err) == (3, "report written to report.html\n")
    assert out == ask("compare", "a.csv", "moved.csv")[1]
    assert Path("report.html").read_text(encoding="utf-8") == ud.compare("a.csv", "moved.csv").to_html()


# ---------------------------------------------------------------- profiles in place of rows


def test_a_profile_stands_for_its_file(files):
    assert ask("profile", "a.csv", "-o", "a.profile")[0] == 0
    assert ask("profile", "moved.csv", "-o", "moved.profile", "--like", "a.profile")[0] == 0
    expected = ask_json("compare", "a.csv", "moved.csv")
    assert ask_json("compare", "a.profile", "moved.csv") == expected
    assert ask_json("compare", "a.profile", "moved.profile") == expected
    assert ud.compare(codec.read("a.profile"), rows(shift=1.0, seed=2)).to_dict() == {
        name: value for name, value in expected.items() if name != "exit"
    }
    chosen = ask_json("compare", "a.profile", "b.csv", "--columns", "z")
    assert [f["name"] for f in chosen["features"]] == ["z"]


def test_two_unlike_profiles_are_refused_with_the_mend(files):
    ask("profile", "a.csv", "-o", "a.profile")
    ask("profile", "b.csv", "-o", "b.profile")
    said = refused("compare", "a.profile", "b.profile")
    assert "of the two profiles was counted over unlike grids" in said
    assert "undrift profile --like FIRST" in said
    assert "undrift profile --like FIRST" in refused("profile", "a.profile", "b.profile", "--merge")
    ask("profile", "a.csv", "-o", "labels.profile", "--kind", "flag=categorical")
    said = refused("compare", "a.profile", "labels.profile")
    assert "'flag' is boolean in the first profile and categorical in the second" in said


def test_profiles_over_unlike_labels_merge_only_over_one_vocabulary(files):
    for name, labels in (("one", "ab"), ("other", "ac")):
        pd.DataFrame({"c": list(labels) * 50}).to_csv(f"{name}.csv", index=False)
        ask("profile", f"{name}.csv", "-o", f"{name}.profile")
    said = refused("profile", "one.profile", "other.profile", "--merge")
    assert "feature 'c': a categorical profile over 2 labels" in said
    assert ask("profile", "one.profile", "other.csv", "--merge")[0] == 0
    assert ask("compare", "one.profile", "other.profile")[0] == 3, "labels can be compared all the same"


def test_a_profile_keeps_kinds_and_segments_and_asks_for_no_others(files):
    ask("profile", "a.csv", "-o", "by.profile", "--by", "region", "--kind", "flag=categorical")
    ask("profile", "a.csv", "-o", "plain.profile")
    ask("profile", "b.csv", "-o", "b.profile", "--like", "by.profile")
    expected = ask_json("compare", "a.csv", "b.csv", "--by", "region", "--kind", "flag=categorical")
    assert ask_json("compare", "by.profile", "b.csv") == expected
    assert ask_json("compare", "by.profile", "b.profile", "--by", "region") == expected
    assert "--kind and --by" in refused("compare", "plain.profile", "b.csv", "--by", "region")
    assert "--kind and --by" in refused("compare", "plain.profile", "b.csv", "--kind", "x=categorical")
    assert "tell rows apart by 'region'" in refused("compare", "by.profile", "plain.profile")
    settled = "a profile settles columns, kinds, segments and history"
    for option in (["--by", "region"], ["--columns", "x"], ["--kind", "x=text"]):
        assert settled in refused("profile", "b.csv", "--like", "plain.profile", *option)
        assert settled in refused("profile", "plain.profile", *option)


def test_profiles_of_days_merge_to_the_profile_of_all_their_rows(files):
    days = [rows(400, seed=day, n=[None, 1.5] * 200) for day in range(3)]
    for day, part in enumerate(days):
        part.to_csv(f"day{day}.csv", index=False)
    pd.concat(days).to_csv("all.csv", index=False)
    names = [f"day{day}.csv" for day in range(3)]
    ask("profile", "all.csv", "-o", "all.profile", "--by", "region")
    ask("profile", *names, "--merge", "-o", "together.profile", "--by", "region")
    laws.same(codec.read("together.profile"), codec.read("all.profile"))
    for day in range(3):
        ask("profile", f"day{day}.csv", "--like", "all.profile", "-o", f"day{day}.profile")
    ask("profile", *(f"day{day}.profile" for day in range(3)), "--merge", "-o", "merged.profile")
    whole = codec.read("all.profile")
    assert list(whole.segments) == ["north", "south"]
    laws.same(codec.read("merged.profile"), whole)
    ask("profile", "day0.profile", "day1.csv", "day2.csv", "--merge", "-o", "mixed.profile")
    laws.same(codec.read("mixed.profile"), whole)


def test_the_profile_says_what_is_in_it(files):
    body = ask_json("profile", "a.csv", "-o", "a.profile", "--by", "region")
    assert (body["exit"], body["format"], body["rows"]) == (0, 1, 2000)
    assert body["bytes"] == Path("a.profile").stat().st_size
    assert body["by"] == "region"
    assert sum(body["segments"].values()) == 2000
    named = {f["name"]: f for f in body["features"]}
    assert named["x"]["minimum"] == rows().x.min()
    assert named["x"]["mean"] == pytest.approx(rows().x.mean())
    assert named["flag"]["labels"] == {"false": int((~rows().flag).sum()), "true": int(rows().flag.sum())}
    out = ask("profile", "a.csv")[1]
    assert out.splitlines()[0] == "2,000 rows, 5 features"


@pytest.mark.filterwarnings("error")
def test_the_profile_of_numbers_that_overflow_is_still_json(tmp_path):
    pd.DataFrame({"x": [1e308, -1e308, 1.5e308, float("inf")]}).to_csv(tmp_path / "large.csv", index=False)
    assert ask_json("profile", tmp_path / "large.csv")["features"][0]["mean"] is None
    assert "nan" not in ask("profile", tmp_path / "large.csv")[1]


def test_a_profile_that_cannot_be_made_or_kept_says_why(files):
    assert "--merge" in refused("profile", "a.csv", "b.csv")
    assert "Name it a.profile" in refused("profile", "a.csv", "-o", "a.txt")
    assert "no/a.profile cannot be written" in refused("profile", "a.csv", "-o", "no/a.profile")
    Path("taken.profile").mkdir()
    assert "taken.profile cannot be written" in refused("profile", "a.csv", "-o", "taken.profile")
    assert not list(files.glob("*.part"))


# ---------------------------------------------------------------- segments


def by_region(count: int, seed: int, shift: dict[str, float] | None = None, regions: str = "abcd") -> dict:
    random = np.random.default_rng(seed)
    region = random.choice(list(regions), count, p=None if regions != "abcd" else [0.5, 0.3, 0.18, 0.02])
    moved = np.array([(shift or {}).get(r, 0.0) for r in region])
    return {"x": random.normal(0, 1, count) + moved, "c": random.choice(["u", "v"], count), "region": region}


def of_segment(table: dict, label: str) -> dict:
    return {name: values[table["region"] == label] for name, values in table.items()}


def test_within_a_segment_it_is_as_if_the_tables_were_filtered():
    before, now = by_region(20_000, 1), by_region(10_000, 2, {"b": 0.4})
    result = ud.compare(before, now, by="region")
    whole = ud.profile(before)
    for label in "abcd":
        ref, cur = (ud.profile(of_segment(t, label), like=whole) for t in (before, now))
        alone = ud.compare(ref, cur)
        for name in ("x", "c"):
            mine, theirs = (
                replace(r.features[name].record, p_limit=None) for r in (result.segments[label], alone)
            )
            assert mine == theirs
    assert result.to_dict()["in_no_segment"] == {"reference": 0, "current": 0}


def test_drift_in_one_segment_that_the_whole_hides_is_found_and_named():
    result = ud.compare(by_region(20_000, 1), by_region(20_000, 2, {"d": 1.5}), by="region")
    assert result.drifted == []
    assert {label: s.verdict for label, s in result.segments.items()} == {
        **dict.fromkeys("abc", "stable"),
        "d": "drift",
    }
    assert result.verdict == "drift"
    assert result.sentence.startswith(
        "Drift: none of 3 features drifted in all rows together, but in 1 of 4 segments by region. "
        "Worst: d: x, mean"
    )


def test_rows_in_no_segment_are_counted_aloud(tmp_path):
    before, now = by_region(2000, 1), by_region(1000, 2)
    before["region"] = np.where(np.arange(2000) < 40, None, before["region"])
    now["region"] = np.where(np.arange(1000) < 30, "new", now["region"])
    result = ud.compare(before, now, by="region")
    assert result.to_dict()["in_no_segment"] == {"reference": 40, "current": 30}
    for name, table in (("a", before), ("b", now)):
        pd.DataFrame(table).to_csv(tmp_path / f"{name}.csv", index=False)
    out = ask("compare", tmp_path / "a.csv", tmp_path / "b.csv", "--by", "region")[1]
    assert "in no segment: 40 rows of the reference, 30 of the current ones" in out
    assert "In no segment: 40 rows of the reference, 30 of the current ones." in result.to_html()
    assert "in no segment: 40 rows" in ask("profile", tmp_path / "a.csv", "--by", "region")[1]


def test_more_labels_than_segments_leave_the_largest_and_say_so():
    random = np.random.default_rng(0)
    table = {"x": random.normal(0, 1, 7000), "s": (np.arange(7000) % 70).astype(str)}
    table["s"] = np.where(random.random(7000) < 0.3, "0", table["s"])
    result = ud.compare(table, table, by="s")
    assert len(result.segments) == 50
    assert "0" in result.segments
    counted = sum(s.record.rows_reference for s in result.segments.values())
    assert result.to_dict()["in_no_segment"] == {"reference": 7000 - counted, "current": 7000 - counted}
    assert counted < 6000


def test_a_segment_that_is_gone_or_too_small_is_insufficient_not_silent():
    before, now = by_region(4000, 1), by_region(4000, 2, regions="abc")
    result = ud.compare(before, now, by="region")
    assert result.segments["d"].verdict == "insufficient"
    assert result.segments["d"].sentence.startswith("Insufficient: 0 rows are too few")
    assert "region" in result.features


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([1, 2], {"1", "2"}),
        ([1.0, 2.5], {"1", "2.5"}),
        ([1e15, 0.5], {"1000000000000000", "0.5"}),
        ([True, False], {"true", "false"}),
    ],
)
def test_numbers_and_flags_make_segments_whose_names_depend_on_nothing_else(values, names):
    before = {"x": np.random.default_rng(0).normal(0, 1, 400), "s": values * 200}
    now = {"x": before["x"], "s": [values[0]] * 400}
    result = ud.compare(before, now, by="s")
    assert set(result.segments) == names
    first = next(iter(ud.profile({"s": [values[0]]}, by="s").segments))
    assert result.segments[first].record.rows_current == 400


def test_what_cannot_tell_rows_apart_is_refused():
    table = {"x": [1.0, 2.0], "at": pd.date_range("2024", periods=2)}
    with pytest.raises(DataError, match="told apart by a column of timestamp"):
        ud.compare(table, table, by="at")
    with pytest.raises(DataError, match=r"no column 'y'.*Known: at, x"):
        ud.compare(table, table, by="y")


# ---------------------------------------------------------------- errors in Python


def test_python_refuses_what_the_command_refuses():
    table = {"x": [1.0, 2.0]}
    with pytest.raises(MergeError, match="--like FIRST"):
        ud.compare(ud.profile(table), ud.profile({"x": [1.0, 3.0]}))
    with pytest.raises(ConfigError, match="--kind and --by"):
        ud.compare(ud.profile(table), table, by="x")
    with pytest.raises(DataError, match="no column 'y'"):
        ud.compare(ud.profile(table), table, columns=["y"])
    with pytest.raises(DataError, match="cannot read rows from int"):
        ud.compare(3, table)
    with pytest.raises(TypeError, match="metrik"):
        ud.compare(table, table, metrik="psi")
    with pytest.raises(ConfigError, match=r"^threshold = '0.1' should be of type float"):
        ud.compare(table, table, threshold="0.1")
    assert list(ud.compare({"x": [1.0, 2.0], "y": [1.0, 2.0]}, table, columns="x").features) == ["x"]
    known = ud.profile({"xx": [1.0, 2.0], "x": [1.0, 2.0]})
    assert list(ud.compare(known, {"xx": [1.0]}, columns="xx").features) == ["xx"]


# ---------------------------------------------------------------- a terminal, a pipe, a full disk


def test_hostile_names_reach_terminal_json_page_and_csv_inertly(tmp_path):
    before = {name: np.random.default_rng(i).normal(0, 1, 500) for i, name in enumerate(HOSTILE_NAMES)}
    labels = {"label": [HOSTILE_NAMES[i % len(HOSTILE_NAMES)] for i in range(500)]}
    for name, shift in (("a", 0), ("b", 1)):
        table = {n: v + shift for n, v in before.items()} | labels
        pd.DataFrame(table).to_parquet(tmp_path / f"{name}.parquet")
    words = ("compare", tmp_path / "a.parquet", tmp_path / "b.parquet", "--by", "label")
    code, out, err = ask(*words)
    assert (code, err) == (3, "")
    assert all(c.isprintable() or c == "\n" for c in out)
    assert out.splitlines()[0].endswith(".")
    body = ask_json(*words)
    assert {f["name"] for f in body["features"]} == {*HOSTILE_NAMES, "label"}
    assert set(body["segments"]) == {*HOSTILE_NAMES}
    page = ud.compare(*(tmp_path / f"{n}.parquet" for n in "ab")).to_html()
    assert "<script" not in page
    assert not any(c in page for c in "\x00\x1b\u202e\r")


def test_hostile_names_come_back_from_a_csv_file(tmp_path):
    names = [n for n in HOSTILE_NAMES if n.isprintable() or n == "two\nlines"]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *([[i % 7 / 2] * len(names) for i in range(200)])])
    body = ask_json("compare", tmp_path / "a.csv", tmp_path / "a.csv")
    assert {f["name"] for f in body["features"]} == {*names}


def spawned(*arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "undrift", *map(str, arguments)], capture_output=True, text=True, **how
    )


def test_a_reader_that_goes_away_is_no_error(files):
    command = f"{sys.executable} -m undrift compare a.csv moved.csv --by region | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.mark.parametrize(("current", "code"), [("b.csv", 0), ("moved.csv", 3), ("few.csv", 5)])
def test_the_exit_code_is_the_verdicts_even_if_nobody_reads(files, current, code):
    command = f"({sys.executable} -m undrift compare a.csv {current} --by region; echo $? >&2) | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr.split() == [str(code)]


def test_a_full_disk_behind_stdout_is_said_without_a_traceback(files):
    command = f"{sys.executable} -m undrift compare a.csv b.csv > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("undrift: No space left on device")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_colours_and_progress_never_reach_a_pipe(files):
    done = spawned("compare", "a.csv", "moved.csv", env=os.environ | {"FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert done.returncode == 3
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("ending", ["csv", "parquet", "profile"])
def test_compare_loads_no_heavy_package_it_does_not_need(tmp_path, ending):
    """Pandas, SciPy and scikit-learn take longer to load than most files to compare."""
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        rows().to_csv(path, index=False)
    elif ending == "parquet":
        rows().to_parquet(path)
    else:
        codec.write(ud.profile(rows()), path)
    code = (
        "import sys; from undrift.cli import execute\n"
        f"assert execute(['compare', {str(path)!r}, {str(path)!r}, '--json']) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pandas", "sklearn", "scipy", "pyarrow.dataset", "polars", "deltalake", "sqlalchemy", "jinja2"}
    assert heavy & set(done.stderr.split()) == set()


# ---------------------------------------------------------------- the file is whole, whatever happens


def test_a_profile_is_whole_whenever_its_writer_is_killed(tmp_path):
    """A child writes two profiles in turns until it is killed: the file is always one of them."""
    path = tmp_path / "kept.profile"
    code = (
        "import sys, undrift as ud\nfrom undrift.profiles import codec\n"
        "both = [ud.profile({f'x{i}': [float(n * i) for n in range(400)] for i in range(60)} |"
        " {'w': [float(w)] * 400}) for w in (1, 2)]\n"
        "codec.write(both[0], sys.argv[1]); print('ready', flush=True)\n"
        "while True:\n    for one in both: codec.write(one, sys.argv[1])\n"
    )
    found = set()
    for kill in range(3):
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout
            child.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.02 + 0.03 * kill)
            child.send_signal(signal.SIGKILL)
        found.add(codec.read(path).features["w"].minimum)
    assert found <= {1.0, 2.0}
    assert codec.write(ud.profile({"w": [3.0]}), path)
    assert not list(tmp_path.glob("*.part")), "what a killed writer left is used up by the next one"


def test_a_full_disk_leaves_the_old_profile_and_says_so(files):
    assert ask("profile", "few.csv", "-o", "kept.profile")[0] == 0
    before = Path("kept.profile").read_bytes()

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = spawned("profile", "a.csv", "-o", "kept.profile", preexec_fn=small_disk)
    assert (done.returncode, done.stdout) == (2, "")
    assert "kept.profile cannot be written: File too large" in done.stderr
    assert Path("kept.profile").read_bytes() == before
    assert not list(files.glob("*.part"))


def test_a_column_that_was_left_out_and_is_gone_is_said_but_is_no_drift():
    before = rows(500).assign(day=pd.date_range("2024-01-01", periods=500), uid=[f"u{i}" for i in range(500)])
    result = ud.compare(before, before.drop(columns=["day", "uid"]))
    assert result.verdict == "stable"
    assert {f.column: f.check for f in result.record.faults} == {"day": "gone", "uid": "gone"}
    assert not ud.compare(before, before).record.faults


def test_features_are_ranked_by_the_metric_that_is_shown():
    result = ud.compare(rows(4000), rows(4000, seed=5), calibration="threshold")
    shown = [f.findings[0].value for f in result.record.features if f.verdict == "stable"]
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize("before", [[np.inf] * 2000, [np.inf, -np.inf] * 1000])
def test_a_reference_of_infinities_is_not_the_same_as_numbers(before):
    now = np.random.default_rng(0).normal(size=500)
    for how in ({}, {"calibration": "threshold"}):
        result = ud.compare({"z": before, "x": [0.0, 1.0] * 1000}, {"z": now, "x": [0.0, 1.0] * 250}, **how)
        assert result.features["z"].verdict == "drift"


def test_a_profile_that_lost_a_column_to_another_type_is_stable_against_itself(tmp_path):
    ref = ud.profile({"x": np.arange(500.0), "y": [0.0, 1.0] * 250})
    odd = ud.profile({"x": ["a", "b"] * 250, "y": [0.0, 1.0] * 250}, like=ref)
    assert odd.retyped == ("x",)
    assert ud.compare(odd, odd).verdict == "stable"
    assert ud.compare(ref, odd).verdict == "drift"


def test_features_with_too_few_rows_are_counted_in_the_sentence():
    result = ud.compare(rows(2000), rows(35, seed=3))
    few = sum(f.verdict == "insufficient" for f in result.features.values())
    if result.verdict == "stable":
        assert (f"{few} with too few rows" in result.sentence) == bool(few)


def test_windows_before_are_a_list():
    with pytest.raises(ConfigError, match="not a list of windows"):
        ud.compare(rows(100), rows(100), earlier=rows(100))


def test_an_empty_name_of_a_time_column_is_refused(files):
    assert ask("compare", "a.csv", "b.csv", "--time", "")[0] == 2
