-- From the raw files into Bronze: the rows that are not there yet.
--
-- A view over the files and not COPY INTO: that skips a file it has loaded before even when the file was overwritten
-- since, and so would never see a day fetched again with --force, a refreshed year or a new adjustment.
-- Nor read_files, which open-source Spark does not have.

CREATE OR REPLACE TEMPORARY VIEW price_files (
  -- The types are said, not inferred: a file with other types fails the load by its name instead of bending a column.
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
USING parquet
OPTIONS (
  path '${raw_root}/prices/',
  -- Year files and day files stand at different depths. Partition discovery refuses that
  -- (CONFLICTING_PARTITION_COLUMN_NAMES), and would put the values of the path in place of those in the file.
  -- This turns it off.
  recursiveFileLookup 'true',
  pathGlobFilter '*.parquet'
);

INSERT INTO ${catalog}.bronze.prices
  (symbol, date, open, high, low, close, adjClose, volume, ingest_ts, loaded_at)
SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts, current_timestamp()
FROM (
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts FROM price_files
  -- By content, not by file name or time: an overwritten file has new rows under an old name, a copied lake has old
  -- rows under new names. EXCEPT takes nulls for equal, which a join on all columns would not.
  EXCEPT
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts FROM ${catalog}.bronze.prices
) AS unseen;
