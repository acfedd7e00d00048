"""The SQL of the pipelines before the parser of Spark 4.3, which knows STREAM read_files, AUTO CDC and CREATE FLOW.

It does not know OR REFRESH and expectations: those are taken out first. Nothing is run.
"""

import pathlib
import re

from pyspark.sql import SparkSession

SQL = pathlib.Path(__file__).resolve().parents[2] / "lib/databricks/sql/pipeline"


def in_words_of_spark(statement):
    statement = re.sub(r"--[^\n]*", "", statement).replace("CREATE OR REFRESH", "CREATE")
    return re.sub(r"(STREAMING TABLE \w+) \(\s*CONSTRAINT.*?\n\)", r"\1", statement, flags=re.DOTALL)


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    parser = spark._jsparkSession.sessionState().sqlParser()
    plans = []
    for file in sorted(SQL.glob("*.sql")):
        for statement in file.read_text(encoding="utf-8").split(";"):
            if in_words_of_spark(statement).strip():
                plans.append(parser.parsePlan(in_words_of_spark(statement)).getClass().getSimpleName())
    spark.stop()
    if len(plans) != 20:
        raise SystemExit(f"FAILED: 20 statements were expected, {len(plans)} were found")
    print(f"Spark {spark.version} parses {len(plans)} statements of the pipelines: {', '.join(sorted(set(plans)))}")


main()
