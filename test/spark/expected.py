"""What the tables must contain, computed from the Parquet files by DuckDB and plain Python, without Spark."""

import math
import statistics

import duckdb

COLUMNS = ["symbol", "date", "open", "high", "low", "close", "adjClose", "volume", "ingest_ts"]
CHECKS = 0


def check(what, found, expected=True):
    global CHECKS
    CHECKS += 1
    if found != expected:
        raise SystemExit(f"FAILED: {what}\n  found    {str(found)[:2000]}\n  expected {str(expected)[:2000]}")


def passed():
    """How many checks there were so far."""
    return CHECKS


def rows_of(relation):
    """Rows of a DuckDB relation or of a Spark one as plain tuples, instants in microseconds."""
    return [tuple(row) for row in relation]


def number(spark, sql):
    return spark.sql(sql).collect()[0][0]


def versions_in(raw):
    """Every row of every price file, read by DuckDB."""
    columns = ", ".join(COLUMNS[:-1])
    files = f"read_parquet('{raw}/prices/**/*.parquet', hive_partitioning = false)"
    return rows_of(duckdb.sql(f"SELECT {columns}, epoch_us(ingest_ts) FROM {files}").fetchall())


def newest(versions):
    """By symbol and date, the version with the greatest ingest_ts."""
    best = {}
    for version in versions:
        key = version[:2]
        if key not in best or best[key][-1] < version[-1]:
            best[key] = version
    return sorted(best.values(), key=lambda version: version[:2])


def silver(spark):
    columns = ", ".join(COLUMNS[:-1])
    found = spark.sql(f"SELECT {columns}, unix_micros(ingest_ts) FROM silver.prices ORDER BY symbol, date").collect()
    return rows_of(found)


def features(rows):
    """What Gold is to say of one symbol, counted row by row."""
    adjusted, closes = [row[6] for row in rows], [row[5] for row in rows]
    returns = [None] + [
        None if a is None or b is None else math.log(b / a) for a, b in zip(adjusted, adjusted[1:])
    ]

    def window(values, end, size):
        part = [value for value in values[max(0, end - size + 1) : end + 1] if value is not None]
        return part if len(part) == size else None

    out = []
    for index in range(len(rows)):
        last_20, last_50, daily, close_20, close_50 = (
            window(values, index, size)
            for values, size in [(adjusted, 20), (adjusted, 50), (returns, 20), (closes, 20), (closes, 50)]
        )
        out.append(
            (
                last_20 and statistics.fmean(last_20),
                last_50 and statistics.fmean(last_50),
                daily and statistics.stdev(daily),
                daily and statistics.stdev(daily) * math.sqrt(252),
                close_20 and statistics.fmean(close_20),
                close_50 and statistics.fmean(close_50),
                close_20 and statistics.stdev(close_20),
            )
        )
    return out


def near(a, b):
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=1e-9)


def check_gold(spark, expected):
    gold = spark.sql(
        "SELECT symbol, ma_20, ma_50, volatility_20d, volatility_20d_annualised, ma_20_close, ma_50_close, "
        "stddev_close_20d FROM gold.price_features ORDER BY symbol, date"
    ).collect()
    for symbol in sorted({row[0] for row in expected}):
        found = [tuple(row)[1:] for row in gold if row[0] == symbol]
        wanted = features([row for row in expected if row[0] == symbol])
        check(f"Gold has a row for each of {symbol}", len(found), len(wanted))
        wrong = [pair for pair in zip(found, wanted) if not all(near(a, b) for a, b in zip(*pair))]
        check(f"Gold of {symbol} is as computed", wrong, [])
    check("Gold has values at all", sum(row[2] is not None for row in gold) > 100)


def amount_of(statements_sql, kind):
    """The first amount among the columns of a statement."""
    text = (statements_sql / "60_load_statements.sql").read_text()
    part = text.split(f"VIEW {kind}_files (")[1].split(")")[0]
    columns = [tuple(line.strip().rstrip(",").split()) for line in part.strip().splitlines()]
    return next(name for name, kind_of in columns if kind_of == "DOUBLE")


def check_statement(spark, kind, amount):
    """The tables of a statement, after all stages of the lakes."""
    found = spark.sql(f"SELECT symbol, period, {amount} FROM silver.{kind} ORDER BY symbol, period").collect()
    check(f"{kind}: the newest", rows_of(found), [("AAPL", "FY", 4.0), ("AAPL", "Q4", 2.0), ("MSFT", "FY", 3.0)])
    # The quarter twice: a restated file is written whole.
    check(f"{kind}: Bronze has each version once", number(spark, f"SELECT count(*) FROM bronze.{kind}"), 6)
    for instant, known in [
        ("2024-10-15", [("MSFT", 9.0)]),
        ("2024-11-15", [("AAPL", 1.0), ("AAPL", 2.0), ("MSFT", 9.0)]),
        ("2025-03-01", [("AAPL", 2.0), ("AAPL", 4.0), ("MSFT", 9.0)]),
    ]:
        as_of = spark.sql(
            f"SELECT symbol, {amount} FROM gold.{kind}_as_of WHERE known_from <= '{instant}' "
            f"AND (known_until IS NULL OR known_until > '{instant}') ORDER BY symbol, {amount}"
        ).collect()
        check(f"{kind}: as of {instant}", rows_of(as_of), known)
