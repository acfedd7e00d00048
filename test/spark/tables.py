"""The content of the tables, in a form in which two sessions can be compared."""

from pyspark.sql import functions
from pyspark.sql.types import TimestampType

PRICES = [
    "bronze.prices",
    "silver.prices",
    "gold.price_rebases",
    "gold.price_features",
    "gold.prices_as_of(TIMESTAMP '2024-09-13 00:00:00Z')",
]


def statement_tables(kinds):
    return [table for kind in kinds for table in (f"bronze.{kind}", f"silver.{kind}", f"gold.{kind}_as_of")]


def names(spark):
    """Every table and view that the session has, functions apart."""
    shown = [row for schema in ["bronze", "silver", "gold"] for row in spark.sql(f"SHOW TABLES IN {schema}").collect()]
    return sorted(f"{row['namespace']}.{row['tableName']}" for row in shown if not row["isTemporary"])


def contents(spark, tables):
    """By name, the columns with their types, and every row as text, digit for digit, in an order of their own."""
    return {table: content(spark.sql(f"SELECT * FROM {table}")) for table in tables}


def content(frame):
    # When a row was loaded differs from session to session.
    kept = frame.drop("loaded_at")
    instants = [field.name for field in kept.schema if isinstance(field.dataType, TimestampType)]
    rows = kept.withColumns({name: functions.unix_micros(name) for name in instants}).collect()
    return {"columns": kept.schema.simpleString(), "rows": sorted(repr(tuple(row)) for row in rows)}
