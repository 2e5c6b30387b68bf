"""Evidently: the columns whose drift test fails in DataDriftPreset with its own choice of tests."""

from functools import partial

from _alarms import run
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def prepare(frame, plan):
    labels = plan["categorical"]
    definition = DataDefinition(
        numerical_columns=[name for name in frame if name not in labels], categorical_columns=labels
    )
    table = partial(Dataset.from_pandas, data_definition=definition)
    return table(frame), table


def alarms(prepared, window):
    reference, table = prepared
    snapshot = Report([DataDriftPreset()], include_tests=True).run(table(window), reference)
    return {
        test["metric_config"]["params"]["column"]
        for test in snapshot.dict()["tests"]
        if test["status"] == "FAIL" and "column" in test["metric_config"]["params"]
    }


run(prepare, alarms)
