"""The files of sql/warehouse on Spark with Delta, over lakes that change between the loads.

What has to come out is computed in expected.py.
The content of the tables is written to a file, for lost_workers.py.
Arguments: the folder of the bundle's SQL, the lakes, a folder for Spark's jars, the file that gets the content of the
tables, the names of the company statements.
"""

import json
import pathlib
import shutil
import sys
import tempfile
import time

import duckdb
from expected import (
    COLUMNS,
    amount_of,
    check,
    check_gold,
    check_statement,
    newest,
    number,
    passed,
    rows_of,
    silver,
    versions_in,
)
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from session import CATALOG, DELTA, load_runner, open_spark
from tables import PRICES, contents, statement_tables

BUNDLE, LAKES, JARS, CONTENTS = (pathlib.Path(argument) for argument in sys.argv[1:5])
KINDS = sys.argv[5:]
SQL = BUNDLE / "warehouse"
STATEMENTS = BUNDLE / "warehouse-statements"
RUNNER = load_runner(SQL)


def commits(spark, table):
    return max(row["version"] for row in spark.sql(f"DESCRIBE HISTORY {table}").collect())


def run(spark, raw, folder=SQL):
    started = time.monotonic()
    RUNNER.run(spark, folder, CATALOG, str(raw))
    return time.monotonic() - started


def check_prices(spark, root):
    """Stage after stage into one lake, two loads after each."""
    lake = root / "lake"
    raw = lake / "raw"
    seen = []
    for stage in ["1", "2", "late", "copies"]:
        if stage == "copies":
            # The same rows under other names, as after a copy by hand.
            for file in list(raw.glob("prices/symbol=AAPL/year=2024/**/*.parquet")):
                shutil.copy(file, file.with_name(f"copy-{file.name}"))
        else:
            shutil.copytree(LAKES / stage / "raw", raw, dirs_exist_ok=True)
        before = silver(spark) if seen else []
        seen = sorted(set(seen) | set(versions_in(raw)), key=repr)
        seconds = run(spark, raw)
        found = silver(spark)
        check(f"{stage}: one row per symbol and date", len(found), len({row[:2] for row in found}))
        check(f"{stage}: the newest of each", found, newest(seen))
        check(f"{stage}: Bronze has each version once", number(spark, "SELECT count(*) FROM bronze.prices"), len(seen))
        if stage in ["late", "copies"]:
            check(f"{stage}: nothing newer was lost", found, before)
        state = [commits(spark, table) for table in ["bronze.prices", "silver.prices"]]
        again = run(spark, raw)
        check(f"{stage}: a second run changes no row", silver(spark), found)
        check(f"{stage}: a second run commits nothing to Silver", commits(spark, "silver.prices"), state[1])
        check(f"{stage}: Bronze does not grow", number(spark, "SELECT count(*) FROM bronze.prices"), len(seen))
        print(f"stage {stage}: {len(found)} rows of {len(seen)} versions, {seconds:.1f} s, again {again:.1f} s", flush=True)
    check_gold(spark, silver(spark))
    detail = spark.sql("DESCRIBE DETAIL silver.prices").collect()[0]
    check("Silver is clustered", (detail["clusteringColumns"], detail["partitionColumns"]), (["symbol", "date"], []))
    kinds = spark.sql("SELECT DISTINCT _change_type FROM table_changes('silver.prices', 0)").collect()
    check("Silver tells its changes", {row[0] for row in kinds} >= {"insert", "update_preimage", "update_postimage"})
    kinds = spark.sql("SELECT DISTINCT _change_type FROM table_changes('bronze.prices', 0)").collect()
    check("Bronze tells what it has added", {row[0] for row in kinds}, {"insert"})
    check("symbols that look like numbers stay text", {"NAN", "1D"} <= {row[0] for row in silver(spark)})


def check_guard(spark, root):
    """An emptied Bronze that gets only old rows takes nothing newer away."""
    before = silver(spark)
    spark.sql("DELETE FROM bronze.prices")
    run(spark, LAKES / "late/raw")
    check("an older lake over an emptied Bronze changes nothing", silver(spark), before)


