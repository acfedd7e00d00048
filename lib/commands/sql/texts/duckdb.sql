-- {{lake}} in DuckDB 1.5 or newer. To run all: {{command}} | duckdb
-- {{where s3}}

-- Credentials come from where every AWS tool finds them: variables, ~/.aws, single sign-on, a role.
CREATE OR REPLACE SECRET lake (
  TYPE s3, PROVIDER credential_chain,
  ENDPOINT {{host}}, USE_SSL {{isHttps}},
  URL_STYLE {{style}},
  SCOPE {{bucketUrl}}, REGION {{region}}
);
-- {{end}}

-- {{where table}}
-- One row for each symbol and date, as `ingest table` or `ingest --table` keeps them.
CREATE OR REPLACE VIEW prices AS SELECT * FROM read_parquet({{prices/*.parquet}}{{noHive}});

-- One symbol.
SELECT * FROM prices WHERE symbol = 'AAPL' ORDER BY date;
-- {{end}}
-- {{where raw}}
-- The files as they are stored: no Hive partitioning, symbol and date from inside the file, and of several rows of a symbol
-- and date the one with the greatest ingest_ts.
CREATE OR REPLACE VIEW prices AS
SELECT * FROM read_parquet({{prices/**/*.parquet}}, hive_partitioning = false)
QUALIFY row_number() OVER (PARTITION BY symbol, date ORDER BY ingest_ts DESC) = 1;

-- One symbol: its own files alone are listed and read. In paths `^GSPC` is `%5EGSPC`.
SELECT * FROM read_parquet({{aapl/**/*.parquet}}, hive_partitioning = false)
QUALIFY row_number() OVER (PARTITION BY symbol, date ORDER BY ingest_ts DESC) = 1
ORDER BY date;
-- {{end}}

-- Returns from one stored session to the next: of the price, and with dividends.
CREATE OR REPLACE VIEW returns AS
SELECT
  symbol, date,
  close / lag(close) OVER sessions - 1 AS price_return,
  adjClose / lag(adjClose) OVER sessions - 1 AS total_return
FROM prices WINDOW sessions AS (PARTITION BY symbol ORDER BY date);
FROM returns WHERE symbol = 'AAPL' ORDER BY date;

-- Prices with the annual report that was known when the day began in New York. It needs stored statements:
-- ingest --dataset fundamentals
-- {{where table}}
CREATE OR REPLACE VIEW income AS SELECT * FROM read_parquet({{income/*.parquet}}{{noHive}});
-- {{end}}
-- {{where raw}}
CREATE OR REPLACE VIEW income AS SELECT * FROM read_parquet({{income/**/*.parquet}}, hive_partitioning = false);
-- {{end}}
CREATE OR REPLACE VIEW prices_with_income AS
WITH
  filed AS (
    SELECT *, timezone('America/New_York', acceptedDate) AS known_from FROM income WHERE period = 'FY'
  ),
  known AS (
    -- A report that was accepted on the day its period ends has no known time. A late amendment replaces no newer year.
    SELECT * FROM filed WHERE CAST(known_from AS DATE) > date
    QUALIFY date = max(date) OVER (PARTITION BY symbol ORDER BY known_from)
  )
SELECT prices.*, known.fiscalYear, known.eps
FROM prices ASOF LEFT JOIN known ON prices.symbol = known.symbol AND prices.date > known.known_from;
FROM prices_with_income WHERE symbol = 'AAPL' ORDER BY date;
