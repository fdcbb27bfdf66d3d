"""A relay in front of the emulator that remembers what the emulator does not tell: the keys by which calls were signed,
and the secrets that were given out.
"""

import re
from urllib.parse import parse_qs, urlsplit

from serving import Serving, body_of, forward, send


class Relay(Serving):
    def __init__(self, emulator):
        self.emulator, self.seen, self.secrets = emulator, [], set()
        super().__init__()

    def answer(self, handler):
        self.seen.append(Call(handler.path, handler.headers))
        status, headers, content = forward(handler, body_of(handler), self.emulator.host)
        self.secrets.update(re.findall(r'"(?:AccessKeySecret|SecurityToken)": ?"([^"]+)"', content.decode()))
        if handler.path == "/latest/api/token":
            self.secrets.add(content.decode())
        send(handler, status, headers, content)

    def keys(self, action):
        """The key of each such call: its id, and whether a token came along."""
        return [(call.key_id, call.has_token) for call in self.seen if call.action == action]


class Call:
    """What a call says of itself in its headers (ACS3-HMAC-SHA256) or its query (version 1)."""

    def __init__(self, path, headers):
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        self.action = headers.get("x-acs-action") or query.get("Action")
        signed = re.search(r"Credential=([^,]+)", headers.get("authorization", ""))
        self.key_id = signed[1] if signed else query.get("AccessKeyId")
        self.has_token = "x-acs-security-token" in headers or "SecurityToken" in query
