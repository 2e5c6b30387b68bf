"""What every contestant in the benchmark of alarms does around its own two functions.

    SCRIPT PLAN        read the plan, print one line of JSON: for every window the columns that alarm

The plan is JSON: ``reference`` and ``windows`` are Parquet files of features only, ``categorical`` names
the columns of labels, ``rows`` is the usual size of a window. ``prepare`` gets the reference and the plan,
``alarms`` what it returned and a window.
"""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd


def run(prepare, alarms):
    warnings.simplefilter("ignore")
    plan = json.loads(Path(sys.argv[1]).read_text())
    reference = prepare(pd.read_parquet(plan["reference"]), plan)
    print(json.dumps([sorted(alarms(reference, pd.read_parquet(path))) for path in plan["windows"]]))
