"""A table by every reader's default line, without an option: the same rows, types and checksum."""

import json
import pathlib
import sys

import datafusion
import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from chdb import session

from frames import PRICES, TYPES, check, checksum, rows_of, types_of

TASK = json.loads(pathlib.Path(sys.argv[1]).read_text())
FOLDER = f"{TASK['lake']}/tables/prices"


def clickhouse(sql):
    return session.Session().query(sql, "ArrowTable")


def datafusion_sql():
    context = datafusion.SessionContext()
    context.register_parquet("prices", FOLDER)
    return context.sql("SELECT * FROM prices")


LINES = {
    "DuckDB, a pattern": lambda: duckdb.sql(f"FROM '{FOLDER}/*.parquet'"),
    "pandas, the folder": lambda: pd.read_parquet(FOLDER),
    "polars, the folder": lambda: pl.read_parquet(FOLDER),
    "polars, a pattern": lambda: pl.read_parquet(f"{FOLDER}/*.parquet"),
    "polars, lazily": lambda: pl.scan_parquet(FOLDER).collect(),
    "pyarrow, a dataset": lambda: ds.dataset(FOLDER).to_table(),
    "pyarrow, a table": lambda: pq.read_table(FOLDER),
    "DataFusion, the folder": lambda: datafusion.SessionContext().read_parquet(FOLDER),
    "DataFusion, registered": datafusion_sql,
    "ClickHouse, a pattern": lambda: clickhouse(f"SELECT * FROM file('{FOLDER}/*.parquet')"),
}
if TASK["withSpark"]:
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    LINES["Spark, the folder"] = lambda: spark.read.parquet(FOLDER)
    LINES["Spark, SQL"] = lambda: spark.sql(f"SELECT * FROM parquet.`{FOLDER}`")

# A column of integers with nulls is one of floats in pandas, and dates are objects. The values are the same.
OWN_TYPES = {"pandas": {"date": "object", "volume": "double"}}

for name, line in LINES.items():
    frame = line()
    expected = dict(zip(PRICES, TYPES)) | OWN_TYPES.get(name.split(",")[0], {})
    check(f"{name}: columns and types", list(types_of(frame).items()), list(expected.items()))
    rows = rows_of(frame, PRICES)
    check(f"{name}: rows and their checksum", (len(rows), checksum(rows)), (TASK["rows"], TASK["sha256"]))
print(f"{len(LINES)} default lines, one checksum: {TASK['sha256']}")
