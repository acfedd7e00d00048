"""Parses the SQL of the pipelines and the queries beside them with Spark 4.3, which knows STREAM read_files, AUTO CDC and
CREATE FLOW.

It does not know OR REFRESH and expectations: those are taken out first. Nothing is run.
Arguments: the folder of the bundle's SQL, the names of the company statements.
"""

import pathlib
import re
import sys

from pyspark.sql import SparkSession

SQL = pathlib.Path(sys.argv[1])
# Bronze, checked, Silver, its flow and Gold, for the prices and for each company statement. Of the prices Gold has two
# tables, and one query.
EXPECTED = 5 * (1 + len(sys.argv[2:])) + 2


def in_words_of_spark(statement):
    statement = re.sub(r"--[^\n]*", "", statement).replace("CREATE OR REFRESH", "CREATE")
    return re.sub(r"(STREAMING TABLE \w+) \(\s*CONSTRAINT.*?\n\)", r"\1", statement, flags=re.DOTALL)


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    parser = spark._jsparkSession.sessionState().sqlParser()
    plans = []
    for file in sorted([*SQL.glob("pipeline/*.sql"), *SQL.glob("queries/*.sql")]):
        for statement in file.read_text(encoding="utf-8").split(";"):
            if in_words_of_spark(statement).strip():
                plans.append(parser.parsePlan(in_words_of_spark(statement)).getClass().getSimpleName())
    spark.stop()
    if len(plans) != EXPECTED:
        raise SystemExit(f"FAILED: {EXPECTED} SQL statements were expected, {len(plans)} were found")
    print(f"Spark {spark.version} parses {len(plans)} SQL statements of the pipelines: {', '.join(sorted(set(plans)))}")


main()
