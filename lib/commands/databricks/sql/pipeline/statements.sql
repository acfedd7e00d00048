-- The pipeline of the company statements: Bronze, Silver and Gold for each of them. It is separate from the pipeline of
-- the prices because a stream over a folder that does not exist fails, and a lake of prices alone has no such folder.
-- The comments in prices.sql explain the clauses.

-- {{for each statement}}
-- {{title}}

CREATE OR REFRESH STREAMING TABLE bronze_{{statement}} (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL),
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL)
)
CLUSTER BY (symbol, date)
COMMENT '{{title}} as stored, every version of every file'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT
  {{columns}},
  _rescued_data,
  _metadata.file_path AS source_file,
  _metadata.file_modification_time AS source_mtime
FROM STREAM read_files(
  '${raw_root}/fundamentals/type={{statement}}/',
  format => 'parquet',
  partitionColumns => '',
  allowOverwrites => true,
  rescuedDataColumn => '_rescued_data',
  schema => '
    {{columns with types}}'
);

CREATE OR REFRESH STREAMING TABLE checked_{{statement}} (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL)
    ON VIOLATION DROP ROW,
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW
)
CLUSTER BY (symbol, date)
COMMENT 'The rows of bronze_{{statement}} that Silver may take'
AS SELECT * FROM STREAM(bronze_{{statement}});

CREATE OR REFRESH STREAMING TABLE silver_{{statement}}
CLUSTER BY (symbol, date)
COMMENT '{{title}}, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

CREATE FLOW silver_{{statement}}_flow AS AUTO CDC INTO silver_{{statement}}
FROM STREAM(checked_{{statement}})
KEYS (symbol, date, period)
SEQUENCE BY STRUCT(ingest_ts, source_mtime)
COLUMNS * EXCEPT (_rescued_data, source_file, source_mtime)
STORED AS SCD TYPE 1;

-- What was known when: one row per filing, known from acceptedDate until the next filing of the same symbol, date and
-- period replaced it. As of an instant T: known_from <= T AND (known_until IS NULL OR known_until > T)
CREATE OR REFRESH MATERIALIZED VIEW {{statement}}_as_of
COMMENT '{{title}}, one row per filing, with when it was known'
AS SELECT
  * EXCEPT (rn, _rescued_data, source_file, source_mtime),
  acceptedDate AS known_from,
  LEAD(acceptedDate) OVER (PARTITION BY symbol, date, period ORDER BY acceptedDate) AS known_until
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY symbol, date, period, acceptedDate ORDER BY ingest_ts DESC, source_mtime DESC) AS rn
  FROM checked_{{statement}}
  WHERE symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND acceptedDate IS NOT NULL
) AS filings
WHERE rn = 1;
