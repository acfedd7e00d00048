-- Company statements: the tables. These files are separate from those of the prices because a lake without statements
-- has no folder for them, and a load from a folder that does not exist fails. Run them once there are statements.

CREATE SCHEMA IF NOT EXISTS ${catalog}.bronze;

CREATE SCHEMA IF NOT EXISTS ${catalog}.silver;

CREATE SCHEMA IF NOT EXISTS ${catalog}.gold;

-- {{for each statement}}
-- {{title}}: every version of every row that a load has read.
CREATE TABLE IF NOT EXISTS ${catalog}.bronze.{{statement}} (
  {{columns with types, one per line}},
  loaded_at TIMESTAMP
)
USING DELTA
CLUSTER BY (symbol, date)
COMMENT '{{title}}, every version of every row'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

-- One row per symbol, date and period: a year and its last quarter end on the same day. Same columns as in Bronze.
CREATE TABLE IF NOT EXISTS ${catalog}.silver.{{statement}}
USING DELTA
CLUSTER BY (symbol, date)
COMMENT '{{title}}, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')
AS SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.{{statement}} WHERE FALSE;
