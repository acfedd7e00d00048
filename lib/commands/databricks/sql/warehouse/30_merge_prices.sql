-- Merges Bronze into Silver: one row per symbol and date, the one with the greatest ingest_ts.

MERGE INTO ${catalog}.silver.prices AS t
USING (
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts
  FROM (
    SELECT
      symbol, date, open, high, low, close, adjClose, volume, ingest_ts,
      ROW_NUMBER() OVER (
        PARTITION BY symbol, date
        -- The values decide between two versions of the same instant, so that the order of the loads does not matter.
        ORDER BY
          ingest_ts DESC, adjClose DESC NULLS LAST, close DESC NULLS LAST, open DESC NULLS LAST, high DESC NULLS LAST,
          low DESC NULLS LAST, volume DESC NULLS LAST
      ) AS rn
    FROM ${catalog}.bronze.prices
    WHERE symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL
  ) AS versions
  -- The source must have one row per key: a MERGE fails at the second row of a key, whatever its clauses say
  -- (DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE).
  WHERE rn = 1
  -- Rows that Silver already has are left out, so that a run without new rows rewrites no file.
  EXCEPT
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts FROM ${catalog}.silver.prices
) AS s
ON t.symbol = s.symbol AND t.date = s.date
-- An older row never replaces a newer one, even after somebody has deleted rows of Bronze.
WHEN MATCHED AND s.ingest_ts > t.ingest_ts THEN UPDATE SET *
-- Of two versions of the same instant, the one that comes first in the order above.
WHEN MATCHED AND s.ingest_ts = t.ingest_ts THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *;
