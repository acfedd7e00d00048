# {{lake}} in polars, by `{{command}}`.
import polars as pl

# {{where s3}}
# Credentials come from the variables of AWS; with boto3 installed also from ~/.aws, single sign-on and roles.
store = {
    "aws_endpoint_url": {{endpoint}},
    "aws_allow_http": {{allowsHttp}},
    "aws_virtual_hosted_style_request": {{isVirtual}},
    "aws_region": {{region}},
}

# {{end}}
# {{where table}}
# One row for each symbol and date, as `ingest table` or `ingest --table` keeps them.
prices = pl.read_parquet({{prices/*.parquet}}{{options}})

# One symbol: what holds no row of it is not read.
aapl = pl.scan_parquet({{prices/*.parquet}}{{options}}).filter(pl.col("symbol") == "AAPL").sort("date").collect()
# {{end}}
# {{where raw}}
# The files as they are stored: no Hive partitioning, symbol and date from inside the file, and of several rows of a symbol
# and date the one with the greatest ingest_ts.
prices = (
    pl.scan_parquet({{prices/**/*.parquet}}, hive_partitioning=False{{options}})
    .sort("ingest_ts", descending=True)
    .unique(["symbol", "date"], keep="first", maintain_order=True)
    .collect()
)

# One symbol: its own files alone are listed and read. In paths `^GSPC` is `%5EGSPC`.
aapl = (
    pl.scan_parquet({{aapl/**/*.parquet}}, hive_partitioning=False{{options}})
    .sort("ingest_ts", descending=True)
    .unique(["symbol", "date"], keep="first", maintain_order=True)
    .sort("date")
    .collect()
)
# {{end}}

# Returns from one stored session to the next: of the price, and with dividends.
before = prices.sort("symbol", "date").with_columns(
    close_before=pl.col("close").shift(1).over("symbol"), adjusted_before=pl.col("adjClose").shift(1).over("symbol")
)
returns = before.select(
    "symbol",
    "date",
    price_return=pl.col("close") / pl.col("close_before") - 1,
    total_return=pl.col("adjClose") / pl.col("adjusted_before") - 1,
)

# Prices with the annual report that was known when the day began in New York. It needs stored statements:
# ingest --dataset fundamentals
# {{where table}}
income = pl.read_parquet({{income/*.parquet}}{{options}})
# {{end}}
# {{where raw}}
income = pl.read_parquet({{income/**/*.parquet}}, hive_partitioning=False{{options}})
# {{end}}
# A report that was accepted on the day its period ends has no known time. A late amendment replaces no newer year.
known = (
    income.filter(pl.col("period") == "FY")
    .with_columns(known_from=pl.col("acceptedDate").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None))
    .filter(pl.col("known_from").dt.date() > pl.col("date"))
    .sort("known_from", "date")
    .filter(pl.col("date") == pl.col("date").cum_max().over("symbol"))
)
prices_with_income = (
    prices.with_columns(day=pl.col("date").cast(pl.Datetime("us")))
    .sort("day")
    .join_asof(
        known.select("symbol", "known_from", "fiscalYear", "eps"),
        left_on="day",
        right_on="known_from",
        by="symbol",
        allow_exact_matches=False,
        check_sortedness=False,
    )
)
print(prices, aapl, returns, prices_with_income)
