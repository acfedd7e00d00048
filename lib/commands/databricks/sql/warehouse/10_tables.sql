-- The tables. The variables ${catalog} and ${raw_root} are replaced as plain text before a file is run.
-- Every statement may be run again: existing tables stay as they are.

CREATE SCHEMA IF NOT EXISTS ${catalog}.bronze;

CREATE SCHEMA IF NOT EXISTS ${catalog}.silver;

CREATE SCHEMA IF NOT EXISTS ${catalog}.gold;

-- Bronze: every version of every row that a load has read. It only grows.
CREATE TABLE IF NOT EXISTS ${catalog}.bronze.prices (
  symbol STRING,
  date DATE,
  open DOUBLE,
  high DOUBLE,
  low DOUBLE,
  close DOUBLE,
  adjClose DOUBLE,
  volume BIGINT,
  -- With a time zone, as in the files. A TIMESTAMP_NTZ needs a table feature and cannot be compared with a TIMESTAMP.
  ingest_ts TIMESTAMP,
  loaded_at TIMESTAMP
)
USING DELTA
-- Clustered, not partitioned: partitions by symbol and date would hold one row each, in a file each.
CLUSTER BY (symbol, date)
COMMENT 'Stored prices, every version of every row'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

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
-- In Silver rows are replaced, and readers of the changes need the earlier row. In Bronze, which only grows, the changes
-- are the rows that a load has added.
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');
