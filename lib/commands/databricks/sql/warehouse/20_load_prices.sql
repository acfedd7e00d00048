-- Loads the raw files into Bronze: the rows that Bronze does not have yet.
--
-- It reads a view over the files. COPY INTO skips a file that it has loaded before, even if the file was overwritten
-- since: it would miss a day fetched again with --force, a refreshed year or a new adjustment. Open-source Spark has no
-- read_files.

CREATE OR REPLACE TEMPORARY VIEW price_files (
  -- The types are given. A file with other types fails the load, and the error names it. No column changes its type.
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
  -- Turns partition discovery off. It refuses files at different depths (CONFLICTING_PARTITION_COLUMN_NAMES), as year
  -- files and day files are, and would replace the values in the file by those in the path.
  recursiveFileLookup 'true',
  pathGlobFilter '*.parquet'
);

INSERT INTO ${catalog}.bronze.prices
  (symbol, date, open, high, low, close, adjClose, volume, ingest_ts, loaded_at)
SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts, current_timestamp()
FROM (
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts FROM price_files
  -- New rows are found by their content. File names do not tell: an overwritten file has new rows under an old name, a
  -- copied lake has old rows under new names. EXCEPT treats nulls as equal, which a join on all columns does not.
  EXCEPT
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts FROM ${catalog}.bronze.prices
) AS unseen;
