"""HTTP servers in the tests' own process, and how they pass calls on."""

import http.client
import http.server
import threading


class Threads(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class Serving:
    """Runs until `stop`. What extends it says what a request is answered, in `answer`, which has a thread for each."""

    def __init__(self):
        serving = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                serving.answer(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST

            def log_message(self, *_):
                pass

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def answer(self, handler):
        raise NotImplementedError

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def body_of(handler):
    return handler.rfile.read(int(handler.headers.get("content-length", 0)))


def forward(handler, body, host):
    """What `host` answers to the same request: status, headers, content."""
    connection = http.client.HTTPConnection(host, timeout=60)
    # The header Host is signed, so it goes on as it came.
    connection.request(handler.command, handler.path, body, dict(handler.headers))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.getheaders(), content


def send(handler, status, headers, content):
    handler.send_response_only(status)
    for name, value in headers:
        if name.lower() not in ("content-length", "transfer-encoding", "connection"):
            handler.send_header(name, value)
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
