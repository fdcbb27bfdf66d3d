"""The built plugin as an engine sees it: a process of its own, spoken to over gRPC by Pulumi's own generated client."""

import contextlib
import json
import os
import subprocess
import threading
from concurrent import futures

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from project import plugin_binary
from pulumi.runtime.proto import engine_pb2_grpc, errors_pb2, provider_pb2, provider_pb2_grpc, status_pb2

IMAGE = "alicloud:ecs/image:Image"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
PATIENCE = 120
"""Seconds after which a call counts as lost. Nothing is expected to take that long."""


class Failed(Exception):
    """The plugin refused: with a message, and details as dicts. The text is all of that."""

    def __init__(self, message, details):
        self.message, self.details = message, details
        self.text = "\n".join([message, *(json.dumps(detail, ensure_ascii=False) for detail in details)])
        super().__init__(self.text)


def secret(value):
    return {SIGNATURE: SECRET, "value": value}


def struct(properties):
    return json_format.ParseDict(properties, struct_pb2.Struct())


def plain(message):
    return json_format.MessageToDict(message)


class Engine(engine_pb2_grpc.EngineServicer):
    """Takes log lines as the engine does, and keeps them."""

    def __init__(self):
        self.lines = []
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
        engine_pb2_grpc.add_EngineServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    # gRPC names it, not we.
    def Log(self, request, context):
        self.lines.append(request)
        return empty_pb2.Empty()


class Plugin:
    def __init__(self, variables):
        self.engine = Engine()
        environment = {"PULUMI_ALICLOUD_POLL_MS": "20", "PATH": os.environ.get("PATH", ""), **variables}
        self.process = subprocess.Popen(
            [plugin_binary(), self.engine.address], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        port = self.process.stdout.readline()
        self.printed = {"stdout": bytearray(port), "stderr": bytearray()}
        self.readers = [threading.Thread(target=self._drain, args=(name,)) for name in self.printed]
        for reader in self.readers:
            reader.start()
        if not port.strip().isdigit():
            self.stop()
            raise RuntimeError(f"no port but {port!r}: {bytes(self.printed['stderr'])!r}")
        self.channel = grpc.insecure_channel(f"127.0.0.1:{int(port)}", options=[("grpc.enable_http_proxy", 0)])
        self.rpc = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def _drain(self, name):
        for line in getattr(self.process, name):
            self.printed[name].extend(line)

    def stop(self):
        """Ends the process as the engine does, and waits for all that it has still to say."""
        if hasattr(self, "channel"):
            self.channel.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        for reader in self.readers:
            reader.join(timeout=PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        self.engine.server.stop(grace=None).wait()

    def call(self, method, request):
        try:
            return getattr(self.rpc, method)(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            raise failed(error) from None

    def configure(self, **settings):
        request = provider_pb2.ConfigureRequest(
            args=struct(settings), acceptSecrets=True, sends_old_inputs=True, sends_old_inputs_to_delete=True
        )
        self.call("Configure", request)
        return self

    def check_config(self, **settings):
        request = provider_pb2.CheckRequest(urn="urn:pulumi:test::shop::pulumi:providers:alicloud::p")
        request.news.CopyFrom(struct(settings))
        answer = self.call("CheckConfig", request)
        return plain(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def check(self, name, inputs):
        request = provider_pb2.CheckRequest(urn=urn(name), randomSeed=b"seed")
        request.news.CopyFrom(struct(inputs))
        answer = self.call("Check", request)
        return plain(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def create(self, name, inputs):
        """The id and the state of a new image."""
        request = provider_pb2.CreateRequest(urn=urn(name), name=name, type=IMAGE, properties=struct(inputs))
        answer = self.call("Create", request)
        return answer.id, plain(answer.properties)

    def read(self, image_id, name="read", state=None, inputs=None):
        """The state of an image as the cloud has it, or None where there is none."""
        request = provider_pb2.ReadRequest(id=image_id, urn=urn(name), name=name, type=IMAGE)
        if state is not None:
            request.properties.CopyFrom(struct(state))
        if inputs is not None:
            request.inputs.CopyFrom(struct(inputs))
        answer = self.call("Read", request)
        return plain(answer.properties) if answer.id else None

    def update(self, image_id, name, state, old_inputs, inputs):
        request = provider_pb2.UpdateRequest(
            id=image_id,
            urn=urn(name),
            name=name,
            type=IMAGE,
            olds=struct(state),
            old_inputs=struct(old_inputs),
            news=struct(inputs),
        )
        return plain(self.call("Update", request).properties)

    def delete(self, image_id, name, state, inputs):
        request = provider_pb2.DeleteRequest(
            id=image_id, urn=urn(name), name=name, type=IMAGE, properties=struct(state), old_inputs=struct(inputs)
        )
        self.call("Delete", request)


def urn(name):
    return f"urn:pulumi:test::shop::{IMAGE}::{name}"


def failed(error):
    """A refusal with its details, which ride along as `google.rpc.Status` where there are any."""
    details = []
    kinds = (provider_pb2.ErrorResourceInitFailed, provider_pb2.ConfigureErrorMissingKeys, errors_pb2.ErrorCause)
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            (kind,) = [kind for kind in kinds if detail.Is(kind.DESCRIPTOR)]
            message = kind()
            detail.Unpack(message)
            details.append(plain(message))
    return Failed(error.details() or "", details)
