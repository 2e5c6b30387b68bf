"""The floor in bounded memory: decode the current file batch by batch on one thread, labels left coded."""

import sys

import pyarrow.parquet as pq

path = sys.argv[-1]
labels = [field.name for field in pq.read_schema(path) if field.type == "string"]
file = pq.ParquetFile(path, read_dictionary=labels, pre_buffer=False)
for batch in file.iter_batches(use_threads=False):
    columns = batch.num_columns
print(f'{{"columns": {columns}}}')
