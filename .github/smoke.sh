#!/usr/bin/env bash
# Whether a binary works on the machine it is for: it says what it is, helps, refuses a typo, does a whole demo run, of
# prices and of statements, shows its lake as a page, and writes a Databricks bundle, over nothing that is there.
# Usage: smoke.sh BINARY
set -euo pipefail

binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(mktemp -d)"

"$binary" --version
"$binary" --help > help.txt
grep -q 'embedded historical data' help.txt
grep -q -e '--dataset fundamentals' help.txt
if "$binary" --no-such-flag 2> refusal.txt; then
  echo "A flag that does not exist was accepted." >&2
  exit 1
fi
grep -q 'unknown option --no-such-flag' refusal.txt
"$binary" demo --out lake > demo.txt
completed=$(grep -c '✅ Ingestion Complete' demo.txt)
prices=$(find lake/raw/prices -name '*.parquet' | wc -l)
statements=$(find lake/raw/fundamentals -name '*.parquet' | wc -l)
# The report has one such line per statement; 15 documents come in autumn, 5 later.
expected=$((20 * $(grep -c '^🧾 .*: 15 new$' demo.txt)))
if [ "$completed" -ne 5 ] || [ "$prices" -ne 79 ] || [ "$statements" -ne "$expected" ]; then
  echo "The demo completed $completed of 5 runs and left $prices of 79 files of prices, $statements of $expected of statements." >&2
  exit 1
fi

"$binary" coverage page.html --out lake --now 2013-03-02T14:00:00Z > coverage.txt
grep -q '12,154 sessions, 0 missing' coverage.txt
grep -q '^<!doctype html>' page.html

"$binary" databricks --help > help.txt
grep -q -e '--catalog' help.txt
"$binary" databricks bundle --bucket my-bucket > bundle.txt
grep -q 'databricks bundle deploy' bundle.txt
grep -q 'default: s3://my-bucket/raw' bundle/databricks.yml
files=$(find bundle -type f | wc -l)
if [ "$files" -ne 19 ]; then
  echo "The bundle has $files of 19 files." >&2
  exit 1
fi
if "$binary" databricks bundle --bucket other 2> refusal.txt; then
  echo "A bundle was written over another." >&2
  exit 1
fi
grep -q '19 files are there already' refusal.txt
echo "$1 works."
