-- Gold: what the lake knew at an instant: for each symbol and date the version with the greatest ingest_ts up to it. A
-- query reads it as gold.prices_as_of(instant) in place of a table. The instant is in the time zone of the session.
-- ingest_ts is the start of the run that stored a row: the row was there some minutes later. Bronze knows the versions
-- that were in the lake at one of the loads.

CREATE OR REPLACE FUNCTION ${catalog}.gold.prices_as_of(as_of TIMESTAMP)
RETURNS TABLE (
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
COMMENT 'Daily prices as they were stored at an instant, one row per symbol and date'
RETURN
SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts
FROM (
  SELECT
    symbol, date, open, high, low, close, adjClose, volume, ingest_ts,
    ROW_NUMBER() OVER (
      PARTITION BY symbol, date
      -- Of two versions of the same instant, the one that Silver takes.
      ORDER BY
        ingest_ts DESC, adjClose DESC NULLS LAST, close DESC NULLS LAST, open DESC NULLS LAST, high DESC NULLS LAST,
        low DESC NULLS LAST, volume DESC NULLS LAST
    ) AS rn
  FROM ${catalog}.bronze.prices
  WHERE symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts <= as_of
) AS versions
WHERE rn = 1;
