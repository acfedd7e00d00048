"""One reader that reads a table by its default line as often as it is told, and says which version of each file it has got.

A line of standard input is a query: the place of the table. The answer is a line of JSON: the version of each file by its
name, or what is wrong with the rows, or the error of the reader.
Arguments: a file of JSON with the reader's name, the versions of each file, and how a bucket is reached.
"""

import importlib.util
import json
import os
import pathlib
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TASK = json.loads(pathlib.Path(sys.argv[1]).read_text())
BUCKET = TASK["bucket"]


def duckdb_line():
    import duckdb

    # DuckDB fetches these by itself; here they come from packages of their own.
    for name in TASK["extensions"]:
        package = importlib.util.find_spec(f"duckdb_extension_{name}").submodule_search_locations[0]
        duckdb.sql(f"LOAD '{next(pathlib.Path(package).rglob(f'{name}.duckdb_extension'))}'")
    if BUCKET:
        duckdb.sql(
            f"CREATE SECRET lake (TYPE s3, PROVIDER credential_chain, ENDPOINT '{BUCKET['host']}', USE_SSL false, "
            f"URL_STYLE 'path', REGION '{BUCKET['region']}')"
        )
    return lambda place: duckdb.sql(f"FROM '{place}/*.parquet'").to_arrow_table()


def arrow_options():
    from pyarrow.fs import S3FileSystem

    if not BUCKET:
        return {}
    return {"filesystem": S3FileSystem(endpoint_override=BUCKET["host"], scheme="http", region=BUCKET["region"])}


def pandas_line():
    import pandas as pd

    options = arrow_options()
    return lambda place: pa.Table.from_pandas(pd.read_parquet(place.removeprefix("s3://"), **options), preserve_index=False)


def pyarrow_line():
    import pyarrow.dataset as ds

    options = arrow_options()
    return lambda place: ds.dataset(place.removeprefix("s3://"), **options).to_table()


def polars_options():
    if not BUCKET:
        return {}
    store = {"aws_endpoint_url": f"http://{BUCKET['host']}", "aws_allow_http": "true", "aws_region": BUCKET["region"]}
    return {"storage_options": store}


def polars_read_line():
    import polars as pl

    options = polars_options()
    return lambda place: pl.read_parquet(f"{place}/*.parquet", **options).to_arrow()


def polars_scan_line():
    import polars as pl

    options = polars_options()
    return lambda place: pl.scan_parquet(f"{place}/*.parquet", **options).collect().to_arrow()


def datafusion_line():
    import datafusion
    from datafusion.object_store import AmazonS3

    def read(place):
        context = datafusion.SessionContext()
        if BUCKET:
            store = AmazonS3(
                bucket_name=BUCKET["name"], region=BUCKET["region"], endpoint=f"http://{BUCKET['host']}", allow_http=True
            )
            context.register_object_store("s3://", store, BUCKET["name"])
        context.register_parquet("prices", f"{place}/")
        return context.sql("SELECT * FROM prices").to_arrow_table()

    return read


def clickhouse_line():
    from chdb import session

    def read(place):
        source = f"file('{place}/*.parquet')"
        if BUCKET:
            source = f"s3('http://{BUCKET['host']}/{place.removeprefix('s3://')}/*.parquet', 'Parquet')"
        # After an error a session may give what it had of the query before.
        return session.Session().query(f"SELECT * FROM {source}", "ArrowTable")

    return read


def spark_line():
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC")
    if BUCKET:
        builder = (
            builder.config("spark.jars.packages", "org.apache.hadoop:hadoop-aws:3.5.0")
            .config("spark.hadoop.fs.s3a.endpoint", f"http://{BUCKET['host']}")
            .config("spark.hadoop.fs.s3a.path.style.access", "true")
            .config("spark.hadoop.fs.s3a.endpoint.region", BUCKET["region"])
        )
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return lambda place: spark.read.parquet(place.replace("s3://", "s3a://")).toArrow()


LINES = {
    "DuckDB": duckdb_line,
    "pandas": pandas_line,
    "polars, read": polars_read_line,
    "polars, scan": polars_scan_line,
    "pyarrow": pyarrow_line,
    "DataFusion": datafusion_line,
    "ClickHouse": clickhouse_line,
    "Spark": spark_line,
}


def in_order(table):
    return table.sort_by([("symbol", "ascending"), ("date", "ascending")]).combine_chunks()


def read_versions(paths):
    return [in_order(pq.ParquetFile(path).read()) for path in paths]


VERSIONS = {name: read_versions(paths) for name, paths in TASK["versions"].items()}
SCHEMA = next(iter(VERSIONS.values()))[0].schema


def versions_in(table):
    """By file the version that its rows are, or what they are instead."""
    rows = in_order(table.select(SCHEMA.names).cast(SCHEMA))
    letters = pc.utf8_slice_codeunits(rows["symbol"], 0, 1)
    found, seen = {}, 0
    for name, versions in VERSIONS.items():
        letter = versions[0]["symbol"][0].as_py()[0]
        own = rows.filter(pc.equal(letters, letter)).combine_chunks()
        seen += len(own)
        number = next((number for number, version in enumerate(versions) if version.equals(own)), None)
        if number is None:
            return {"wrong": f"{name}: {len(own)} rows are no version of the file"}
        found[name] = number
    if seen != len(rows):
        return {"wrong": f"{len(rows) - seen} rows are of no file"}
    return {"versions": found}


def answer(read, place):
    try:
        table = read(place)
    except BaseException as error:  # A panic of polars is no Exception.
        return {"error": f"{type(error).__name__}: {error} {getattr(error, 'object', '')}"[:2000]}
    return versions_in(table)


def main():
    # What libraries print is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    read = LINES[TASK["reader"]]()
    for place in sys.stdin:
        print(json.dumps(answer(read, place.rstrip("\n"))), file=answers, flush=True)


main()
