-- From Bronze into Silver: one row per symbol and date, the one with the greatest ingest_ts.

MERGE INTO ${catalog}.silver.prices AS t
USING (
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts
  FROM (
    SELECT
      symbol, date, open, high, low, close, adjClose, volume, ingest_ts,
      ROW_NUMBER() OVER (
        PARTITION BY symbol, date
        -- The values after it, so that two versions of the same instant come out the same whichever was loaded first.
        ORDER BY
          ingest_ts DESC, adjClose DESC NULLS LAST, close DESC NULLS LAST, open DESC NULLS LAST, high DESC NULLS LAST,
          low DESC NULLS LAST, volume DESC NULLS LAST
      ) AS rn
    FROM ${catalog}.bronze.prices
    WHERE symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL
  ) AS versions
  -- In here and not in the clauses below: a MERGE counts all source rows of a key and fails at the second
  -- (DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE), whatever its clauses say.
  WHERE rn = 1
  -- What Silver has already is not touched: a run with nothing new rewrites no file.
  EXCEPT
  SELECT symbol, date, open, high, low, close, adjClose, volume, ingest_ts FROM ${catalog}.silver.prices
) AS s
ON t.symbol = s.symbol AND t.date = s.date
-- Never a newer row by an older one, also when somebody has emptied or cut Bronze.
WHEN MATCHED AND s.ingest_ts > t.ingest_ts THEN UPDATE SET *
-- Two versions of one instant: the one that the order above prefers.
WHEN MATCHED AND s.ingest_ts = t.ingest_ts THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *;
