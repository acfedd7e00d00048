"""The loss of a worker while a statement runs, and the proof that it was lost with a task on it."""

import concurrent.futures
import signal
import threading
from typing import NamedTuple

from cluster import wait_for
from expected import check

# The reports that an executor has sent before it was stopped are with the driver long before it was asked so often.
LOOKS = 50


class Plan(NamedTuple):
    """After how many tasks of a statement a worker is killed, and which one where both have a task then."""

    after: int
    worker: int


class Lost(NamedTuple):
    """Who was killed, known to the master and to the driver by these names, and how many tasks had started by then."""

    name: str
    worker: str
    executor: str
    tasks: int


class Loss:
    """As a context around the statement. Fails where it ends before a worker was killed, or with no task lost."""

    def __init__(self, cluster, driver, plan):
        self.cluster = cluster
        self.driver = driver
        self.plan = plan
        self.ended = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)

    def __enter__(self):
        self.states = [(worker, worker.state()) for worker in self.cluster.workers]
        self.before = self.driver.started()
        self.kill = self.pool.submit(self.watch)

    def __exit__(self, error, *_):
        self.ended.set()
        self.pool.shutdown()
        if error is None:
            lost = self.kill.result()
            check("a worker was killed while the statement ran", lost is not None)
            self.prove(lost)

    def watch(self):
        """Kills a worker while a task runs on it. None where the statement ends first."""
        while not self.ended.is_set():
            tasks = self.driver.started() - self.before
            busy = [(worker, state) for worker, state in self.states if self.driver.is_busy(executor_of(state))]
            if tasks < self.plan.after or not busy:
                continue
            worker, state = busy[self.plan.worker % len(busy)]
            # The task may end between the look and the signal. What is stopped ends no task.
            worker.signal(signal.SIGSTOP)
            if all(self.driver.is_busy(executor_of(state)) for _ in range(LOOKS)):
                self.cluster.lose(worker)
                return Lost(worker.name, state["id"], executor_of(state), tasks)
            worker.signal(signal.SIGCONT)
        return None

    def prove(self, lost):
        wait_for(f"the master's word that {lost.name} is dead", lambda: self.cluster.is_dead(lost.worker))
        tasks = wait_for(f"a task that was lost with {lost.name}", lambda: self.driver.lost_tasks(lost.executor))
        check(f"the driver has given {lost.name} up", self.driver.executors()[lost.executor]["isActive"], False)
        for task in tasks:
            check("a lost task is done by another worker", self.driver.is_done_elsewhere(task))
        print(f"{lost.name} was killed when {lost.tasks} tasks had started, with {len(tasks)} on it", flush=True)


def executor_of(state):
    """The one executor of a worker, by the name that the driver has for it."""
    return str(state["executors"][0]["id"])
