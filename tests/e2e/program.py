"""A program in no language: it registers the images it is told to, from within the test, so that a command takes a
fraction of the time that it takes with an interpreter to start. To the engine it is a language host like any other.
"""

from concurrent import futures
from dataclasses import dataclass, field

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2, resource_pb2, resource_pb2_grpc

IMAGE = "alicloud:ecs/image:Image"
AT_A_TIME = 64


@dataclass(frozen=True)
class Image:
    inputs: dict
    timeouts: dict = field(default_factory=dict)

    def request(self, name, parent):
        return resource_pb2.RegisterResourceRequest(
            type=IMAGE,
            name=name,
            parent=parent,
            custom=True,
            acceptSecrets=True,
            object=json_format.ParseDict(self.inputs, struct_pb2.Struct()),
            customTimeouts=resource_pb2.RegisterResourceRequest.CustomTimeouts(**self.timeouts),
        )


# The methods' names are gRPC's.
class Program(language_pb2_grpc.LanguageRuntimeServicer):
    """`images` are the program's resources by name; a test changes them as a user edits a program."""

    def __init__(self):
        self.images = {}
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
                requests = [image.request(name, stack.urn) for name, image in self.images.items()]
                list(pool.map(monitor.RegisterResource, requests))
            except grpc.RpcError:
                return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse()
