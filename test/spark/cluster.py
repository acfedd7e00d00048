"""A standalone Spark cluster on loopback: a master, and workers of one core and one executor each.

Every daemon leads a process group of its own, in which its executor is too. One signal stops or kills both at once, as
when their machine fails.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

from pyspark.find_spark_home import _find_spark_home

HOST = "127.0.0.1"
# Far more than a busy machine needs. It only ends a wait for something that will not come.
LIMIT_SECONDS = 120
# A proxy of the environment is not for loopback.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def read_json(url):
    with OPENER.open(url, timeout=LIMIT_SECONDS) as answer:
        return json.load(answer)


def wait_for(what, look):
    """The first answer of `look` that is true. Ends the check where none comes."""
    until = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise SystemExit(f"FAILED: {what} did not come within {LIMIT_SECONDS} s")


class Daemon:
    """A master or a worker: a process group, and the page that says in JSON how it is."""

    def __init__(self, folder, name, arguments):
        self.name = name
        self.is_ended = False
        self.log = folder / f"{name}.log"
        home = pathlib.Path(_find_spark_home())
        settings = {
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_DIRS": str(folder),
            "SPARK_DAEMON_MEMORY": "256m",
            # What is killed leaves its unpacked libraries. They are deleted with the folder.
            "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={folder}",
            # Nobody submits jobs by HTTP: that server would take a port of its own.
            "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [home / "bin/spark-class", *arguments],
                env=os.environ | settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self, pattern):
        """What the log says first that fits the pattern: the daemons take any free port and name it there."""

        def look():
            has_ended = self.process.poll() is not None
            text = self.log.read_text(errors="replace")
            found = re.search(pattern, text)
            if not found and has_ended:
                raise SystemExit(f"FAILED: {self.name} ended at its start:\n{text[-2000:]}")
            return found

        return wait_for(f"{pattern!r} in the log of {self.name}", look)[1]

    def state(self):
        """What its page says. Only a daemon that lives can tell."""
        page = self.said(r"WebUI to .* started at (http://\S+)")
        return read_json(f"{page}/json/")

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def end(self):
        """Kills the group and waits for its leader. Once only: the number may then be that of another group."""
        if self.is_ended:
            return
        self.is_ended = True
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self.process.wait()


class Cluster:
    """As a context: the master lives in it, and every daemon has ended after it, whatever happened."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.workers = []

    def __enter__(self):
        try:
            master = ["org.apache.spark.deploy.master.Master", "--host", HOST, "--port", "0", "--webui-port", "0"]
            self.master = self.start("master", master)
            self.url = self.master.said(r"Starting Spark master at (spark://\S+)")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.end()

    def start(self, name, arguments):
        daemon = Daemon(self.folder, name, arguments)
        self.daemons.append(daemon)
        return daemon

    def add_worker(self):
        number = len(self.daemons)
        worker = ["org.apache.spark.deploy.worker.Worker", "--host", HOST, "--port", "0", "--webui-port", "0"]
        limits = ["--cores", "1", "--memory", "1g", "--work-dir", str(self.folder / f"work-{number}")]
        self.workers.append(self.start(f"worker-{number}", [*worker, *limits, self.url]))

    def lose(self, worker):
        self.workers.remove(worker)
        worker.end()

    def is_dead(self, worker_id):
        """Whether the master has given this worker up."""
        return any(known["id"] == worker_id and known["state"] == "DEAD" for known in self.master.state()["workers"])
