"""The SQL of the bundle on a standalone cluster of two workers. One is lost in a load, another one in a merge.

Afterwards every table must be as check.py has found it in local mode, row by row, and as expected.py computes it.
TEST_SEED, which is printed, draws the two statements, the workers, and after how many tasks they are killed.
Arguments: those of check.py.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time

from cluster import Cluster
from driver import WATCHED, Driver
from expected import amount_of, check, check_gold, check_statement, newest, number, passed, silver, versions_in
from loss import Loss, Plan
from session import CATALOG, load_runner, open_spark
from tables import contents, names

BUNDLE, LAKES, JARS, CONTENTS = (pathlib.Path(argument) for argument in sys.argv[1:5])
KINDS = sys.argv[5:]
PRICES = BUNDLE / "warehouse"
STATEMENTS = BUNDLE / "warehouse-statements"
RUNNER = load_runner(PRICES)
# What is loaded one after the other: the SQL, and the stages whose files have come since the load before.
LOADS = [
    (PRICES, ["1"]),
    (PRICES, ["2"]),
    (PRICES, ["late"]),
    (STATEMENTS, ["statements-1"]),
    (STATEMENTS, ["statements-2", "statements-late"]),
]
WORKERS = 2
# Every load and merge has more tasks than that.
AFTER = (1, 5)
ON_CLUSTER = {"spark.executor.cores": "1", "spark.executor.memory": "512m"}
LOAD_OR_MERGE = re.compile(r"^(INSERT|MERGE) INTO (\S+)", re.MULTILINE)


class Recorder:
    """Stands for the session in the bundle's runner, and loses workers in some of the loads and merges."""

    def __init__(self, spark, cluster, plans):
        self.spark = spark
        self.cluster = cluster
        self.plans = plans
        self.driver = Driver(spark)
        self.count = 0

    def sql(self, text):
        found = LOAD_OR_MERGE.search(text)
        if not found:
            return self.spark.sql(text)
        plan = self.plans.get(self.count)
        self.count += 1
        before, started = self.driver.started(), time.monotonic()
        with Loss(self.cluster, self.driver, plan) if plan else contextlib.nullcontext():
            result = self.spark.sql(text)
        seconds = time.monotonic() - started
        print(f"{found[0]}: {self.driver.started() - before} tasks, {seconds:.1f} s", flush=True)
        if plan:
            self.cluster.add_worker()
            self.driver.wait_for_executors(WORKERS)
        return result


def draw(seed):
    """A load and a merge by their place among both, each with a plan for the loss in it."""
    chance = random.Random(seed)
    texts = [file.read_text(encoding="utf-8") for sql, _ in LOADS for file in sorted(sql.glob("*.sql"))]
    verbs = [found[1] for text in texts for found in LOAD_OR_MERGE.finditer(text)]
    plans = {}
    for drawn in ["INSERT", "MERGE"]:
        place = chance.choice([place for place, verb in enumerate(verbs) if verb == drawn])
        plans[place] = Plan(chance.randint(*AFTER), chance.randrange(WORKERS))
    return plans


def load(recorder, raw):
    """Runs every load. Returns each version of a price that the files have had."""
    versions = set()
    for sql, stages in LOADS:
        for stage in stages:
            shutil.copytree(LAKES / stage / "raw", raw, dirs_exist_ok=True)
        versions |= set(versions_in(raw))
        RUNNER.run(recorder, sql, CATALOG, str(raw))
    return versions


def check_tables(spark, versions):
    check("the newest of each", silver(spark), newest(versions))
    check("Bronze has each version once", number(spark, "SELECT count(*) FROM bronze.prices"), len(versions))
    check_gold(spark, newest(versions))
    for kind in KINDS:
        check_statement(spark, kind, amount_of(STATEMENTS, kind))
    local = json.loads(CONTENTS.read_text())
    check("every table can be compared", names(spark), sorted(name for name in local if "(" not in name))
    found = contents(spark, local)
    for name in local:
        check(f"{name} as in local mode", found[name], local[name])
    rows = sum(len(table["rows"]) for table in local.values())
    print(f"{len(local)} tables with {rows} rows are as in local mode", flush=True)


def run(root, plans):
    with Cluster(root) as cluster:
        for _ in range(WORKERS):
            cluster.add_worker()
        spark = open_spark(cluster.url, root / "warehouse", JARS, WATCHED | ON_CLUSTER)
        try:
            recorder = Recorder(spark, cluster, plans)
            recorder.driver.wait_for_executors(WORKERS)
            versions = load(recorder, root / "raw")
            check("the statements that were drawn have run", recorder.count > max(plans))
            check_tables(spark, versions)
        finally:
            spark.stop()


def main():
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = int(os.environ.get("TEST_SEED", random.randrange(1_000_000)))
    print(f"lost workers: seed {seed} (TEST_SEED={seed} repeats it)", flush=True)
    root = pathlib.Path(tempfile.mkdtemp(prefix="ingest-spark-"))
    try:
        run(root, draw(seed))
    finally:
        shutil.rmtree(root)
    print(f"{passed()} checks passed in {time.monotonic() - started:.0f} s")


main()
