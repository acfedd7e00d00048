#!/usr/bin/env bash
# Whether a binary works on the machine it is for: it says what it is, helps, refuses a typo, and does a whole demo run.
# Usage: smoke.sh BINARY
set -euo pipefail

binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(mktemp -d)"

"$binary" --version
"$binary" --help > help.txt
grep -q 'embedded historical data' help.txt
if "$binary" --no-such-flag 2> refusal.txt; then
  echo "A flag that does not exist was accepted." >&2
  exit 1
fi
grep -q 'no-such-flag is no option' refusal.txt
"$binary" demo --out lake > demo.txt
completed=$(grep -c '✅ Ingestion Complete' demo.txt)
files=$(find lake/raw/prices -name '*.parquet' | wc -l)
if [ "$completed" -ne 3 ] || [ "$files" -ne 79 ]; then
  echo "The demo completed $completed of 3 runs and left $files of 79 files." >&2
  exit 1
fi
echo "$1 works."
