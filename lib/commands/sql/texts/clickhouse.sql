-- {{lake}} in ClickHouse 26.9 or newer. To run all: {{command}} | clickhouse local
-- {{where s3}}
-- Credentials come from the variables of AWS or the role of the machine; on a server `use_environment_credentials` allows it.
-- {{end}}

-- {{where table}}
-- One row for each symbol and date, as `ingest table` or `ingest --table` keeps them.
{{noHive}}
CREATE OR REPLACE VIEW prices AS SELECT * FROM {{prices/*.parquet}};

-- One symbol.
SELECT * FROM prices WHERE symbol = 'AAPL' ORDER BY date;
-- {{end}}
-- {{where raw}}
-- The files as they are stored: no Hive partitioning, symbol and date from inside the file, and of several rows of a symbol
-- and date the one with the greatest ingest_ts.
SET use_hive_partitioning = 0;
CREATE OR REPLACE VIEW prices AS
SELECT * FROM {{prices/**/*.parquet}} ORDER BY ingest_ts DESC LIMIT 1 BY symbol, date;

-- One symbol: its own files alone are listed and read. In paths `^GSPC` is `%5EGSPC`.
SELECT * FROM (SELECT * FROM {{aapl/**/*.parquet}} ORDER BY ingest_ts DESC LIMIT 1 BY symbol, date) ORDER BY date;
-- {{end}}

-- Returns from one stored session to the next: of the price, and with dividends.
CREATE OR REPLACE VIEW returns AS
SELECT
  symbol, date,
  close / lag(toNullable(close)) OVER sessions - 1 AS price_return,
  adjClose / lag(toNullable(adjClose)) OVER sessions - 1 AS total_return
FROM prices WINDOW sessions AS (PARTITION BY symbol ORDER BY date);
SELECT * FROM returns WHERE symbol = 'AAPL' ORDER BY date;

-- Prices with the annual report that was known when the day began in New York. It needs stored statements:
-- ingest --dataset fundamentals
-- {{where table}}
CREATE OR REPLACE VIEW income AS SELECT * FROM {{income/*.parquet}};
-- {{end}}
-- {{where raw}}
CREATE OR REPLACE VIEW income AS SELECT * FROM {{income/**/*.parquet}};
-- {{end}}
-- A report that was accepted on the day its period ends has no known time. A late amendment replaces no newer year.
CREATE OR REPLACE VIEW prices_with_income AS
WITH
  filed AS (
    SELECT *, assumeNotNull(acceptedDate) AS known_from FROM income WHERE period = 'FY' AND isNotNull(acceptedDate)
  ),
  ranked AS (
    SELECT *, max(date) OVER (PARTITION BY symbol ORDER BY known_from) AS newest_year
    FROM filed WHERE toDate32(known_from, 'America/New_York') > date
  ),
  known AS (
    SELECT assumeNotNull(symbol) AS filer, known_from, fiscalYear, eps FROM ranked WHERE date = newest_year
  ),
  days AS (
    SELECT *, toDateTime64(concat(toString(assumeNotNull(date)), ' 00:00:00'), 6, 'America/New_York') AS day FROM prices
  )
SELECT days.* EXCEPT day, known.fiscalYear, known.eps
FROM days ASOF LEFT JOIN known ON assumeNotNull(days.symbol) = known.filer AND days.day > known.known_from
SETTINGS join_use_nulls = 1;
SELECT * FROM prices_with_income WHERE symbol = 'AAPL' ORDER BY date;
