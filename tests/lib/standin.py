"""A plugin that stands in for the published one in tests: it has instances, which exist in its states only, and images,
which it makes in the emulator and keeps in the published plugin's shape. `python standin.py VERSION` serves it."""

import json
import sys
import threading
import time
from concurrent import futures

import grpc
from emulator import Client
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

IMAGE = "alicloud:ecs/image:Image"
INSTANCE = "alicloud:ecs/instance:Instance"
SOON = 0.05
# What the published plugin keeps of an image, and what the cloud calls it.
REPORTED = {
    "architecture": "Architecture",
    "bootMode": "BootMode",
    "createTime": "CreationTime",
    "description": "Description",
    "imageFamily": "ImageFamily",
    "imageName": "ImageName",
    "imageVersion": "ImageVersion",
    "name": "ImageName",
    "platform": "Platform",
    "resourceGroupId": "ResourceGroupId",
    "status": "Status",
}
# What a YAML program needs to know.
SCHEMA = {
    "name": "alicloud",
    "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
    "resources": {
        INSTANCE: {
            "properties": {"imageId": {"type": "string"}},
            "inputProperties": {"imageId": {"type": "string"}},
        }
    },
}
# What it makes an image of.
SENT = {
    "description": "Description",
    "imageName": "ImageName",
    "instanceId": "InstanceId",
    "snapshotId": "SnapshotId",
}


def struct(properties):
    return json_format.ParseDict(properties, struct_pb2.Struct())


def plain(message):
    return json_format.MessageToDict(message)


def revealed(setting):
    return setting["value"] if isinstance(setting, dict) else setting


class Images:
    def __init__(self, settings):
        (endpoint,) = json.loads(settings["endpoints"])
        self.cloud = Client(endpoint["ecs"], (revealed(settings["accessKey"]), revealed(settings["secretKey"])))

    def create(self, inputs):
        params = {SENT[name]: value for name, value in inputs.items()}
        image = self.cloud.call("CreateImage", **params)["ImageId"]
        while not (state := self.read(image, inputs)):
            time.sleep(SOON)
        return image, state

    def read(self, image, kept):
        """What there is of it once it is available; nothing before and after."""
        found = self.cloud.call("DescribeImages", ImageId=image)["Images"]["Image"]
        if not found:
            return None
        reported = {name: found[0].get(theirs, "") for name, theirs in REPORTED.items()}
        source = {name: value for name, value in kept.items() if name in ("instanceId", "snapshotId")}
        return reported | source | {"force": False, "id": image, "tags": {}}

    def update(self, image, state, news):
        names = [name for name in SENT if news.get(name, "") != state.get(name, "")]
        self.cloud.call("ModifyImageAttribute", ImageId=image, **{SENT[name]: news[name] for name in names})
        return self.read(image, news)

    def delete(self, image):
        self.cloud.call("DeleteImage", ImageId=image)


class Instances:
    def create(self, inputs):
        instance = f"i-{time.time_ns():x}"
        return instance, inputs | {"id": instance}

    def read(self, instance, kept):
        return kept | {"id": instance}

    def update(self, instance, state, news):
        return news | {"id": instance}

    def delete(self, instance):
        pass


# The methods' names are gRPC's.
class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, version):
        self.version = version
        self.kinds = {INSTANCE: Instances()}

    def kind(self, request):
        token = request.urn.split("::")[2].rsplit("$", 1)[-1]
        return self.kinds[token]

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request, context):
        return provider_pb2.GetSchemaResponse(schema=json.dumps(SCHEMA | {"version": self.version}))

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request, context):
        self.kinds[IMAGE] = Images(plain(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):
        olds, news = plain(request.olds), plain(request.news)
        diffs = [name for name in news if not name.startswith("__") and news[name] != olds.get(name)]
        changes = provider_pb2.DiffResponse.DIFF_SOME if diffs else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changes, diffs=diffs)

    def Create(self, request, context):
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        made, state = self.kind(request).create(plain(request.properties))
        return provider_pb2.CreateResponse(id=made, properties=struct(state))

    def Read(self, request, context):
        state = self.kind(request).read(request.id, plain(request.properties))
        if state is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=struct(state), inputs=request.inputs)

    def Update(self, request, context):
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        news = {name: value for name, value in plain(request.news).items() if not name.startswith("__")}
        state = self.kind(request).update(request.id, plain(request.olds), news)
        return provider_pb2.UpdateResponse(properties=struct(state))

    def Delete(self, request, context):
        self.kind(request).delete(request.id)
        return empty_pb2.Empty()

    def Cancel(self, request, context):
        return empty_pb2.Empty()


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(sys.argv[1]), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    # The engine kills its plugins.
    threading.Event().wait()


if __name__ == "__main__":
    main()
