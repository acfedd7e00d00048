-- The pipeline of the prices: Bronze, Silver and Gold in the catalog and schema that the pipeline is set to.
-- raw_root comes from the configuration of the pipeline. The order of the statements does not matter in a pipeline.

-- Bronze: every row of every version of every file. It only grows.
CREATE OR REFRESH STREAMING TABLE bronze_prices (
  -- Rows that break a constraint are counted and kept, so that faulty files can be examined here.
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL),
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL)
)
-- Clustered, not partitioned: partitions by symbol and date would hold one row each, in a file each.
CLUSTER BY (symbol, date)
COMMENT 'Prices as stored, every version of every file'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT
  -- Named instead of a star, so that the paths cannot add or remove columns.
  symbol, date, open, high, low, close, adjClose, volume, ingest_ts,
  _rescued_data,
  -- The file of the row. Its modification time decides between two files with the same ingest_ts.
  _metadata.file_path AS source_file,
  _metadata.file_modification_time AS source_mtime
-- STREAM makes the load incremental: a file is read when it is new or overwritten, and not again. The pipeline stores
-- the progress of the stream, so no schema or checkpoint location is set.
FROM STREAM read_files(
  '${raw_root}/prices/',
  format => 'parquet',
  -- Year files and day files are at different depths. A column from the path would be null in some of them, and would
  -- hide the symbol in the file. So no columns are taken from paths.
  partitionColumns => '',
  -- An overwritten file is read again, all of it, and Silver takes the newer rows. Without this option each file is
  -- read once, and a day fetched again with --force, a refreshed year or a new adjustment never arrives.
  allowOverwrites => true,
  -- A value of another type than in the schema goes into this column, and its own column is null.
  rescuedDataColumn => '_rescued_data',
  -- Given, because an inferred schema depends on which files come first. ingest_ts has a time zone: a TIMESTAMP_NTZ
  -- cannot be compared with the TIMESTAMP of other tables.
  schema => 'symbol STRING, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, adjClose DOUBLE,
    volume BIGINT, ingest_ts TIMESTAMP'
);

-- The rows that Silver takes: those with a key and with nothing rescued. Otherwise a null from a foreign file would
-- replace a good value.
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
-- In Silver rows are replaced, and readers of the changes need the earlier row. In Bronze, which only grows, the changes
-- are the rows that a load has added.
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

-- AUTO CDC reads only what is new in Bronze, and handles duplicates and late files. A pipeline cannot contain a MERGE.
CREATE FLOW silver_prices_flow AS AUTO CDC INTO silver_prices
FROM STREAM(checked_prices)
KEYS (symbol, date)
-- The row with the greatest ingest_ts is taken, whatever the order in which files arrive.
SEQUENCE BY STRUCT(ingest_ts, source_mtime)
COLUMNS * EXCEPT (_rescued_data, source_file, source_mtime)
STORED AS SCD TYPE 1;

-- Gold: moving averages and volatility over the adjusted close, and averages over close under names of their own.
CREATE OR REFRESH MATERIALIZED VIEW price_features
COMMENT 'Moving averages and volatility over the adjusted close'
AS
SELECT
  symbol,
  date,
  close,
  adjClose,
  volume,
  -- The date of the previous row. Windows count rows, so across a missing session they reach further back. A gap shows
  -- in this column.
  previous_date,
  log_return,
  -- Null until the window has all of its values: an average of 7 days is not an ma_20.
  CASE WHEN COUNT(adjClose) OVER last_20 = 20 THEN AVG(adjClose) OVER last_20 END AS ma_20,
  CASE WHEN COUNT(adjClose) OVER last_50 = 50 THEN AVG(adjClose) OVER last_50 END AS ma_50,
  -- The sample standard deviation of 20 daily log returns. The first value is on the 21st row of a symbol.
  CASE WHEN COUNT(log_return) OVER last_20 = 20 THEN STDDEV_SAMP(log_return) OVER last_20 END AS volatility_20d,
  CASE WHEN COUNT(log_return) OVER last_20 = 20 THEN STDDEV_SAMP(log_return) OVER last_20 * SQRT(252) END
    AS volatility_20d_annualised,
  -- The same windows over close, which is adjusted for splits alone: an ex-date is a fall of the price in them.
  CASE WHEN COUNT(close) OVER last_20 = 20 THEN AVG(close) OVER last_20 END AS ma_20_close,
  CASE WHEN COUNT(close) OVER last_50 = 50 THEN AVG(close) OVER last_50 END AS ma_50_close,
  -- The sample standard deviation of prices, not of returns: in the currency of the symbol, and larger where prices are.
  CASE WHEN COUNT(close) OVER last_20 = 20 THEN STDDEV_SAMP(close) OVER last_20 END AS stddev_close_20d,
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
    -- Only positive prices have a logarithm. A null price makes the return null, and so every window that contains it.
    CASE
      WHEN adjClose > 0 AND LAG(adjClose) OVER (PARTITION BY symbol ORDER BY date) > 0
      THEN LN(adjClose / LAG(adjClose) OVER (PARTITION BY symbol ORDER BY date))
    END AS log_return
  FROM silver_prices
) AS returns
WINDOW
  last_20 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 19 PRECEDING AND CURRENT ROW),
  last_50 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 49 PRECEDING AND CURRENT ROW);
