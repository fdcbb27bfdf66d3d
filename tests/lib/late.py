"""By how much a machine with other things to do keeps its programs waiting, for tests of how long something takes."""

import threading
import time

EVERY = 0.01


class Late:
    """`seconds` is how long, in all, a thread was kept waiting that wanted to run a hundred times a second: next to
    nothing, on a machine with nothing else to do."""

    def __init__(self):
        self.seconds, self.over = 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        last = time.monotonic()
        while not self.over.wait(EVERY):
            now = time.monotonic()
            self.seconds += max(0.0, now - last - EVERY)
            last = now

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
