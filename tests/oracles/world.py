"""One machine and one cloud, for tests of where the plugin gets its keys from."""

import json
import pathlib
import shlex
import sys

import pytest
from clients import KEY, REGION, Tea
from plugin import Failed

ROLE = "acs:ram::1234567890123456:role/builder"
CONFIG = ".aliyun/config.json"
INI = ".alibabacloud/credentials"


class World:
    """A home for files, variables, settings, and a plugin that knows them."""

    def __init__(self, home, emulator, relay, plug):
        self.home, self.emulator, self.relay, self.plug = home, emulator, relay, plug
        self.variables = {"HOME": str(home)}
        self.settings = {}
        self.uri = f"{relay.url}/_emulator/credentials"

    def file(self, name, text, mode=0o600):
        path = pathlib.Path(self.home, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return str(path)

    def profiles(self, *profiles, **fields):
        """The CLI's file: these profiles, or one named `builder`, which is current."""
        profiles = profiles or ({"name": "builder", **fields},)
        content = json.dumps({"current": profiles[0]["name"], "profiles": profiles})
        return self.file(CONFIG, content)

    def ini(self, **fields):
        text = "[default]\n" + "".join(f"{key} = {value}\n" for key, value in fields.items())
        return self.file(INI, text)

    def temporary(self):
        """A temporary key, made behind the plugin's back."""
        made = Tea("v3", self.emulator, *KEY)("AssumeRole", RoleArn=ROLE, RoleSessionName="oracle")["Credentials"]
        return made["AccessKeyId"], made["AccessKeySecret"], made["SecurityToken"]

    def command(self):
        """A command as a profile's `process_command`, which prints the key that the credentials URI gives."""
        script = """
import json, sys, urllib.request

key = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]))
names = {"access_key_id": "AccessKeyId", "access_key_secret": "AccessKeySecret", "sts_token": "SecurityToken"}
fields = {ours: key[theirs] for ours, theirs in {**names, "expiration": "Expiration"}.items()}
print(json.dumps({"mode": "StsToken", **fields}))
"""
        return shlex.join([sys.executable, self.file("print-key.py", script), self.uri])

    def configured(self):
        self.emulator.control("DELETE", "requests")
        self.relay.seen.clear()
        endpoints = json.dumps([{"ecs": self.relay.url, "sts": self.relay.url}])
        return self.plug(**self.variables).configure(region=REGION, endpoints=endpoints, **self.settings)

    def called(self):
        return [entry["action"] for entry in self.emulator.control("GET", "requests")]

    def refusal(self):
        """The text of what Configure or else the first call says."""
        with pytest.raises(Failed) as caught:
            self.configured().read("m-system")
        return caught.value.text
