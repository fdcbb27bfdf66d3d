"""A program in no language: it registers the resources it is told to, from within the test, so that a command takes a
fraction of the time that it takes with an interpreter to start. To the engine it is a language host like any other.
"""

from concurrent import futures
from dataclasses import dataclass, field
from typing import ClassVar

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2, resource_pb2, resource_pb2_grpc

IMAGE = "alicloud:ecs/image:Image"
COPY = "alicloud:ecs/imageCopy:ImageCopy"
IMPORT = "alicloud:ecs/imageImport:ImageImport"
EXPORT = "alicloud:ecs/imageExport:ImageExport"
SHARE = "alicloud:ecs/imageSharePermission:ImageSharePermission"
AT_A_TIME = 64
# What stands for the id of what a preview does not make.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True)
class Resource:
    """`options` are the request's own fields; `provider` is the name of one that the program makes itself. `ids` says
    which inputs are the ids of which resources before it."""

    type: ClassVar[str]
    inputs: dict
    timeouts: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    provider: str | None = None
    ids: dict = field(default_factory=dict)

    def request(self, name, parent, providers, registered):
        """`registered` holds the futures of resources by their names."""
        others = {property: registered[other].result() for property, other in self.ids.items()}
        inputs = self.inputs | {property: other.id or UNKNOWN for property, other in others.items()}
        return resource_pb2.RegisterResourceRequest(
            type=self.type,
            name=name,
            parent=parent,
            custom=True,
            acceptSecrets=True,
            object=json_format.ParseDict(inputs, struct_pb2.Struct()),
            dependencies=[other.urn for other in others.values()],
            customTimeouts=resource_pb2.RegisterResourceRequest.CustomTimeouts(**self.timeouts),
            provider=providers[self.provider] if self.provider else "",
            **self.options,
        )


class Image(Resource):
    type = IMAGE


class Copy(Resource):
    type = COPY


class Import(Resource):
    type = IMPORT


class Export(Resource):
    type = EXPORT


class Share(Resource):
    type = SHARE


def provider_of(monitor, name, settings, parent):
    """How resources refer to it."""
    made = monitor.RegisterResource(
        resource_pb2.RegisterResourceRequest(
            type="pulumi:providers:alicloud",
            name=name,
            parent=parent,
            custom=True,
            acceptSecrets=True,
            object=json_format.ParseDict(settings, struct_pb2.Struct()),
        )
    )
    return f"{made.urn}::{made.id or UNKNOWN}"


# The methods' names are gRPC's.
class Program(language_pb2_grpc.LanguageRuntimeServicer):
    """`resources` are the program's by name; a test changes them as a user edits a program. `providers` are the
    settings of those providers that the program makes itself."""

    def __init__(self):
        self.resources, self.providers = {}, {}
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def stop(self):
        self.server.stop(grace=None).wait()

    def GetRequiredPackages(self, request, context):
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request, context):
        return language_pb2.GetRequiredPluginsResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo()

    def About(self, request, context):
        return language_pb2.AboutResponse()

    def Run(self, request, context):
        """What fails is for the engine to tell: it has refused the request or it is gone."""
        with (
            grpc.insecure_channel(request.monitor_address, options=[("grpc.enable_http_proxy", 0)]) as channel,
            futures.ThreadPoolExecutor(AT_A_TIME) as pool,
        ):
            monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
            try:
                stack = monitor.RegisterResource(
                    resource_pb2.RegisterResourceRequest(
                        type="pulumi:pulumi:Stack", name=f"{request.project}-{request.stack}"
                    )
                )
                providers = {
                    name: provider_of(monitor, name, settings, stack.urn) for name, settings in self.providers.items()
                }
                registered = {}

                def register(name, resource):
                    return monitor.RegisterResource(resource.request(name, stack.urn, providers, registered))

                for name, resource in self.resources.items():
                    registered[name] = pool.submit(register, name, resource)
                for future in registered.values():
                    future.result()
            except grpc.RpcError:
                return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse()
