-- Company statements: the tables. These files stand apart from those of the prices because a lake without statements
-- has no folder to read them from, and a load without a folder fails. Run them once there are statements.

CREATE SCHEMA IF NOT EXISTS ${catalog}.bronze;

CREATE SCHEMA IF NOT EXISTS ${catalog}.silver;

CREATE SCHEMA IF NOT EXISTS ${catalog}.gold;

-- {{for each statement}}
-- {{title}}: every version of every row that a load has seen.
CREATE TABLE IF NOT EXISTS ${catalog}.bronze.{{statement}} (
  {{columns with types, one per line}},
  loaded_at TIMESTAMP
)
USING DELTA
CLUSTER BY (symbol, date)
COMMENT '{{title}}, every version of every row';

-- One row per symbol, date and period: a year and its last quarter end on the same day. The columns are those of Bronze.
CREATE TABLE IF NOT EXISTS ${catalog}.silver.{{statement}}
USING DELTA
CLUSTER BY (symbol, date)
COMMENT '{{title}}, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.{{statement}} WHERE FALSE;
