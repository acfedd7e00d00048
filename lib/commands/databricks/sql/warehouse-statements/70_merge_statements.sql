-- Merges Bronze into Silver: one row per symbol, date and period, the one with the greatest ingest_ts.
-- The comments in 30_merge_prices.sql explain rn = 1, EXCEPT and the comparisons of ingest_ts.

-- {{for each statement}}
MERGE INTO ${catalog}.silver.{{statement}} AS t
USING (
  SELECT * EXCEPT (rn, content)
  FROM (
    SELECT
      *,
      ROW_NUMBER() OVER (PARTITION BY symbol, date, period ORDER BY ingest_ts DESC, content) AS rn
    FROM (
      -- The hash decides between two versions of the same instant, so that the order of the loads does not matter.
      SELECT *, xxhash64(*) AS content
      FROM (SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.{{statement}}) AS stored
      WHERE symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL
    ) AS hashed
  ) AS versions
  WHERE rn = 1
  EXCEPT
  SELECT * FROM ${catalog}.silver.{{statement}}
) AS s
ON t.symbol = s.symbol AND t.date = s.date AND t.period = s.period
WHEN MATCHED AND s.ingest_ts > t.ingest_ts THEN UPDATE SET *
WHEN MATCHED AND s.ingest_ts = t.ingest_ts THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *;
