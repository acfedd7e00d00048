-- The pipeline of the prices: Bronze, Silver and Gold in the catalog and schema that the pipeline is set to.
-- raw_root comes from the configuration of the pipeline. The order of the statements does not matter to it.

-- Bronze: every row of every version of every file. It only grows.
CREATE OR REFRESH STREAMING TABLE bronze_prices (
  -- Counted, and kept: what is wrong with a file is to be seen here.
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL),
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL)
)
-- Clustered, not partitioned: partitions by symbol and date would hold one row each, in a file each.
CLUSTER BY (symbol, date)
COMMENT 'Prices as stored, every version of every file'
AS SELECT
  -- Named, not a star: columns shall not come and go with the paths.
  symbol, date, open, high, low, close, adjClose, volume, ingest_ts,
  _rescued_data,
  -- Where a row comes from. The time decides between two files of the same ingest_ts.
  _metadata.file_path AS source_file,
  _metadata.file_modification_time AS source_mtime
-- STREAM makes it incremental: a file is read when it is new or overwritten, and not again. Where the stream stands is
-- kept by the pipeline: no schema or checkpoint location is to be set.
FROM STREAM read_files(
  '${raw_root}/prices/',
  format => 'parquet',
  -- Year files and day files stand at different depths. Columns from paths would be there for some and null for others,
  -- and would hide the symbol in the file: none are taken.
  partitionColumns => '',
  -- Without it a file is read once, and a day fetched again with --force, a refreshed year or a new adjustment never
  -- gets here. With it such a file is read again whole, and Silver takes the newer rows.
  allowOverwrites => true,
  -- A value of another type than the schema says goes here and leaves null in its column.
  rescuedDataColumn => '_rescued_data',
  -- Said, not inferred: what is inferred depends on which files come first. ingest_ts has a time zone. TIMESTAMP_NTZ
  -- would not compare with the TIMESTAMP of other tables.
  schema => 'symbol STRING, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, adjClose DOUBLE,
    volume BIGINT, ingest_ts TIMESTAMP'
);

-- The rows that Silver may take: with a key, and with nothing rescued, or a null from a foreign file would take the
-- place of a good value.
CREATE OR REFRESH STREAMING TABLE checked_prices (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW
)
CLUSTER BY (symbol, date)
COMMENT 'The rows of bronze_prices that Silver may take'
AS SELECT * FROM STREAM(bronze_prices);

-- Silver: one row per symbol and date, the newest.
CREATE OR REFRESH STREAMING TABLE silver_prices
CLUSTER BY (symbol, date)
COMMENT 'Daily prices, one row per symbol and date'
-- Here and not on Bronze: Bronze only grows, so its changes are its rows. Here a row is replaced, and a reader of
-- changes wants to see what it was before.
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

-- AUTO CDC and not MERGE: it takes what is new in Bronze alone, stands duplicates and files that come late, and a MERGE
-- can not stand in a pipeline.
CREATE FLOW silver_prices_flow AS AUTO CDC INTO silver_prices
FROM STREAM(checked_prices)
KEYS (symbol, date)
-- The row with the greatest ingest_ts counts, in whichever order files arrive.
SEQUENCE BY STRUCT(ingest_ts, source_mtime)
COLUMNS * EXCEPT (_rescued_data, source_file, source_mtime)
STORED AS SCD TYPE 1;

-- Gold: moving averages and volatility, over the adjusted close. In close a split is a fall that never was.
CREATE OR REFRESH MATERIALIZED VIEW price_features
COMMENT 'Moving averages and volatility over the adjusted close'
AS
SELECT
  symbol,
  date,
  close,
  adjClose,
  volume,
  -- The session before in the table. Windows count rows: where a session is missing they reach further back, and here
  -- it can be seen.
  previous_date,
  log_return,
  -- Null until all values of the window are there: an average of 7 days is no ma_20.
  CASE WHEN COUNT(adjClose) OVER last_20 = 20 THEN AVG(adjClose) OVER last_20 END AS ma_20,
  CASE WHEN COUNT(adjClose) OVER last_50 = 50 THEN AVG(adjClose) OVER last_50 END AS ma_50,
  -- The sample standard deviation of 20 daily log returns, so the first one stands on the 21st row of a symbol.
  CASE WHEN COUNT(log_return) OVER last_20 = 20 THEN STDDEV_SAMP(log_return) OVER last_20 END AS volatility_20d,
  CASE WHEN COUNT(log_return) OVER last_20 = 20 THEN STDDEV_SAMP(log_return) OVER last_20 * SQRT(252) END
    AS volatility_20d_annualised,
  ingest_ts
FROM (
  SELECT
    symbol,
    date,
    close,
    adjClose,
    volume,
    ingest_ts,
    LAG(date) OVER (PARTITION BY symbol ORDER BY date) AS previous_date,
    -- No logarithm of what is not positive. A null on either side leaves the return null, and with it each window.
    CASE
      WHEN adjClose > 0 AND LAG(adjClose) OVER (PARTITION BY symbol ORDER BY date) > 0
      THEN LN(adjClose / LAG(adjClose) OVER (PARTITION BY symbol ORDER BY date))
    END AS log_return
  FROM silver_prices
) AS returns
WINDOW
  last_20 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 19 PRECEDING AND CURRENT ROW),
  last_50 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 49 PRECEDING AND CURRENT ROW);
