"""What a Spark driver says of its executors and their tasks, on the page of its application."""

from cluster import read_json, wait_for

# The page takes any free port, and shows every event at once.
WATCHED = {"spark.ui.enabled": "true", "spark.ui.port": "0", "spark.ui.liveUpdate.period": "0"}
DRIVER = "driver"


class Driver:
    def __init__(self, spark):
        self.page = f"{spark.sparkContext.uiWebUrl}/api/v1/applications/{spark.sparkContext.applicationId}"

    def executors(self):
        """Every executor that there was, by its id. In local mode the driver is one itself."""
        return {executor["id"]: executor for executor in read_json(f"{self.page}/allexecutors")}

    def wait_for_executors(self, count):
        def look():
            alive = [name for name, executor in self.executors().items() if executor["isActive"] and name != DRIVER]
            return len(alive) == count

        wait_for(f"{count} executors", look)

    def started(self):
        """How many tasks were started so far."""
        return sum(executor["totalTasks"] for executor in self.executors().values())

    def is_busy(self, executor):
        return self.executors()[executor]["activeTasks"] > 0

    def tasks(self, stage, status):
        """The tasks of one attempt of a stage. Without a length the page gives the first twenty."""
        place = f"{self.page}/stages/{stage['stageId']}/{stage['attemptId']}/taskList"
        return [task | {"stage": stage["stageId"]} for task in read_json(f"{place}?status={status}&length=100000")]

    def lost_tasks(self, executor):
        """The tasks that failed because this executor was lost."""
        stages = [stage for stage in read_json(f"{self.page}/stages") if stage["numFailedTasks"] > 0]
        failed = [task for stage in stages for task in self.tasks(stage, "failed")]
        return [task for task in failed if task["executorId"] == executor and "ExecutorLost" in task["errorMessage"]]

    def is_done_elsewhere(self, lost):
        """Whether another executor has done the work of a lost task, in any attempt of its stage."""
        stages = [stage for stage in read_json(f"{self.page}/stages") if stage["stageId"] == lost["stage"]]
        done = [task for stage in stages for task in self.tasks(stage, "success")]
        places = {task["executorId"] for task in done if task["partitionId"] == lost["partitionId"]}
        return len(places - {lost["executorId"]}) > 0
