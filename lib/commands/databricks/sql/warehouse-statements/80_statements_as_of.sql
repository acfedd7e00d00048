-- Gold: what was known of the statements at an instant. A statement becomes known at acceptedDate, weeks after the end
-- of its quarter: a back test that joins by date looks into the future.
--
-- One row per filing, known from acceptedDate until the next filing of the same symbol, date and period replaced it
-- (null: no other has). It reads Bronze, because Silver has only the newest. As of an instant T:
--   WHERE known_from <= T AND (known_until IS NULL OR known_until > T)
-- A figure that the vendor corrects without a new acceptedDate appears as if it had been so from the start. A row
-- without acceptedDate is left out, because the time when it became known is not known.

-- {{for each statement}}
CREATE OR REPLACE VIEW ${catalog}.gold.{{statement}}_as_of AS
SELECT
  * EXCEPT (rn),
  acceptedDate AS known_from,
  LEAD(acceptedDate) OVER (PARTITION BY symbol, date, period ORDER BY acceptedDate) AS known_until
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY symbol, date, period, acceptedDate ORDER BY ingest_ts DESC, loaded_at DESC) AS rn
  FROM ${catalog}.bronze.{{statement}}
  WHERE symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND acceptedDate IS NOT NULL
) AS filings
WHERE rn = 1;