FEATURES = [
    "log_return",
    "ma_20",
    "ma_50",
    "volatility_20d",
    "volatility_20d_annualised",
    "ma_20_close",
    "ma_50_close",
    "stddev_close_20d",
]


def mixed(spark):
    """By symbol, the first and last date whose window is on two bases. No feature may have a value there."""
    where = "FROM gold.price_features WHERE NOT is_one_base"
    check("no feature on two bases", number(spark, f"SELECT count(coalesce({', '.join(FEATURES)})) {where}"), 0)
    return rows_of(spark.sql(f"SELECT symbol, string(min(date)), string(max(date)) {where} GROUP BY symbol").collect())


def rebases(spark):
    """The changes of base of one symbol, factors rounded to four digits."""
    return rows_of(
        spark.sql(
            "SELECT string(first_date), string(last_date), round(price_factor, 4), round(adj_factor, 4), rows "
            "FROM gold.price_rebases WHERE symbol = 'BRK-B' ORDER BY seen_at, first_date"
        ).collect()
    )


def check_bases(spark, root):
    """A mend that is cut short after its oldest year and then finished; what was known before it."""
    start_anew(spark)
    raw = root / "bases/raw"
    shutil.copytree(LAKES / "1/raw", raw, dirs_exist_ok=True)
    run(spark, raw)
    before = silver(spark)
    check("nothing has changed its base", (rebases(spark), mixed(spark)), ([], []))

    oldest = "prices/symbol=BRK-B/year=2023/BRK-B-2023.parquet"
    shutil.copy(LAKES / "2/raw" / oldest, raw / oldest)
    run(spark, raw)
    check("a mend that was cut short is seen", rebases(spark), [("2023-01-03", "2023-12-29", 1.0, 1.3333, 250)])
    check("and what comes after it is no base", mixed(spark), [("BRK-B", "2024-01-02", "2024-09-11")])

    shutil.copytree(LAKES / "2/raw", raw, dirs_exist_ok=True)
    run(spark, raw)
    changes = [("2023-01-03", "2024-09-11", 1.0, 1.3333, 424)]
    check("a finished mend is one base", (rebases(spark), mixed(spark)), (changes, []))

    columns = ", ".join(COLUMNS[:-1])
    instant = "TIMESTAMP '2024-09-13 00:00:00Z'"
    query = f"SELECT {columns}, unix_micros(ingest_ts) FROM gold.prices_as_of({instant}) ORDER BY symbol, date"
    check("what was known is what Silver was", rows_of(spark.sql(query).collect()), before)
    spark.sql("CREATE OR REPLACE TEMP VIEW checked_prices AS SELECT *, loaded_at AS source_mtime FROM bronze.prices")
    # As a text: the values of parameters do not pass Delta's parser.
    text = (BUNDLE / "queries/prices_as_of.sql").read_text(encoding="utf-8").rstrip().rstrip(";").replace(":as_of", instant)
    asked = f"SELECT {columns}, unix_micros(ingest_ts) FROM ({text}) ORDER BY symbol, date"
    check("and the query for pipelines says the same", rows_of(spark.sql(asked).collect()), before)


def start_anew(spark):
    for table in ["bronze.prices", "silver.prices"]:
        spark.sql(f"DROP TABLE IF EXISTS {table}")


def check_ties(spark, root):
    """Two files of one instant: the same row counts, whichever was there first."""
    results = []
    for order in [(1, 2), (2, 1)]:
        start_anew(spark)
        raw = root / f"ties-{order[0]}/raw"
        for value in order:
            place = raw / f"prices/symbol=T/year=2024/T-{value}.parquet"
            place.parent.mkdir(parents=True, exist_ok=True)
            duckdb.sql(
                f"COPY (SELECT 'T' AS symbol, DATE '2024-01-02' AS date, 1.0::DOUBLE AS open, 1.0::DOUBLE AS high, "
                f"1.0::DOUBLE AS low, {value}::DOUBLE AS close, NULL::DOUBLE AS \"adjClose\", 5::BIGINT AS volume, "
                f"TIMESTAMPTZ '2024-01-03 00:00:00+00' AS ingest_ts) TO '{place}' (FORMAT parquet)"
            )
            run(spark, raw)
        results.append(silver(spark))
    check("ties end alike", results[0], results[1])
    check("in one row", len(results[0]), 1)


