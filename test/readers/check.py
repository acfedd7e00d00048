"""The Python recipes of lib/parquet/README.md as a reader would copy them, and what people type first."""

import datetime
import json
import math
import pathlib
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq

TASK = json.loads(pathlib.Path(sys.argv[1]).read_text())
LAKE = TASK["lake"]
PRICES = f"{LAKE}/raw/prices"
STORED = 0
CHECKS = 0


def check(what, found, expected=True):
    global CHECKS
    CHECKS += 1
    if found != expected:
        raise SystemExit(f"FAILED: {what}\n  found    {str(found)[:2000]}\n  expected {str(expected)[:2000]}")


def plain(value):
    """None for the nulls of pandas, text for dates."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (datetime.date, pd.Timestamp)):
        return value.isoformat()[:10]
    return value


def rows_of(frame, columns):
    if isinstance(frame, pl.DataFrame):
        rows = frame.select(columns).rows()
    elif isinstance(frame, pd.DataFrame):
        rows = frame[columns].itertuples(index=False, name=None)
    else:
        rows = zip(*(frame.column(name).to_pylist() for name in columns))
    return sorted(tuple(plain(value) for value in row) for row in rows)


def library_of(code):
    return next(name for name, mark in [("polars", "pl."), ("pandas", "pd."), ("pyarrow", "ds.")] if mark in code)


def check_recipes():
    """Each library's recipes share one scope, in the order of the page."""
    scopes = {"polars": {}, "pandas": {}, "pyarrow": {}}
    short = []
    prices = [(row[0], row[1], row[2]) for row in TASK["expected"]]
    known = [(row[0], row[1], row[3]) for row in TASK["expected"]]
    check("there are prices, and reports for some of them", len(prices) > 1000 and len({row[2] for row in known}) == 4)
    for recipe in TASK["recipes"]:
        code = recipe["code"].replace('"lake/', f'"{LAKE}/').replace('"eod/', f'"{LAKE}/')
        if recipe["page"] == "README.md":
            # A line for each library, which leaves the import to the reader.
            for line in code.splitlines():
                scope = {"pl": pl, "pd": pd}
                exec(line, scope)
                short.append(library_of(line))
                check(f"README.md: {line}", rows_of(scope["prices"], ["symbol", "date", "adjClose"]), prices)
            continue
        library = library_of(code)
        exec(code, scopes[library])
        if recipe["heading"] in scopes:
            check(f"the heading names {library}", recipe["heading"], library)
            check(f"{library}: the newest rows", rows_of(scopes[library]["prices"], ["symbol", "date", "adjClose"]), prices)
        elif recipe["heading"] == "Statements":
            income = rows_of(scopes[library]["income"], ["symbol", "date", "period"])
            check(f"{library}: a row for each report", (len(income), len(set(income))), (7, 7))
        else:
            found = rows_of(scopes[library]["joined"], ["symbol", "date", "eps"])
            check(f"{library}: what was known", found, known)
    check("every library has its recipes", {name: "prices" in scope for name, scope in scopes.items()}, dict.fromkeys(scopes, True))
    check("README.md has two", short, ["polars", "pandas"])
    check("two join statements", [name for name, scope in scopes.items() if "joined" in scope], ["polars", "pandas"])


def refused(what, says, read):
    try:
        read()
    except Exception as error:
        check(f"{what} says so", says in str(error) or str(error), True)
    else:
        check(f"{what} is refused", False)


def check_first_tries():
    """The table of the page, row by row."""
    stored = len(ds.dataset(PRICES).to_table())
    distinct = len(TASK["expected"])
    check("some dates are stored twice", stored > distinct)
    count = lambda sql: duckdb.sql(f"SELECT count(*) FROM {sql}").fetchall()[0][0]
    check("DuckDB, a pattern", count(f"'{PRICES}/**/*.parquet'"), stored)
    years = count(f"'{PRICES}/*/*/*.parquet'")
    check("DuckDB, one depth", years < distinct)
    columns = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{PRICES}/*/*/*.parquet'").fetchall()]
    check("DuckDB, one depth, has a column more", columns[-1], "year")
    refused(
        "DuckDB with partitions",
        "Hive partition mismatch",
        lambda: count(f"read_parquet('{PRICES}/**/*.parquet', hive_partitioning = true)"),
    )
    refused("DuckDB, a folder", "does not exist", lambda: count(f"'{PRICES}'"))
    refused(
        "polars, a folder",
        'path contains column not present in the given Hive schema: "month"',
        lambda: pl.read_parquet(PRICES),
    )
    check("polars, a folder without partitions", len(pl.read_parquet(PRICES, hive_partitioning=False)), stored)
    check("polars, a pattern", len(pl.read_parquet(f"{PRICES}/**/*.parquet")), stored)
    merge = "Field symbol has incompatible types: string vs dictionary"
    refused("pandas, a folder", merge, lambda: pd.read_parquet(PRICES))
    check("pandas, without partitions", len(pd.read_parquet(PRICES, partitioning=None)), stored)
    one = pd.read_parquet(f"{PRICES}/symbol=AAPL")
    check("pandas, a symbol's folder", list(one.columns[-2:]), ["year", "month"])
    refused("pyarrow, a table", merge, lambda: pq.read_table(PRICES))
    refused(
        "polars, all statements",
        "extra column in file outside of expected schema",
        lambda: pl.read_parquet(f"{LAKE}/raw/fundamentals"),
    )
    file = f"{PRICES}/symbol=AAPL/year=2023/AAPL-2023.parquet"
    # Without 2024-02-14, which the vendor lacks; the year before has all.
    check("one file", {len(read(file)) for read in [pl.read_parquet, pd.read_parquet, pq.read_table]}, {250})


check_recipes()
check_first_tries()
print(f"{CHECKS} checks passed")
