"""Between the plugin and the cloud: counts the calls, and at the instant it is told to, does what it is told to."""

import threading
from dataclasses import dataclass

from serving import Serving, body_of, forward, send

# The moments of a call at which something can happen.
BEFORE, UNANSWERED, ANSWERED = "before {}", "{} carried out, not answered", "{} answered"
# What the actions that change nothing begin with.
LOOKS = ("Describe", "Get", "Head", "List")
# How much the cloud's clock moves at each call, where it stands still otherwise, in seconds.
STEP = 0.5
JSON = [("content-type", "application/json")]
IGNORED = 200, JSON, b'{"RequestId": "00000000-0000-0000-0000-000000000000"}'


@dataclass(frozen=True)
class Instant:
    """A moment of the `occurrence`th call of an action."""

    moment: str
    action: str
    occurrence: int

    def __str__(self):
        return self.moment.format(self.action if self.occurrence == 1 else f"{self.action} {self.occurrence}")


class Proxy(Serving):
    """One call at a time. With `ticks`, the cloud's clock moves with each call, and only then. Calls of an action in
    `ignored` are answered as if carried out, and never reach the cloud."""

    def __init__(self, ticks=False):
        self.cloud = None
        self.ticks = ticks
        self.ignored = set()
        self.turn = threading.Lock()
        self.watch()
        super().__init__()

    def watch(self, instant=None, strike=None):
        """From now on calls are counted anew, and at the instant `strike` is called while the call is held."""
        self.seen, self.instant, self.strike, self.struck = [], instant, strike, False

    def is_time(self, moment, action):
        if Instant(moment, action, self.seen.count(action)) != self.instant:
            return False
        self.strike()
        self.struck = True
        return True

    def answer(self, handler):
        body = body_of(handler)
        # Calls to buckets have no name.
        action = handler.headers["x-acs-action"] or f"{handler.command.capitalize()}Object"
        with self.turn:
            self.seen.append(action)
            if self.is_time(BEFORE, action):
                handler.close_connection = True
                return
            if self.ticks:
                self.cloud.advance(STEP)
            answer = IGNORED if action in self.ignored else forward(handler, body, self.cloud.host)
            if self.is_time(UNANSWERED, action):
                handler.close_connection = True
                return
            send(handler, *answer)
            self.is_time(ANSWERED, action)


def instants(calls):
    """Each moment of each of these calls, once: that a call is answered is also that the next is still to come. Of
    calls that repeat, as looks at an image that is not ready do, the first and the last stand for all."""
    numbered = [(action, calls[: at + 1].count(action)) for at, action in enumerate(calls)]
    found = []
    for at, call in enumerate(numbered):
        repeats = 0 < at < len(calls) - 1 and calls[at - 1] == calls[at] == calls[at + 1]
        if repeats:
            continue
        found += [Instant(BEFORE, *call), Instant(UNANSWERED, *call)]
        if at == len(calls) - 1:
            found.append(Instant(ANSWERED, *call))
        else:
            found.append(Instant(BEFORE, *numbered[at + 1]))
    return list(dict.fromkeys(found))
