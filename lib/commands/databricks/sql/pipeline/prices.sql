-- The pipeline of the prices: Bronze, Silver and Gold in the catalog and schema that the pipeline is set to.
-- raw_root comes from the configuration of the pipeline. The order of the statements does not matter in a pipeline.

-- Bronze: every row of every version of every file. It only grows.
CREATE OR REFRESH STREAMING TABLE bronze_prices (
  -- Rows that break a constraint are counted and kept, so that faulty files can be examined here.
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL),
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL)
)
-- Clustered, not partitioned: partitions by symbol and date would hold one row each, in a file each.
CLUSTER BY (symbol, date)
COMMENT 'Prices as stored, every version of every file'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT
  -- Named instead of a star, so that the paths cannot add or remove columns.
  symbol, date, open, high, low, close, adjClose, volume, ingest_ts,
  _rescued_data,
  -- The file of the row. Its modification time decides between two files with the same ingest_ts.
  _metadata.file_path AS source_file,
  _metadata.file_modification_time AS source_mtime
-- STREAM makes the load incremental: a file is read when it is new or overwritten, and not again. The pipeline stores
-- the progress of the stream, so no schema or checkpoint location is set.
FROM STREAM read_files(
  '${raw_root}/prices/',
  format => 'parquet',
  -- Year files and day files are at different depths. A column from the path would be null in some of them, and would
  -- hide the symbol in the file. So no columns are taken from paths.
  partitionColumns => '',
  -- An overwritten file is read again, all of it, and Silver takes the newer rows. Without this option each file is
  -- read once, and a day fetched again with --force, a refreshed year or a new adjustment never arrives.
  allowOverwrites => true,
  -- A value of another type than in the schema goes into this column, and its own column is null.
  rescuedDataColumn => '_rescued_data',
  -- Given, because an inferred schema depends on which files come first. ingest_ts has a time zone: a TIMESTAMP_NTZ
  -- cannot be compared with the TIMESTAMP of other tables.
  schema => 'symbol STRING, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, adjClose DOUBLE,
    volume BIGINT, ingest_ts TIMESTAMP'
);

-- The rows that Silver takes: those with a key and with nothing rescued. Otherwise a null from a foreign file would
-- replace a good value.
CREATE OR REFRESH STREAMING TABLE checked_prices (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND ingest_ts IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW
)
CLUSTER BY (symbol, date)
COMMENT 'The rows of bronze_prices that Silver may take'
AS SELECT * FROM STREAM(bronze_prices);

-- Silver: one row per symbol and date, the newest.
CREATE OR REFRESH STREAMING TABLE silver_prices
CLUSTER BY (symbol, date)
COMMENT 'Daily prices, one row per symbol and date'
-- In Silver rows are replaced, and readers of the changes need the earlier row. In Bronze, which only grows, the changes
-- are the rows that a load has added.
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

-- AUTO CDC reads only what is new in Bronze, and handles duplicates and late files. A pipeline cannot contain a MERGE.
CREATE FLOW silver_prices_flow AS AUTO CDC INTO silver_prices
FROM STREAM(checked_prices)
KEYS (symbol, date)
-- The row with the greatest ingest_ts is taken, whatever the order in which files arrive.
SEQUENCE BY STRUCT(ingest_ts, source_mtime)
COLUMNS * EXCEPT (_rescued_data, source_file, source_mtime)
STORED AS SCD TYPE 1;

-- Gold: the changes of base that Bronze shows. After a split or a dividend FMP multiplies the whole past of a symbol, and
-- the run that finds this stores every row anew that has changed. One row here is such a change: the stored rows of the
-- symbol from first_date to last_date were multiplied, and the run that began at seen_at has stored that.
--
-- A version of a row of these dates that is older than seen_at is brought to the base of seen_at by its factors: prices
-- times price_factor, adjClose times adj_factor, and the volume divided by price_factor (a spin-off leaves the volume as
-- it is). The factors are measured on rounded prices. A bar that was corrected in the same run has a row of its own, one
-- that was corrected alone has none. Bronze shows nothing of a change that no run has stored, as with --mend none.
CREATE OR REFRESH MATERIALIZED VIEW price_rebases
COMMENT 'Changes of base: which stored rows FMP has multiplied since, and by what'
AS
WITH
  -- Every version of a row, once. Half of the last digit is what rounding can have taken or added.
  versions AS (
    SELECT
      symbol, date, ingest_ts, close, adjClose,
      CASE WHEN close < 1 AND close <> ROUND(close, 2) THEN 0.00005 ELSE 0.005 END AS close_half,
      CASE WHEN adjClose < 1 AND adjClose <> ROUND(adjClose, 2) THEN 0.00005 ELSE 0.005 END AS adj_half
    FROM (
      SELECT symbol, date, ingest_ts, MAX(close) AS close, MAX(adjClose) AS adjClose
      FROM checked_prices
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

-- Gold: moving averages and volatility over the adjusted close, and averages over close under names of their own.
CREATE OR REFRESH MATERIALIZED VIEW price_features
COMMENT 'Moving averages and volatility over the adjusted close'
AS
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
      FROM silver_prices
    ) AS p
    JOIN price_rebases AS r
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
    FROM silver_prices AS p
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
