"""What a reader gives, whichever it is, as plain rows; their types in common words; and one checksum of prices."""

import datetime
import hashlib
import math
import struct

PRICES = ["symbol", "date", "open", "high", "low", "close", "adjClose", "volume", "ingest_ts"]
TYPES = ["string", "date", "double", "double", "double", "double", "double", "int64", "instant"]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
CHECKS = 0


def check(what, found, expected=True):
    global CHECKS
    CHECKS += 1
    if found != expected:
        raise SystemExit(f"FAILED: {what}\n  found    {str(found)[:2000]}\n  expected {str(expected)[:2000]}")


def plain(value):
    """None for the nulls of pandas, an ISO date, microseconds since 1970 for an instant."""
    if value is None or value != value:
        return None
    if isinstance(value, datetime.datetime):
        # Spark gives the wall clock of this machine.
        moment = value if value.tzinfo else value.astimezone()
        return (moment - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def rows_of(frame, columns):
    """The rows of a frame, a table or a relation of any reader as tuples of plain values, in its order."""
    kind = type(frame).__module__.split(".")[0].lstrip("_")
    if kind == "pandas":
        rows = frame[columns].itertuples(index=False, name=None)
    elif kind == "polars":
        rows = frame.select(columns).rows()
    elif kind == "pyarrow":
        rows = zip(*(frame.column(name).to_pylist() for name in columns))
    elif kind == "pyspark":
        rows = (tuple(row) for row in frame.select(*columns).collect())
    elif kind == "datafusion":
        rows = (tuple(row[name] for name in columns) for row in frame.select(*(f'"{name}"' for name in columns)).to_pylist())
    else:
        return rows_of(frame.to_arrow_table(), columns)
    return [tuple(plain(value) for value in row) for row in rows]


def types_of(frame):
    """By column, in the order of the columns, the type in a common word; the reader's own where there is none."""
    kind = type(frame).__module__.split(".")[0].lstrip("_")
    if kind == "pandas":
        found = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    elif kind == "polars":
        found = {name: str(dtype) for name, dtype in frame.schema.items()}
    elif kind == "pyarrow":
        found = {field.name: str(field.type) for field in frame.schema}
    elif kind == "pyspark":
        found = dict(frame.dtypes)
    elif kind == "datafusion":
        found = {field.name: str(field.type) for field in frame.schema()}
    else:
        found = dict(zip(frame.columns, (str(dtype) for dtype in frame.types)))
    return {name: WORDS.get(dtype.lower(), dtype) for name, dtype in found.items()}


WORDS = {
    **dict.fromkeys(["string", "string_view", "large_string", "varchar", "str"], "string"),
    **dict.fromkeys(["date", "date32[day]"], "date"),
    **dict.fromkeys(["double", "float64"], "double"),
    **dict.fromkeys(["int64", "bigint"], "int64"),
    **dict.fromkeys(
        [
            "timestamp with time zone",
            "timestamp[us, tz=utc]",
            "datetime64[us, utc]",
            "datetime(time_unit='us', time_zone='utc')",
            "timestamp",
        ],
        "instant",
    ),
}


def number(value):
    return "null" if value is None else struct.pack(">d", value).hex()


def checksum(rows):
    """SHA-256 of prices: test/readers/table-lake.ts says of which lines."""
    digest = hashlib.sha256()
    for symbol, date, *doubles, volume, instant in sorted(rows, key=lambda row: (row[0].encode(), row[1])):
        counted = "null" if volume is None else str(int(volume))
        line = [symbol, date, *map(number, doubles), counted, str(instant)]
        digest.update(("\t".join(line) + "\n").encode())
    return digest.hexdigest()


def returns_of(rows):
    """By symbol and date, the price return and the total return from one stored session to the next."""
    found, last = {}, {}
    for row in sorted(rows, key=lambda row: (row[0], row[1])):
        symbol, date, close, adjusted = row[0], row[1], row[5], row[6]
        before = last.get(symbol, (None, None))
        found[symbol, date] = tuple(
            None if new is None or old is None else new / old - 1 for new, old in zip((close, adjusted), before)
        )
        last[symbol] = (close, adjusted)
    return found


def near(a, b):
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
