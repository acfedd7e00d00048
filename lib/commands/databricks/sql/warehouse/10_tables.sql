-- The tables. Variables, replaced as plain text before a file is run: ${catalog}, ${raw_root}.
-- Every statement may be run again: what is there stays as it is.

CREATE SCHEMA IF NOT EXISTS ${catalog}.bronze;

CREATE SCHEMA IF NOT EXISTS ${catalog}.silver;

CREATE SCHEMA IF NOT EXISTS ${catalog}.gold;

-- Bronze: every version of every row that a load has seen. It only grows.
CREATE TABLE IF NOT EXISTS ${catalog}.bronze.prices (
  symbol STRING,
  date DATE,
  open DOUBLE,
  high DOUBLE,
  low DOUBLE,
  close DOUBLE,
  adjClose DOUBLE,
  volume BIGINT,
  -- With a time zone, as in the files. TIMESTAMP_NTZ would need a table feature and would not compare with TIMESTAMP.
  ingest_ts TIMESTAMP,
  loaded_at TIMESTAMP
)
USING DELTA
-- Clustered, not partitioned: partitions by symbol and date would hold one row each, in a file each.
CLUSTER BY (symbol, date)
COMMENT 'Stored prices, every version of every row';

-- Silver: one row per symbol and date, the newest.
CREATE TABLE IF NOT EXISTS ${catalog}.silver.prices (
  symbol STRING,
  date DATE,
  open DOUBLE,
  high DOUBLE,
  low DOUBLE,
  close DOUBLE,
  adjClose DOUBLE,
  volume BIGINT,
  ingest_ts TIMESTAMP
)
USING DELTA
CLUSTER BY (symbol, date)
COMMENT 'Daily prices, one row per symbol and date'
-- Here and not on Bronze: Bronze only grows, so its changes are its rows. Here a row is replaced, and a reader of
-- changes wants to see what it was before.
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');
