-- Loads the raw files into Bronze: the rows that Bronze does not have yet. As for prices, the types are given, there is
-- no partition discovery, and new rows are found by their content.

-- {{for each statement}}
CREATE OR REPLACE TEMPORARY VIEW {{statement}}_files (
  {{columns with types, one per line}}
)
USING parquet
OPTIONS (
  path '${raw_root}/fundamentals/type={{statement}}/',
  recursiveFileLookup 'true',
  pathGlobFilter '*.parquet'
);

INSERT INTO ${catalog}.bronze.{{statement}}
-- The view above and the table have the same columns in the same order.
SELECT *, current_timestamp() AS loaded_at
FROM (
  SELECT * FROM {{statement}}_files
  EXCEPT
  SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.{{statement}}
) AS unseen;
