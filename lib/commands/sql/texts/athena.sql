-- {{lake}} in Athena (engine version 3), by `{{command}}`. Run the statements one by one.
-- They need an empty database of their own. Athena reads with the rights of the user or role that asks.
-- Athena writes names in small letters: adjClose is adjclose.

-- {{where table}}
-- One row for each symbol and date, as `ingest table` or `ingest --table` keeps them.
CREATE EXTERNAL TABLE prices (
  {{priceColumns}}
)
STORED AS PARQUET
LOCATION {{prices/}};
-- {{end}}
-- {{where raw}}
-- The files as they are stored: no Hive partitioning, symbol and date from inside the file, and of several rows of a symbol
-- and date the one with the greatest ingest_ts.
CREATE EXTERNAL TABLE stored_prices (
  {{priceColumns}}
)
STORED AS PARQUET
LOCATION {{prices/}};

CREATE OR REPLACE VIEW prices AS
SELECT symbol, date, open, high, low, close, adjclose, volume, ingest_ts
FROM (
  SELECT *, row_number() OVER (PARTITION BY symbol, date ORDER BY ingest_ts DESC) AS age FROM stored_prices
)
WHERE age = 1;
-- {{end}}

-- One symbol.
SELECT * FROM prices WHERE symbol = 'AAPL' ORDER BY date;

-- Returns from one stored session to the next: of the price, and with dividends.
CREATE OR REPLACE VIEW returns AS
SELECT
  symbol, date,
  close / lag(close) OVER (PARTITION BY symbol ORDER BY date) - 1 AS price_return,
  adjclose / lag(adjclose) OVER (PARTITION BY symbol ORDER BY date) - 1 AS total_return
FROM prices;

-- Prices with the annual report that was known when the day began in New York. It needs stored statements:
-- ingest --dataset fundamentals
CREATE EXTERNAL TABLE income (
  {{incomeColumns}}
)
STORED AS PARQUET
LOCATION {{income/}};

-- A report that was accepted on the day its period ends has no known time. A late amendment replaces no newer year.
CREATE OR REPLACE VIEW prices_with_income AS
WITH
  filed AS (
    SELECT
      symbol, date, fiscalyear, eps,
      CAST(at_timezone(with_timezone(accepteddate, 'UTC'), 'America/New_York') AS timestamp) AS known_from
    FROM income WHERE period = 'FY'
  ),
  ranked AS (
    SELECT *, max(date) OVER (PARTITION BY symbol ORDER BY known_from) AS newest_year
    FROM filed WHERE CAST(known_from AS date) > date
  ),
  known AS (
    SELECT
      symbol, known_from, fiscalyear, eps,
      lead(known_from) OVER (PARTITION BY symbol ORDER BY known_from) AS known_until
    FROM ranked WHERE date = newest_year
  )
SELECT p.*, k.fiscalyear, k.eps
FROM prices AS p
LEFT JOIN known AS k
  ON p.symbol = k.symbol AND CAST(p.date AS timestamp) > k.known_from
  AND (k.known_until IS NULL OR CAST(p.date AS timestamp) <= k.known_until);
