"""NannyML: the columns with an alert of UnivariateDriftCalculator with its default methods and thresholds.

It is fitted on chunks as large as the windows, the rest of the reference left out: its thresholds come
from how those chunks vary. Every window is one chunk.
"""

import nannyml as nml
from _alarms import run
from nannyml.chunk import CountBasedChunker, SizeBasedChunker


def prepare(frame, plan):
    calculator = nml.UnivariateDriftCalculator(
        column_names=list(frame.columns),
        treat_as_categorical=plan["categorical"],
        chunker=SizeBasedChunker(plan["rows"], incomplete="drop"),
    )
    calculator.fit(frame)
    calculator.chunker = CountBasedChunker(1)
    return calculator


def alarms(calculator, window):
    result = calculator.calculate(window).filter(period="analysis").to_df()
    alerts = result.xs("alert", axis=1, level=2).iloc[0]
    return {column for column, _ in alerts.index[alerts.astype(bool)]}


run(prepare, alarms)
