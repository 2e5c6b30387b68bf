"""What a process remembers of a lake is what the lake holds."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from undrift.lakes import BATCH, ID, WINDOW
from undrift.lakes.memory import Memory
from undrift.workspace.remembered import RememberedLake

WINDOWS = st.integers(0, 6)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(WINDOWS, min_size=1, max_size=4)),
        st.tuples(st.just("read"), WINDOWS, WINDOWS),
    ),
    max_size=20,
)


@given(st.lists(DEEDS, min_size=1, max_size=3))
def test_rows_read_in_pieces_are_the_rows_of_the_lake(turns: list[list[tuple[object, ...]]]) -> None:
    plain, count = Memory(), 0
    remembered = RememberedLake(plain)
    for deeds in turns:
        with remembered.held():
            for deed, *rest in deeds:
                if deed == "append":
                    count += 1
                    assert remembered.append("rows", _rows(rest[0], f"b{count}"), f"b{count}")
                else:
                    first, last = sorted(rest)
                    assert _ids(remembered.read("rows", first, last)) == _ids(plain.read("rows", first, last))
        plain.append("rows", _rows([3], f"of another process {count}"), f"of another process {count}")


def _rows(windows: list[int], batch: str) -> pa.Table:
    ids = [f"{batch}-{n}" for n in range(len(windows))]
    return pa.table({ID: ids, WINDOW: pa.array(windows, pa.int64()), BATCH: [batch] * len(windows)})


def _ids(rows: pa.Table | None) -> list[str] | None:
    return None if rows is None else sorted(rows[ID].to_pylist())
