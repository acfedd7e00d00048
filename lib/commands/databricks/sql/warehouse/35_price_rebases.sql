-- Gold: the changes of base that Bronze shows. After a split or a dividend FMP multiplies the whole past of a symbol, and
-- the run that finds this stores every row anew that has changed. One row here is such a change: the stored rows of the
-- symbol from first_date to last_date were multiplied, and the run that began at seen_at has stored that.
--
-- A version of a row of these dates that is older than seen_at is brought to the base of seen_at by its factors: prices
-- times price_factor, adjClose times adj_factor, and the volume divided by price_factor (a spin-off leaves the volume as
-- it is). The factors are measured on rounded prices. A bar that was corrected in the same run has a row of its own, one
-- that was corrected alone has none. Bronze shows nothing of a change that no run has stored, as with --mend none.

CREATE OR REPLACE VIEW ${catalog}.gold.price_rebases AS
WITH
  -- Every version of a row, once. Half of the last digit is what rounding can have taken or added.
  versions AS (
    SELECT
      symbol, date, ingest_ts, close, adjClose,
      CASE WHEN close < 1 AND close <> ROUND(close, 2) THEN 0.00005 ELSE 0.005 END AS close_half,
      CASE WHEN adjClose < 1 AND adjClose <> ROUND(adjClose, 2) THEN 0.00005 ELSE 0.005 END AS adj_half
    FROM (
      SELECT symbol, date, ingest_ts, MAX(close) AS close, MAX(adjClose) AS adjClose
      FROM ${catalog}.bronze.prices
      WHERE symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL
      GROUP BY symbol, date, ingest_ts
    ) AS each_once
  ),
  -- How far each run has stored a symbol, and how far the runs before it had.
  runs AS (
    SELECT
      symbol, ingest_ts AS seen_at, newest,
      LAG(newest) OVER (PARTITION BY symbol ORDER BY ingest_ts) AS previous_newest,
      MAX(newest) OVER (PARTITION BY symbol ORDER BY ingest_ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        AS newest_before,
      MAX(newest) OVER (PARTITION BY symbol) AS newest_of_all,
      MIN(oldest) OVER (PARTITION BY symbol) AS oldest_of_all
    FROM (
      SELECT symbol, ingest_ts, MIN(date) AS oldest, MAX(date) AS newest FROM versions GROUP BY symbol, ingest_ts
    ) AS by_run
  ),
  -- Two consecutive versions of a row, and the factors between them that rounding allows.
  pairs AS (
    SELECT
      symbol, date, ingest_ts AS seen_at, old_ingest_ts,
      CASE WHEN close <> old_close OR adjClose <> old_adj THEN date END AS changed_date,
      close, old_close, adjClose, old_adj,
      (close - close_half) / (old_close + old_close_half) AS close_low,
      CASE WHEN old_close > old_close_half THEN (close + close_half) / (old_close - old_close_half) END AS close_high,
      (adjClose - adj_half) / (old_adj + old_adj_half) AS adj_low,
      CASE WHEN old_adj > old_adj_half THEN (adjClose + adj_half) / (old_adj - old_adj_half) END AS adj_high
    FROM (
      SELECT
        *,
        LAG(ingest_ts) OVER by_version AS old_ingest_ts,
        LAG(close) OVER by_version AS old_close,
        LAG(close_half) OVER by_version AS old_close_half,
        LAG(adjClose) OVER by_version AS old_adj,
        LAG(adj_half) OVER by_version AS old_adj_half
      FROM versions
      WINDOW by_version AS (PARTITION BY symbol, date ORDER BY ingest_ts)
    ) AS followed
    WHERE close > 0 AND old_close > 0
  ),
  -- A stretch of rows ends where no factor explains two neighbours.
  numbered AS (
    SELECT *, SUM(is_step) OVER (PARTITION BY symbol, seen_at ORDER BY date) AS stretch
    FROM (
      SELECT
        *,
        CASE
          WHEN close_low > LAG(close_high) OVER by_date OR close_high < LAG(close_low) OVER by_date
            OR adj_low > LAG(adj_high) OVER by_date OR adj_high < LAG(adj_low) OVER by_date
          THEN 1 ELSE 0
        END AS is_step
      FROM pairs
      WINDOW by_date AS (PARTITION BY symbol, seen_at ORDER BY date)
    ) AS compared
  ),
  stretches AS (
    SELECT
      symbol, seen_at,
      MIN(date) AS from_date,
      MIN(changed_date) AS first_date,
      MAX(changed_date) AS last_date,
      COUNT(changed_date) AS changed,
      MAX(old_ingest_ts) AS old_until,
      -- 1 where rounding allows that, else the middle of what it allows. Where two small changes look like one, their mean.
      CASE
        WHEN MAX(close_low) <= 1.000000001 AND MIN(close_high) >= 0.999999999 THEN 1
        WHEN MAX(close_low) <= MIN(close_high) THEN SQRT(MAX(close_low) * MIN(close_high))
        ELSE SUM(close) / SUM(old_close)
      END AS price_factor,
      CASE
        WHEN MAX(adj_low) <= 1.000000001 AND MIN(adj_high) >= 0.999999999 THEN 1
        WHEN MAX(adj_low) <= MIN(adj_high) THEN SQRT(MAX(adj_low) * MIN(adj_high))
        ELSE SUM(CASE WHEN old_adj IS NOT NULL THEN adjClose END) / SUM(CASE WHEN adjClose IS NOT NULL THEN old_adj END)
      END AS adj_factor
    FROM numbered
    GROUP BY symbol, seen_at, stretch
  ),
  judged AS (
    SELECT
      s.*, newest, newest_before, newest_of_all,
      previous_newest < newest_before AS follows_a_cut,
      price_factor = 1 AND COALESCE(adj_factor, 1) = 1 AS is_same,
      -- A correction changes single bars, a change of base more than three, or all there are.
      (price_factor <> 1 OR adj_factor <> 1) AND (changed > 3 OR from_date = oldest_of_all) AS is_base
    FROM stretches AS s
    JOIN runs AS r ON r.symbol = s.symbol AND r.seen_at = s.seen_at
  ),
  changes AS (
    SELECT
      *,
      MAX(CASE WHEN is_base THEN 1 ELSE 0 END) OVER of_run AS has_base,
      MIN(CASE WHEN is_base OR is_same THEN from_date END) OVER of_run AS oldest_of_run,
      MAX(last_date) OVER of_run AS newest_changed,
      MAX(CASE WHEN is_base THEN last_date END) OVER later_runs AS continued_to
    FROM judged
    WINDOW
      of_run AS (PARTITION BY symbol, seen_at),
      later_runs AS (
        PARTITION BY symbol ORDER BY seen_at, last_date ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
      )
  )
SELECT
  symbol, seen_at, first_date, last_date, price_factor, adj_factor, changed AS rows,
  -- The dates that the change covers, stored anew or not: from the oldest on where covers_from is null. A mend stores the
  -- oldest years first: where it was cut short, all that was stored after them is on the old base until a later run goes on.
  CASE WHEN is_base AND from_date = oldest_of_run THEN NULL ELSE first_date END AS covers_from,
  CASE
    WHEN is_base AND newest = newest_changed AND COALESCE(continued_to <= last_date, TRUE)
    THEN GREATEST(newest_before, last_date)
    ELSE last_date
  END AS covers_to,
  -- The newest version that is known to be on the old base, and whether nothing was stored after a mend that was cut short.
  old_until,
  is_base AND newest = newest_changed AND newest_before = newest_of_all AS is_open
FROM changes
WHERE NOT is_same AND (has_base = 1 OR follows_a_cut);
