# {{lake}} in pandas with pyarrow, by `{{command}}`. `date` comes as Python dates: `pd.to_datetime` makes a time of it.
import pandas as pd
# {{where s3}}
from pyarrow.fs import S3FileSystem

# Credentials come from where most AWS tools find them: variables, ~/.aws, a role.
store = S3FileSystem(
    endpoint_override={{host}},
    scheme={{scheme}},
    force_virtual_addressing={{forcesVirtual}},
    region={{region}},
)
# {{end}}

# {{where table}}
# One row for each symbol and date, as `ingest table` or `ingest --table` keeps them.
prices = pd.read_parquet({{prices}}{{options}})

# One symbol: what holds no row of it is not read.
aapl = pd.read_parquet({{prices}}, filters=[("symbol", "==", "AAPL")]{{options}}).sort_values("date")
# {{end}}
# {{where raw}}
# The files as they are stored: no Hive partitioning, symbol and date from inside the file, and of several rows of a symbol
# and date the one with the greatest ingest_ts.
prices = (
    pd.read_parquet({{prices}}, partitioning=None{{options}})
    .sort_values("ingest_ts")
    .drop_duplicates(["symbol", "date"], keep="last")
)

# One symbol: its own files alone are listed and read. In paths `^GSPC` is `%5EGSPC`.
aapl = (
    pd.read_parquet({{aapl}}, partitioning=None{{options}})
    .sort_values("ingest_ts")
    .drop_duplicates(["symbol", "date"], keep="last")
    .sort_values("date")
)
# {{end}}

# Returns from one stored session to the next: of the price, and with dividends.
ordered = prices.sort_values(["symbol", "date"])
before = ordered.groupby("symbol")[["close", "adjClose"]].shift(1)
returns = ordered[["symbol", "date"]].assign(
    price_return=ordered["close"] / before["close"] - 1, total_return=ordered["adjClose"] / before["adjClose"] - 1
)

# Prices with the annual report that was known when the day began in New York. It needs stored statements:
# ingest --dataset fundamentals
# {{where table}}
income = pd.read_parquet({{income}}{{options}})
# {{end}}
# {{where raw}}
income = pd.read_parquet({{income}}, partitioning=None{{options}})
# {{end}}
# A report that was accepted on the day its period ends has no known time. A late amendment replaces no newer year.
known_from = income["acceptedDate"].dt.tz_convert("America/New_York").dt.tz_localize(None)
known = income.assign(known_from=known_from, date=pd.to_datetime(income["date"]))
known = known[(known["period"] == "FY") & (known["known_from"].dt.normalize() > known["date"])]
known = known.sort_values(["known_from", "date"])
known = known[known["date"] == known.groupby("symbol")["date"].cummax()]
prices_with_income = pd.merge_asof(
    prices.assign(day=pd.to_datetime(prices["date"]).astype("datetime64[us]")).sort_values("day"),
    known[["symbol", "known_from", "fiscalYear", "eps"]].astype({"known_from": "datetime64[us]"}),
    left_on="day",
    right_on="known_from",
    by="symbol",
    allow_exact_matches=False,
)
print(prices, aapl, returns, prices_with_income, sep="\n")
