-- Gold: moving averages and volatility over the adjusted close, and averages over close under names of their own.

CREATE OR REPLACE VIEW ${catalog}.gold.price_features AS
SELECT
  symbol,
  date,
  close,
  adjClose,
  volume,
  -- The date of the previous row. Windows count rows, so across a missing session they reach further back. A gap shows
  -- in this column.
  previous_date,
  log_return,
  -- Null until the window has all of its values: an average of 7 days is not an ma_20.
  CASE WHEN COUNT(adjClose) OVER last_20 = 20 THEN AVG(adjClose) OVER last_20 END AS ma_20,
  CASE WHEN COUNT(adjClose) OVER last_50 = 50 THEN AVG(adjClose) OVER last_50 END AS ma_50,
  -- The sample standard deviation of 20 daily log returns. The first value is on the 21st row of a symbol.
  CASE WHEN COUNT(log_return) OVER last_20 = 20 THEN STDDEV_SAMP(log_return) OVER last_20 END AS volatility_20d,
  CASE WHEN COUNT(log_return) OVER last_20 = 20 THEN STDDEV_SAMP(log_return) OVER last_20 * SQRT(252) END
    AS volatility_20d_annualised,
  -- The same windows over close, which is adjusted for splits alone: an ex-date is a fall of the price in them.
  CASE WHEN COUNT(close) OVER last_20 = 20 THEN AVG(close) OVER last_20 END AS ma_20_close,
  CASE WHEN COUNT(close) OVER last_50 = 50 THEN AVG(close) OVER last_50 END AS ma_50_close,
  -- The sample standard deviation of prices, not of returns: in the currency of the symbol, and larger where prices are.
  CASE WHEN COUNT(close) OVER last_20 = 20 THEN STDDEV_SAMP(close) OVER last_20 END AS stddev_close_20d,
  ingest_ts
FROM (
  SELECT
    symbol,
    date,
    close,
    adjClose,
    volume,
    ingest_ts,
    LAG(date) OVER (PARTITION BY symbol ORDER BY date) AS previous_date,
    -- Only positive prices have a logarithm. A null price makes the return null, and so every window that contains it.
    CASE
      WHEN adjClose > 0 AND LAG(adjClose) OVER (PARTITION BY symbol ORDER BY date) > 0
      THEN LN(adjClose / LAG(adjClose) OVER (PARTITION BY symbol ORDER BY date))
    END AS log_return
  FROM ${catalog}.silver.prices
) AS returns
WINDOW
  last_20 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 19 PRECEDING AND CURRENT ROW),
  last_50 AS (PARTITION BY symbol ORDER BY date ROWS BETWEEN 49 PRECEDING AND CURRENT ROW);
