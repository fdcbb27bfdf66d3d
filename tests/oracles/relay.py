"""A relay in front of the emulator that remembers what the emulator does not tell: the keys by which calls were signed,
and the secrets that were given out.
"""

import http.client
import http.server
import re
import threading
from urllib.parse import parse_qs, urlsplit


class Relay:
    def __init__(self, emulator):
        seen, secrets = self.seen, self.secrets = [], set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def relay(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                seen.append(Call(self.path, self.headers))
                cloud = http.client.HTTPConnection(emulator.host, timeout=60)
                # The header Host is signed, so it goes on as it came.
                cloud.request(self.command, self.path, body, dict(self.headers))
                answer = cloud.getresponse()
                content = answer.read()
                secrets.update(re.findall(r'"(?:AccessKeySecret|SecurityToken)": ?"([^"]+)"', content.decode()))
                if self.path == "/latest/api/token":
                    secrets.add(content.decode())
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                cloud.close()

            do_GET = do_POST = do_PUT = relay

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

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
