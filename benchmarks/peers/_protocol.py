"""What every contestant does around its own functions: load a file, prepare a reference, judge a window.

    SCRIPT ref.parquet cur.parquet              read both, judge, print one line of JSON
    SCRIPT --keep FILE ref.parquet cur.parquet  prepare a reference for such windows and keep it in FILE
    SCRIPT --kept FILE cur.parquet              the reference comes from FILE
    SCRIPT --serve ref.parquet a.parquet ...    hold all in memory; judge the next window whenever a line
                                                comes in, and answer with the CPU seconds it took

``judge`` returns the values found by column name; columns whose value is not a finite number do not count.
"""

import json
import math
import sys
from itertools import cycle
from time import perf_counter, process_time


def run(load, prepare, judge, keep=None, restore=None):
    mode, *files = sys.argv[1:]
    if mode == "--keep":
        keep(prepare(load(files[1])), files[0])
        return
    if mode == "--serve":
        serve(judge, prepare(load(files[0])), [load(f) for f in files[1:]])
        return
    reference = restore(files[0]) if mode == "--kept" else prepare(load(mode))
    say(columns=counted(judge(reference, load(files[-1]))))


def serve(judge, reference, windows):
    say(columns=counted(judge(reference, windows[-1])))
    for window, _ in zip(cycle(windows), sys.stdin, strict=False):
        cpu, wall = process_time(), perf_counter()
        found = judge(reference, window)
        cpu, wall = process_time() - cpu, perf_counter() - wall
        say(cpu=cpu, wall=wall, columns=counted(found))


def counted(found):
    return sum(value is not None and math.isfinite(value) for value in found.values())


def say(**answer):
    print(json.dumps(answer), flush=True)
