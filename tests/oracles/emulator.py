"""A running emulator and its control endpoints, spoken to without any SDK."""

import json
import urllib.request


class Emulator:
    def __init__(self, process):
        self.process = process
        self.url = None

    def read_address(self):
        line = self.process.stdout.readline()
        start = "listening on http://"
        if not line.startswith(start):
            self.process.kill()
            raise RuntimeError(f"no address but {line!r}; {self.process.stderr.read()}")
        self.host = line.strip()[len(start) :]
        self.url = f"http://{self.host}"

    def stop(self):
        """It must end by itself, at once, whatever connections are open."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert code == 0 and errors == "", f"the emulator ended with {code}: {errors}"

    def control(self, method, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{what}", data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def advance(self, seconds, callers_too=True):
        """The SDKs go on signing by the real time, which is then taken for the moved one."""
        self.control("POST", "clock", {"advance_ms": int(seconds * 1000), "callers_too": callers_too})

    def requests(self, action):
        return [entry for entry in self.control("GET", "requests") if entry["action"] == action]
