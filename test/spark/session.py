"""How the checks open Spark with Delta, and how they run the bundle's SQL."""

import importlib.util
import sys

from pyspark.sql import SparkSession

DELTA = "io.delta:delta-spark_4.2_2.13:4.4.0"
CATALOG = "spark_catalog"


def open_spark(master, warehouse, jars, settings=()):
    """A session on this master, with its tables in the folder `warehouse`. Delta is fetched into `jars` once."""
    builder = (
        SparkSession.builder.master(master)
        .config("spark.jars.packages", DELTA)
        .config("spark.jars.ivy", str(jars))
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.warehouse.dir", str(warehouse))
        .config("spark.sql.session.timeZone", "America/New_York")
        .config("spark.sql.shuffle.partitions", "4")
        # Delta reads the log of a table with 50 tasks otherwise, however small it is.
        .config("spark.databricks.delta.snapshotPartitions", "4")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
    )
    for name, value in dict(settings).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def load_runner(warehouse_sql):
    """The program that ships beside the SQL files."""
    spec = importlib.util.spec_from_file_location("run", warehouse_sql / "run.py")
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module
