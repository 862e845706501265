"""`python -m bench.peers.least_lake DUMP OUT`: the least a program in Python does to write the columns of a lake.

It unpacks, decodes into typed fields, turns them into Arrow columns and writes them as hubbub's lake does, one file; it
checks nothing, knows no other kind of record, and cannot go on after a kill. One process that decodes; Arrow's own
threads pack. With `-` for DUMP it reads what another process unpacks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from bench.packing import lines_of
from bench.peers.columns import COLUMNS, FLAGS, META_COLUMNS, WHOLE
from bench.peers.floor import line_type

KINDS = {name: pa.int64() if name in WHOLE else pa.bool_() if name in FLAGS else pa.string() for name in COLUMNS}
STRINGS = ["subreddit", "author", "author_flair_text", "distinguished", "removal_type"]
AT_ONCE = 4_096
ROW_GROUP = 1 << 18


def main() -> None:
    fields = [(name, KINDS[name]) for name in COLUMNS if name != "edited"]
    schema = pa.schema([*fields, ("removal_type", pa.string()), ("retrieved_2nd_on", pa.int64())])
    decoder, take = msgspec.json.Decoder(line_type()), msgspec.structs.astuple
    edited = COLUMNS.index("edited")
    rows: list[tuple[Any, ...]] = []
    tables: list[pa.RecordBatch] = []
    held = count = 0
    with pq.ParquetWriter(sys.argv[2], schema, compression="zstd", use_dictionary=STRINGS) as writer:
        for block in lines_of(Path(sys.argv[1])):
            rows.extend(take(line) for line in decoder.decode_lines(block))
            if len(rows) >= AT_ONCE:
                tables.append(_batch(rows, schema, without=edited))
                held += len(rows)
                rows = []
            if held >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(tables))
                count, held, tables = count + held, 0, []
        tables.append(_batch(rows, schema, without=edited))
        writer.write_table(pa.Table.from_batches(tables))
    print(count + held + len(rows), "rows")


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema, *, without: int) -> pa.RecordBatch:
    *columns, metas = zip(*rows, strict=True)
    del columns[without]
    told = [[None if meta is None else getattr(meta, name) for meta in metas] for name in META_COLUMNS]
    return pa.record_batch(
        [pa.array(values, kind) for values, kind in zip([*columns, *told], schema.types, strict=True)], schema=schema
    )


if __name__ == "__main__":
    main()
