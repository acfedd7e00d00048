-- From the raw files into Bronze: the rows that are not there yet. As for prices: types said and not inferred, no
-- partition discovery, new by content and not by file name.

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
-- Both lists of columns are the same by construction: the view above and the table say them in one order.
SELECT *, current_timestamp() AS loaded_at
FROM (
  SELECT * FROM {{statement}}_files
  EXCEPT
  SELECT * EXCEPT (loaded_at) FROM ${catalog}.bronze.{{statement}}
) AS unseen;
