-- Gold: moving averages and volatility over the adjusted close, and averages over close under names of their own.

CREATE OR REPLACE VIEW ${catalog}.gold.price_features AS
WITH
  -- The rows that are still on an older base: a change covers their date and would have moved them by a last digit or more,
  -- and they were stored before it. These are rows no newer than a version which is known to be on the old base, and all
  -- behind the end of a mend that was cut short, as long as nothing newer is stored.
  stale AS (
    SELECT DISTINCT p.symbol, p.date
    FROM (
      SELECT
        symbol, date, close, adjClose, ingest_ts,
        CASE WHEN close < 1 AND close <> ROUND(close, 2) THEN 0.0001 ELSE 0.01 END AS close_digit,
        CASE WHEN adjClose < 1 AND adjClose <> ROUND(adjClose, 2) THEN 0.0001 ELSE 0.01 END AS adj_digit
      FROM ${catalog}.silver.prices
    ) AS p
    JOIN ${catalog}.gold.price_rebases AS r
      ON p.symbol = r.symbol
      AND p.date <= r.covers_to
      AND (r.covers_from IS NULL OR p.date >= r.covers_from)
      AND p.ingest_ts < r.seen_at
      AND (p.ingest_ts <= r.old_until OR (r.is_open AND p.date > r.last_date))
    WHERE ABS(p.close * (r.price_factor - 1)) >= p.close_digit OR ABS(p.adjClose * (r.adj_factor - 1)) >= p.adj_digit
  ),
  returns AS (
    SELECT
      p.symbol,
      p.date,
      p.close,
      p.adjClose,
      p.volume,
      p.ingest_ts,
      CASE WHEN stale.date IS NULL THEN 0 ELSE 1 END AS is_stale,
      LAG(p.date) OVER by_date AS previous_date,
      -- Only positive prices have a logarithm. A null price makes the return null, and so every window that contains it.
      CASE
        WHEN p.adjClose > 0 AND LAG(p.adjClose) OVER by_date > 0 THEN LN(p.adjClose / LAG(p.adjClose) OVER by_date)
      END AS log_return
    FROM ${catalog}.silver.prices AS p
    LEFT JOIN stale ON stale.symbol = p.symbol AND stale.date = p.date
    WINDOW by_date AS (PARTITION BY p.symbol ORDER BY p.date)
  ),
  features AS (
    SELECT
      symbol,
      date,
      close,
      adjClose,
      volume,
      previous_date,
      log_return,
      MAX(is_stale) OVER last_50 = 0 AS is_one_base,
      -- Null until the window has all of its values: an average of 7 days is not an ma_20.
      CASE WHEN COUNT(adjClose) OVER last_20 = 20 THEN AVG(adjClose) OVER last_20 END AS ma_20,
      CASE WHEN COUNT(adjClose) OVER last_50 = 50 THEN AVG(adjClose) OVER last_50 END AS ma_50,
      CASE WHEN COUNT(log_return) OVER last_20 = 20 THEN STDDEV_SAMP(log_return) OVER last_20 END AS volatility_20d,
      CASE WHEN COUNT(close) OVER last_20 = 20 THEN AVG(close) OVER last_20 END AS ma_20_close,
      CASE WHEN COUNT(close) OVER last_50 = 50 THEN AVG(close) OVER last_50 END AS ma_50_close,
      CASE WHEN COUNT(close) OVER last_20 = 20 THEN STDDEV_SAMP(close) OVER last_20 END AS stddev_close_20d,
      ingest_ts
    FROM returns
    WINDOW
      last_20 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 19 PRECEDING AND CURRENT ROW),
      last_50 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 49 PRECEDING AND CURRENT ROW)
  )
SELECT
  symbol,
  date,
  close,
  adjClose,
  volume,
  -- The date of the previous row. Windows count rows, so across a missing session they reach further back. A gap shows
  -- in this column.
  previous_date,
  -- Whether the 50 rows up to this one are on the base of the newest: without that no feature means anything.
  is_one_base,
  CASE WHEN is_one_base THEN log_return END AS log_return,
  CASE WHEN is_one_base THEN ma_20 END AS ma_20,
  CASE WHEN is_one_base THEN ma_50 END AS ma_50,
  -- The sample standard deviation of 20 daily log returns. The first value is on the 21st row of a symbol.
  CASE WHEN is_one_base THEN volatility_20d END AS volatility_20d,
  CASE WHEN is_one_base THEN volatility_20d * SQRT(252) END AS volatility_20d_annualised,
  -- The same windows over close, which is adjusted for splits alone: an ex-date is a fall of the price in them.
  CASE WHEN is_one_base THEN ma_20_close END AS ma_20_close,
  CASE WHEN is_one_base THEN ma_50_close END AS ma_50_close,
  -- The sample standard deviation of prices, not of returns: in the currency of the symbol, and larger where prices are.
  CASE WHEN is_one_base THEN stddev_close_20d END AS stddev_close_20d,
  ingest_ts
FROM features;
