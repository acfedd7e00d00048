-- What the lake knew at an instant, from the tables of the pipeline: for each symbol and date the version with the
-- greatest ingest_ts up to the parameter as_of. For the SQL editor, with the catalog and schema of the pipeline chosen
-- above it. ingest_ts is the start of the run that stored a row: the row was there some minutes later. Bronze knows the
-- versions that were in the lake at one of the updates of the pipeline.

SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts
FROM (
  SELECT
    symbol, date, open, high, low, close, adjClose, volume, ingest_ts,
    ROW_NUMBER() OVER (
      PARTITION BY symbol, date
      -- Of two versions of the same instant, the one that Silver takes.
      ORDER BY ingest_ts DESC, source_mtime DESC
    ) AS rn
  FROM checked_prices
  WHERE symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts <= :as_of
) AS versions
WHERE rn = 1;
