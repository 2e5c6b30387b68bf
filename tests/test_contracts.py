"""The contracts of rooms whose parts are small: every part keeps them, whoever wrote it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from undrift import plugins
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
    if name == "refit":
        check_trainer(part(), fitted)
    else:
        check_trainer(part("sklearn.linear_model:LinearRegression"), fitted)
