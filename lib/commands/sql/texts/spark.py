# {{lake}} in Spark, by `{{command}}`.
from pyspark.sql import SparkSession, Window, functions as F

# {{where folder}}
spark = SparkSession.builder.getOrCreate()
# {{end}}
# {{where s3}}
# Databricks and EMR have `spark`, the S3 client and the rights of their cluster: leave these lines out there, and write
# s3:// in place of s3a://. Elsewhere credentials come from the variables of AWS or a role. Take the version of hadoop-aws
# that Spark has of Hadoop.
spark = (
    SparkSession.builder.config("spark.jars.packages", "org.apache.hadoop:hadoop-aws:3.5.0")
    .config("spark.hadoop.fs.s3a.endpoint", {{endpoint}})
    .config("spark.hadoop.fs.s3a.path.style.access", {{isPathStyle}})
    .config("spark.hadoop.fs.s3a.endpoint.region", {{region}})
    .getOrCreate()
)
# {{end}}

# {{where table}}
# One row for each symbol and date, as `ingest table` or `ingest --table` keeps them.
prices = spark.read.parquet({{prices}})

# One symbol.
aapl = prices.where("symbol = 'AAPL'").orderBy("date")
# {{end}}
# {{where raw}}
# The files as they are stored: no Hive partitioning, symbol and date from inside the file, and of several rows of a symbol
# and date the one with the greatest ingest_ts.
newest = Window.partitionBy("symbol", "date").orderBy(F.desc("ingest_ts"))


def read(folder):
    stored = spark.read.option("recursiveFileLookup", True).parquet(folder)
    return stored.withColumn("rn", F.row_number().over(newest)).where("rn = 1").drop("rn")


prices = read({{prices}})

# One symbol: its own files alone are listed and read. In paths `^GSPC` is `%5EGSPC`.
aapl = read({{aapl}}).orderBy("date")
# {{end}}

# Returns from one stored session to the next: of the price, and with dividends.
sessions = Window.partitionBy("symbol").orderBy("date")
returns = prices.select(
    "symbol",
    "date",
    (F.col("close") / F.lag("close").over(sessions) - 1).alias("price_return"),
    (F.col("adjClose") / F.lag("adjClose").over(sessions) - 1).alias("total_return"),
)

# Prices with the annual report that was known when the day began in New York. It needs stored statements:
# ingest --dataset fundamentals
# {{where table}}
income = spark.read.parquet({{income}})
# {{end}}
# {{where raw}}
income = spark.read.option("recursiveFileLookup", True).parquet({{income}})
# {{end}}


def midnight(day):
    return F.concat(day, F.lit(" 00:00:00 America/New_York")).cast("timestamp")


# A report that was accepted on the day its period ends has no known time. A late amendment replaces no newer year.
by_time = Window.partitionBy("symbol").orderBy("acceptedDate")
known = (
    income.where("period = 'FY'")
    .where(F.col("acceptedDate") >= midnight(F.date_add("date", 1)))
    .withColumn("newest_year", F.max("date").over(by_time))
    .where("date = newest_year")
    .select(
        F.col("symbol").alias("filer"),
        F.col("acceptedDate").alias("known_from"),
        F.lead("acceptedDate").over(by_time).alias("known_until"),
        "fiscalYear",
        "eps",
    )
)
day = midnight(prices["date"])
is_known = (day > known["known_from"]) & (known["known_until"].isNull() | (day <= known["known_until"]))
prices_with_income = prices.join(known, (prices["symbol"] == known["filer"]) & is_known, "left").drop("filer")
for frame in [prices, aapl, returns, prices_with_income]:
    frame.show()