def check_odd_lakes(spark, root):
    """One kind of file alone, none at all, no folder, a foreign file."""
    for name, pattern in [("days", "prices/*/*/*/*.parquet"), ("years", "prices/*/*/*.parquet")]:
        start_anew(spark)
        raw = root / name / "raw"
        for file in (LAKES / "1/raw").glob(pattern):
            place = raw / file.relative_to(LAKES / "1/raw")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        run(spark, raw)
        check(f"{name} alone", silver(spark), newest(versions_in(raw)))
    start_anew(spark)
    (root / "empty/raw/prices").mkdir(parents=True)
    run(spark, root / "empty/raw")
    check("an empty folder gives empty tables", silver(spark), [])
    try:
        run(spark, root / "nowhere/raw")
        check("a folder that is not there fails the load", False)
    except PySparkException as error:
        check("and is named", "nowhere/raw/prices" in str(error) and "PATH_NOT_FOUND" in str(error))
    place = root / "days/raw/prices/symbol=X/year=2024/foreign.parquet"
    place.parent.mkdir(parents=True)
    duckdb.sql(
        "COPY (SELECT 'X' AS symbol, '2024-01-02' AS date, now() AS ingest_ts, 'much' AS volume) "
        f"TO '{place}' (FORMAT parquet)"
    )
    try:
        run(spark, root / "days/raw")
        check("a file with other types fails the load", False)
    except (PySparkException, Py4JJavaError) as error:
        check("and is named", "foreign.parquet" in str(error))
    check("and nothing of it is stored", silver(spark), [])


def check_statements(spark, root):
    raw = root / "statements/raw"
    for stages in [["statements-1"], ["statements-2", "statements-late"]]:
        for stage in stages:
            shutil.copytree(LAKES / stage / "raw", raw, dirs_exist_ok=True)
        run(spark, raw, STATEMENTS)
    for _ in range(2):
        run(spark, raw, STATEMENTS)
        for kind in KINDS:
            check_statement(spark, kind, amount_of(STATEMENTS, kind))
    print("statements: done", flush=True)


def check_recipes(spark, root):
    """Spark's recipe of the documents, as a reader would copy it. The other libraries' are run by `bun run test:readers`."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "lib/parquet/README.md").read_text(encoding="utf-8")
    block = text.split("## Spark")[1].split("```python\n")[1].split("```")[0]
    raw = LAKES / "2/raw"
    scope = {"spark": spark}
    exec(block.replace("lake/raw/prices", str(raw / "prices")), scope)
    rows = [tuple(row) for row in scope["prices"].select("symbol", "date", "adjClose").collect()]
    expected = [(row[0], row[1], row[6]) for row in newest(versions_in(raw))]
    check("the recipe gives the newest rows", sorted(rows, key=lambda row: row[:2]), expected)
    try:
        spark.read.parquet(str(raw / "prices")).count()
        check("a folder read as it is fails", False)
    except (PySparkException, Py4JJavaError) as error:
        check("and is named as the documents have it", "CONFLICTING_PARTITION_COLUMN_NAMES" in str(error))


def main():
    started = time.monotonic()
    root = pathlib.Path(tempfile.mkdtemp(prefix="ingest-spark-"))
    spark = open_spark("local[2]", root / "warehouse", JARS)
    print(f"Spark {spark.version}, {DELTA}", flush=True)
    try:
        check_prices(spark, root)
        # The parts after it load other prices.
        found = contents(spark, PRICES)
        for part in [check_guard, check_bases, check_ties, check_odd_lakes, check_statements, check_recipes]:
            part(spark, root)
        found |= contents(spark, statement_tables(KINDS))
    finally:
        spark.stop()
        shutil.rmtree(root)
    CONTENTS.write_text(json.dumps(found))
    print(f"{passed()} checks passed in {time.monotonic() - started:.0f} s")


main()
