"""Runs the SQL files of a folder in name order, statement by statement, with the variables replaced as plain text.

On Databricks it runs as a task of a job, elsewhere with spark-submit (with Delta and its catalog configured):

    spark-submit run.py --folder . --catalog spark_catalog --raw-root /data/lake/raw
"""

import argparse
import pathlib
import re


def statements_of(text):
    """The statements of a file. These files have no semicolons in comments or strings."""
    return [part for part in text.split(";") if re.sub(r"--[^\n]*", "", part).strip()]


def quoted(catalog):
    """The name as SQL takes it: a name with a dash needs backticks."""
    return catalog if re.fullmatch(r"\w+", catalog) else f"`{catalog}`"


def run(spark, folder, catalog, raw_root):
    """Runs every file of the folder. Fails at the first statement that fails."""
    files = sorted(pathlib.Path(folder).glob("*.sql"))
    if not files:
        raise SystemExit(f"There are no SQL files in {folder}.")
    for file in files:
        print(file.name, flush=True)
        text = file.read_text(encoding="utf-8").replace("${catalog}", quoted(catalog)).replace("${raw_root}", raw_root)
        for statement in statements_of(text):
            spark.sql(statement)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--raw-root", required=True)
    arguments = parser.parse_args()

    from pyspark.sql import SparkSession

    run(SparkSession.builder.getOrCreate(), arguments.folder, arguments.catalog, arguments.raw_root.rstrip("/"))


if __name__ == "__main__":
    main()
