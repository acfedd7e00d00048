"""What `ingest sql` prints for a lake, run as it is: prices, one symbol, returns, and prices with the reports that were known."""

import contextlib
import importlib.util
import io
import json
import pathlib
import re
import sys

from frames import PRICES, check, checksum, near, returns_of, rows_of, types_of

TASK = json.loads(pathlib.Path(sys.argv[1]).read_text())
KNOWN = {(symbol, date): eps for symbol, date, eps in TASK["known"]}
NAMES = ["prices", "aapl", "returns", "prices_with_income"]


def first_rows(relations):
    """The answer of the first query: the prices of AAPL. Other statements answer nothing, or a count."""
    return next(relation for relation in relations if relation is not None and "symbol" in relation.columns)


def duckdb_frames(code):
    import duckdb

    connection = duckdb.connect()
    # DuckDB fetches these by itself; here they come from packages of their own.
    for name in TASK["extensions"]:
        package = importlib.util.find_spec(f"duckdb_extension_{name}").submodule_search_locations[0]
        file = next(pathlib.Path(package).rglob(f"{name}.duckdb_extension"))
        connection.execute(f"LOAD '{file}'")
    found = [connection.sql(statement) for statement in duckdb.extract_statements(code)]
    aapl = first_rows(found)
    return connection.sql("FROM prices"), aapl, connection.sql("FROM returns"), connection.sql("FROM prices_with_income")


def clickhouse_frames(code):
    from chdb import session

    database = session.Session()
    statements = [part.strip() for part in re.sub(r"(?m)^--.*$", "", code).split(";\n")]
    for statement in statements:
        if statement:
            database.query(statement, "Null")
    aapl = next(statement for statement in statements if statement.startswith("SELECT"))
    return [
        database.query(sql, "ArrowTable")
        for sql in ["SELECT * FROM prices", aapl, "SELECT * FROM returns", "SELECT * FROM prices_with_income"]
    ]


def python_frames(code):
    scope = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "snippet", "exec"), scope)
    return [scope[name] for name in NAMES]


def athena_frames(code):
    """Nothing of this runs in Athena: its parser is sqlglot's, and the queries run in DuckDB, translated."""
    import duckdb
    import sqlglot
    from sqlglot import exp

    connection = duckdb.connect()
    # DuckDB's column is an instant already.
    connection.execute("CREATE MACRO with_timezone(t, zone) AS t; CREATE MACRO at_timezone(t, zone) AS timezone(zone, t)")
    found = []
    for statement in sqlglot.parse(code, dialect="athena", error_level=sqlglot.ErrorLevel.RAISE):
        if isinstance(statement, exp.Create) and statement.kind == "TABLE":
            place = statement.find(exp.LocationProperty).this.this.removeprefix("s3://my-bucket")
            columns = {column.name: column.args["kind"].sql("hive").lower() for column in statement.find_all(exp.ColumnDef)}
            view = f"SELECT * FROM read_parquet('{TASK['lake']}{place}**/*.parquet', hive_partitioning = false)"
            connection.execute(f"CREATE VIEW {statement.this.this.sql()} AS {view}")
            stored = connection.sql(view)
            own = [(name.lower(), HIVE.get(str(dtype), str(dtype).lower())) for name, dtype in zip(stored.columns, stored.types)]
            check("Athena's columns are those of the files", list(columns.items()), own)
        else:
            check("Athena's statement is parsed", isinstance(statement, (exp.Create, exp.Select)))
            found.append(connection.sql(statement.sql("duckdb")))
    aapl = first_rows(found)
    return connection.sql("FROM prices"), aapl, connection.sql("FROM returns"), connection.sql("FROM prices_with_income")


HIVE = {"VARCHAR": "string", "INTEGER": "int", "TIMESTAMP WITH TIME ZONE": "timestamp"}
READERS = {"duckdb": duckdb_frames, "clickhouse": clickhouse_frames, "athena": athena_frames}


def check_snippet(name, reader, code):
    prices, aapl, returns, joined = READERS.get(reader, python_frames)(code)
    rows = rows_of(prices, PRICES)
    check(f"{name}: columns", list(types_of(prices)), PRICES)
    check(f"{name}: prices", (len(rows), checksum(rows)), (TASK["rows"], TASK["sha256"]))
    one = sorted(row for row in rows if row[0] == "AAPL")
    check(f"{name}: one symbol, by date", rows_of(aapl, PRICES), one)
    expected = returns_of(rows)
    found = rows_of(returns, ["symbol", "date", "price_return", "total_return"])
    check(f"{name}: a row of returns for each price", sorted(row[:2] for row in found), sorted(expected))
    wrong = [row for row in found if not all(map(near, row[2:], expected[row[:2]]))]
    check(f"{name}: returns", wrong, [])
    known = rows_of(joined, ["symbol", "date", "eps"])
    check(f"{name}: a row for each price", sorted(row[:2] for row in known), sorted(KNOWN))
    check(f"{name}: what was known", [row for row in known if KNOWN[row[:2]] != row[2]], [])


check("reports were known, and not always", len(set(KNOWN.values())) > 2 and None in KNOWN.values())
for snippet in TASK["snippets"]:
    check_snippet(**snippet)
    print(f"{snippet['name']}: done", flush=True)
