# {{lake}} in pyarrow, by `{{command}}`.
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
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
prices = ds.dataset({{prices}}{{options}}).to_table()

# One symbol: what holds no row of it is not read.
aapl = ds.dataset({{prices}}{{options}}).to_table(filter=ds.field("symbol") == "AAPL").sort_by("date")
# {{end}}
# {{where raw}}
# The files as they are stored: no Hive partitioning, symbol and date from inside the file, and of several rows of a symbol
# and date the one with the greatest ingest_ts.
def newest(folder):
    table = ds.dataset(folder{{options}}).to_table().sort_by([("ingest_ts", "descending")])
    numbered = table.append_column("row", pa.array(range(len(table))))
    rows = numbered.group_by(["symbol", "date"]).aggregate([("row", "min")])
    return table.take(rows["row_min"])


prices = newest({{prices}})

# One symbol: its own files alone are listed and read. In paths `^GSPC` is `%5EGSPC`.
aapl = newest({{aapl}}).sort_by("date")
# {{end}}

# Returns from one stored session to the next: of the price, and with dividends.
ordered = prices.sort_by([("symbol", "ascending"), ("date", "ascending")]).combine_chunks()
symbol = ordered["symbol"].combine_chunks()
is_same = pa.concat_arrays([pa.array([False]), pc.equal(symbol[1:], symbol[:-1])])


def change(name):
    value = ordered[name].combine_chunks()
    before = pa.concat_arrays([pa.nulls(1, value.type), value[:-1]])
    return pc.if_else(is_same, pc.subtract(pc.divide(value, before), 1), None)


returns = pa.table(
    {
        "symbol": ordered["symbol"],
        "date": ordered["date"],
        "price_return": change("close"),
        "total_return": change("adjClose"),
    }
)

# Prices with the annual report that was known when the day began in New York. It needs stored statements:
# ingest --dataset fundamentals
income = ds.dataset({{income}}{{options}}).to_table(filter=ds.field("period") == "FY")
known_from = pc.local_timestamp(pc.cast(income["acceptedDate"], pa.timestamp("us", "America/New_York")))
# The join takes equal times too. A report that was accepted at midnight counts from the next day on.
known = pa.table(
    {
        "symbol": income["symbol"],
        "date": income["date"],
        "day": pc.add(pc.cast(known_from, pa.int64()), 1),
        "known_from": known_from,
        "fiscalYear": income["fiscalYear"],
        "eps": income["eps"],
    }
)
# A report that was accepted on the day its period ends has no known time. A late amendment replaces no newer year.
known = known.filter(pc.greater(pc.cast(known["known_from"], pa.date32(), safe=False), known["date"]))
newest_year, kept = {}, []
for row, report in enumerate(known.sort_by([("day", "ascending"), ("date", "ascending")]).to_pylist()):
    if report["date"] >= newest_year.get(report["symbol"], report["date"]):
        newest_year[report["symbol"]] = report["date"]
        kept.append(report)
known = pa.Table.from_pylist(kept, schema=known.schema).drop_columns(["date", "known_from"])
day = pc.cast(pc.cast(prices["date"], pa.timestamp("us")), pa.int64())
prices_with_income = prices.append_column("day", day).sort_by("day").join_asof(
    known, on="day", by="symbol", tolerance=-(2**62)
)
print(prices, aapl, returns, prices_with_income, sep="\n")
