"""The emulator as a process, its control interface, and calls to it that do not come from the plugin."""

import base64
import hashlib
import hmac
import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass

from project import emulator_command

# So short a wait that tests need not mind it, and long enough to be one.
SOON = ("--image-ready-after", "200ms")
KEY_ID = "e2e-key"
KEY_SECRET = "e2e-secret-never-shown"
REGION = "cn-hangzhou"

# No proxy of the machine comes between.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# What every call carries, whatever it does.
COMMON = {
    "AccessKeyId", "Action", "Format", "RegionId", "Signature", "SignatureMethod", "SignatureNonce",
    "SignatureType", "SignatureVersion", "Timestamp", "Version",
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One call that was served: what it asked for, without what every call carries."""

    action: str
    params: dict

    def __str__(self):
        return self.action + "".join(f"\n    {name} = {value}" for name, value in sorted(self.params.items()))


class Client:
    """Calls that do not come from the plugin, with signature version 1. `place` and `headers` are what a private cloud
    wants in every call besides."""

    def __init__(self, url, key=(KEY_ID, KEY_SECRET), place=None, headers=None):
        self.url = url
        self.key = key
        self.place = place or {}
        self.headers = headers or {}

    def call(self, action, **params):
        params |= {
            **self.place,
            "AccessKeyId": self.key[0],
            "Action": action,
            "Format": "JSON",
            "RegionId": params.get("RegionId", REGION),
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": uuid.uuid4().hex,
            "SignatureVersion": "1.0",
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "Version": "2014-05-26",
        }
        query = "&".join(f"{escape(name)}={escape(value)}" for name, value in sorted(params.items()))
        digest = hmac.new(f"{self.key[1]}&".encode(), f"GET&%2F&{escape(query)}".encode(), hashlib.sha1).digest()
        signature = escape(base64.b64encode(digest).decode())
        request = urllib.request.Request(f"{self.url}/?{query}&Signature={signature}", headers=self.headers)
        try:
            with DIRECT.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{action} was refused: {refusal.read().decode()}") from None


class Emulator(Client):
    """The process. What a test does behind Pulumi's back is a `call`."""

    def __init__(self, *options, key=(KEY_ID, KEY_SECRET), **more):
        self.expected = ""
        keys = ("--access-key-id", key[0], "--access-key-secret", key[1])
        # To a file, so that it can say as much as it likes.
        self.log = tempfile.TemporaryFile("a+")
        self.process = subprocess.Popen(
            [*emulator_command(), *keys, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        line, start = self.process.stdout.readline().strip(), "listening on http://"
        if not line.startswith(start):
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"no address but {line!r}; {self.said()}")
        self.host = line.removeprefix(start)
        super().__init__(f"http://{self.host}", key, **more)

    def said(self):
        """What it wrote to stderr."""
        if not self.log.closed:
            self.log.seek(0)
            self.text = self.log.read()
        return self.text

    def stop(self):
        """It must end by itself, at once, whatever connections are open, and without words that are not `expected`."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        with self.log:
            assert (code, self.said()) == (0, self.expected), f"the emulator ended with {code}: {self.said()}"

    def control(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/_emulator/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with DIRECT.open(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def requests(self, action=None):
        return [entry for entry in self.control("GET", "requests") if action in (None, entry["action"])]

    def forget_requests(self):
        self.control("DELETE", "requests")

    def changes(self):
        """The calls since `forget_requests` that were meant to change something, in the order in which they came."""
        return [
            Call(entry["action"], {name: value for name, value in entry["params"].items() if name not in COMMON})
            for entry in self.requests()
            if not entry["action"].startswith(("Describe", "List", "Get", "Head"))
        ]

    def refusals(self):
        return [entry for entry in self.requests() if entry["status"] != 200]

    def fault(self, fault):
        self.control("POST", "faults", [fault])

    def clear_faults(self):
        self.control("DELETE", "faults")

    def advance(self, seconds, callers_too=True):
        """With `--manual-clock`. Callers go on signing by the real time, which is then taken for the moved one."""
        self.control("POST", "clock", {"advance_ms": int(seconds * 1000), "callers_too": callers_too})

    def images(self):
        """This account's images, by id."""
        regions = self.control("GET", "state")["regions"]
        return {
            image["id"]: image for region in regions.values() for image in region["images"] if image["owner"] == "own"
        }

    def regions(self):
        """The ids of this account's images in each region that has any."""
        regions = self.control("GET", "state")["regions"]
        own = {name: [image["id"] for image in at["images"] if image["owner"] == "own"] for name, at in regions.items()}
        return {name: ids for name, ids in own.items() if ids}

    def snapshots(self):
        regions = self.control("GET", "state")["regions"]
        return {snapshot["id"]: snapshot for region in regions.values() for snapshot in region["snapshots"]}


def escape(text):
    return urllib.parse.quote(text, safe="-_.~")
