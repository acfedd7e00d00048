"""Replaces a file at exact moments while another process reads it: between two of its opens.

A lease on the file makes every open of another process wait until this one lets it go on. So each open finds a file of its
own at the path: it gets the version that is due before it, and the path has the version that is due after it. Between
replacements each has the same bytes and the same time, and no reader looks at the number of the inode.

A line of standard input is JSON: `{"path": …, "bytes": [files of the versions], "at": [moments]}` begins, with the first
version in its place. Moment 2n is before the open n (from 0), 2n + 1 is after it. Each moment is a replacement by the next
version. `{}` ends; the answer is JSON, too: how many opens there were, and how many replacements.
Linux has leases; other systems do not.
"""

import fcntl
import json
import os
import pathlib
import signal
import sys
import time


class Watched:
    def __init__(self, path, bytes, at):
        self.path = path
        self.versions = [pathlib.Path(file).read_bytes() for file in bytes]
        self.at = at
        self.opens = 0
        self.version = 0
        self.put()

    def put(self):
        """Puts the current version to the path, as a new file with a lease on it."""
        beside = f"{self.path}.tmp"
        self.held = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self.write()
        fcntl.fcntl(self.held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        os.rename(beside, self.path)

    def write(self):
        os.ftruncate(self.held, 0)
        os.pwrite(self.held, self.versions[self.version], 0)
        # Half a minute apart and in the past: readers that compare times see each replacement.
        moment = START + 30 * self.version
        os.utime(self.held, (moment, moment))

    def is_opened(self):
        """Whether another process waits in its open."""
        return fcntl.fcntl(self.held, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def on_open(self):
        waiting = self.held
        before, after = (self.at.count(2 * self.opens + step) for step in (0, 1))
        if before:
            self.version += before
            self.write()
        self.version += after
        self.opens += 1
        self.put()
        let_go(waiting)

    def end(self):
        let_go(self.held)


def let_go(file):
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    os.close(file)


START = int(time.time()) - 3_600


def main():
    watched = None

    def on_signal(*_):
        # The next open may come while this one is dealt with.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
        while watched.is_opened():
            watched.on_open()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])

    signal.signal(signal.SIGIO, on_signal)
    for line in sys.stdin:
        task = json.loads(line)
        if task:
            watched = Watched(**task)
            print("{}", flush=True)
        else:
            watched.end()
            print(json.dumps({"opens": watched.opens, "replacements": watched.version}), flush=True)


main()
