"""The two private clouds: images' whole life with the real command, and every way to say where they live."""

import contextlib
import socket
import socketserver
import ssl
import threading

import pytest
from emulator import KEY_ID, KEY_SECRET, SOON, Call, Emulator
from program import Image
from project import EVERY_TEST, ROOT
from stack import diagnostics
from test_lifecycle import IMAGE, by_name, in_order, is_of_creation, sorted_calls, tag, wait_until_usable

# A stack's region is called as its owner likes.
REGION = "cn-hangzhou"
APSARA = "apsarastack"
ALIBABA = "alibabacloudstack"
PLACES = {
    APSARA: {"Product": "ecs", "Department": "37", "ResourceGroup": "71"},
    ALIBABA: {"Department": "37", "OrganizationId": "37", "ResourceGroup": "71"},
}
HEADERS = {
    APSARA: {"RegionId": REGION},
    ALIBABA: {
        "x-acs-regionid": REGION,
        "x-acs-organizationid": "37",
        "x-acs-resourcegroupid": "71",
        "x-acs-request-version": "v1",
        "x-acs-asapi-product": "ecs",
        "x-ascm-product-name": "ecs",
    },
}
EVERY_STATE = "Creating,Waiting,Available,UnAvailable,CreateFailed,Deprecated"
# What a stack has never heard of and so leaves out of its answers.
NEWER = ("bootMode", "features", "licenseType", "osNameEn", "imageFamily")

PROGRAM = """
import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()
web = alicloud.ecs.Image(
    "web",
    image_name="web",
    snapshot_id=config.require("snapshot"),
    description=config.require("description"),
    tags={"Team": config.require("team")},
)
auto = alicloud.ecs.Image("auto", instance_id=config.require("instance"))
disks = alicloud.ecs.Image(
    "disks",
    name="disks",
    disk_device_mappings=[{"snapshot_id": "s-system", "size": 50}, {"snapshot_id": "s-data"}],
)
existing = alicloud.ecs.Image.get("existing", web.id)
for image in (web, auto, disks):
    pulumi.export(image._name, image.id)
pulumi.export("autoName", auto.image_name)
pulumi.export("status", existing.status)
pulumi.export("usable", existing.usable)
"""
SNAPSHOT = {"imageName": "web", "snapshotId": "s-system"}
ONE_IMAGE = {"web": Image(SNAPSHOT)}


@pytest.fixture(params=[APSARA, ALIBABA])
def flavour(request):
    return request.param


@pytest.fixture
def options():
    """Further flags of the emulator."""
    return []


@pytest.fixture
def cloud(flavour, options):
    emulator = Emulator(*SOON, "--flavour", flavour, *options, place=PLACES[flavour], headers=HEADERS[flavour])
    yield emulator
    emulator.stop()


@pytest.fixture
def on_stack(program, cloud, flavour):
    """Makes a Pulumi stack on a private cloud, with these settings besides."""

    def make(written, **settings):
        stack = program(written, configured=False)
        stack.set_all(
            secret={"alicloud:secretKey": KEY_SECRET},
            plain={
                "alicloud:cloud": flavour,
                "alicloud:region": REGION,
                "alicloud:accessKey": KEY_ID,
                "alicloud:endpoints[0].ecs": cloud.url,
            }
            | {f"alicloud:{name}": value for name, value in settings.items()},
        )
        return stack

    return make


def changes(cloud):
    """The calls that were meant to change something, without the place that every call must name."""
    for entry in cloud.requests():
        if entry["action"] != "ListResourceGroup":
            assert entry["params"].items() >= cloud.place.items(), entry
        assert "secret_in_query" not in entry, entry
    return [
        Call(call.action, {name: value for name, value in call.params.items() if name not in cloud.place})
        for call in cloud.changes()
    ]


def test_images_live_on_a_stack(on_stack, cloud, flavour):
    stack = on_stack(PROGRAM, department="37", resourceGroup="71")
    stack.set(snapshot="s-system", instance="i-running", description="made on a stack", team="web")
    warned = stack.up()
    ids = stack.outputs()
    web, auto, disks = ids["web"], ids["auto"], ids["disks"]
    assert by_name(changes(cloud)) == {
        "web": {
            "SnapshotId": "s-system",
            "Description": "made on a stack",
            "Tag.1.Key": "Team",
            "Tag.1.Value": "web",
        },
        ids["autoName"]: {"InstanceId": "i-running"},
        "disks": {
            "DiskDeviceMapping.1.SnapshotId": "s-system",
            "DiskDeviceMapping.1.Size": "50",
            "DiskDeviceMapping.2.SnapshotId": "s-data",
        },
    }
    looks = [entry for entry in cloud.requests() if entry["action"] == "DescribeImages"]
    assert {entry["params"]["Status"] for entry in looks} == {EVERY_STATE}
    assert cloud.refusals() == []
    assert ids["autoName"].startswith("auto-")
    # A stack does not say `Usable`: there the status has to do.
    assert (ids["status"], ids["usable"]) == ("Available", True)
    assert set(cloud.images()) == {web, auto, disks}
    assert diagnostics(warned).count("`imageName`") == 1
    state = stack.resources()["web"]["outputs"]
    assert not [name for name in NEWER if name in state], state

    settled(stack, cloud)

    # The rest goes alike on both.
    if EVERY_TEST or flavour == ALIBABA:
        web, auto, disks = in_other_hands(stack, cloud, (web, auto, disks))

    cloud.forget_requests()
    stack.run("destroy", "--yes")
    assert sorted((call.action, call.params["ImageId"]) for call in changes(cloud)) == sorted(
        ("DeleteImage", image) for image in (web, auto, disks)
    )
    assert cloud.images() == {}
    assert stack.resources() == {}
    assert KEY_SECRET not in stack.kept_text()
    assert stack.plugin_stderr.read_text() == ""


def in_other_hands(stack, cloud, images):
    """Changes, other sources, and what somebody else does to the images. The ids of the three images in the end."""
    web, auto, disks = images

    # What changes in place is sent as it is, and nothing else is.
    stack.set(description="described anew", team="api")
    assert stack.steps() == {"web": "update"}
    stack.up()
    assert sorted_calls(changes(cloud)) == sorted_calls(
        [
            Call("ModifyImageAttribute", {"ImageId": web, "Description": "described anew"}),
            tag(web, Team="api"),
        ]
    )

    # Another source: the name that the program keeps is freed first, the one of Pulumi's making afterwards.
    (copy,) = [disk["snapshot"] for disk in cloud.images()[auto]["disks"] if disk["kind"] == "system"]
    stack.set(snapshot=copy, instance="i-stopped")
    assert stack.steps().keys() == {"web", "auto"}
    cloud.forget_requests()
    stack.up()
    ids = stack.outputs()
    order = in_order(changes(cloud))
    assert sorted(order) == sorted(
        [
            ("DeleteImage", web),
            ("CreateImage", "web"),
            ("named", "web"),
            ("CreateImage", "auto"),
            ("named", ids["autoName"]),
            ("DeleteImage", auto),
        ]
    )
    assert order.index(("DeleteImage", web)) < order.index(("CreateImage", "web"))
    assert order.index(("named", ids["autoName"])) < order.index(("DeleteImage", auto))
    web, auto = ids["web"], ids["auto"]
    assert set(cloud.images()) == {web, auto, disks}

    # What others change or delete is seen and repaired.
    cloud.call("ModifyImageAttribute", ImageId=web, Description="changed by hand")
    cloud.call("UntagResources", ResourceType="image", **{"ResourceId.1": web, "TagKey.1": "Team"})
    cloud.call("DeleteImage", ImageId=disks)
    stack.run("refresh", "--yes")
    assert stack.resources()["web"]["outputs"]["description"] == "changed by hand"
    assert stack.steps() == {"web": "update", "disks": "create"}
    cloud.forget_requests()
    stack.up()
    made_again = [call for call in changes(cloud) if is_of_creation(call)]
    assert set(in_order(made_again)) == {("CreateImage", "disks"), ("named", "disks")}
    assert made_again[-1].params["ImageName"] == "disks"
    assert sorted_calls(call for call in changes(cloud) if call not in made_again) == sorted_calls(
        [
            Call("ModifyImageAttribute", {"ImageId": web, "Description": "described anew"}),
            tag(web, Team="api"),
        ]
    )
    disks = stack.outputs()["disks"]
    assert set(cloud.images()) == {web, auto, disks}

    # An image made elsewhere is taken over, and goes with the next `up`, as no program names it.
    elsewhere = cloud.call("CreateImage", ImageName="elsewhere", SnapshotId="s-system")["ImageId"]
    wait_until_usable(cloud, elsewhere)
    cloud.forget_requests()
    stack.run("import", IMAGE, "imported", elsewhere, "--yes", "--generate-code=false", "--protect=false")
    imported = stack.resources()["imported"]
    assert (imported["id"], imported["inputs"]["imageName"]) == (elsewhere, "elsewhere")
    assert [mapping["snapshotId"] for mapping in imported["inputs"]["diskDeviceMappings"]] == ["s-system"]
    assert changes(cloud) == []
    stack.up()
    assert [(call.action, call.params["ImageId"]) for call in changes(cloud)] == [("DeleteImage", elsewhere)]

    settled(stack, cloud)
    return web, auto, disks


def settled(stack, cloud):
    """Neither a preview nor a refresh finds anything to do."""
    cloud.forget_requests()
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.preview("--expect-no-changes")
    assert changes(cloud) == []


def test_what_a_stack_does_not_report_is_no_change(on_stack, cloud):
    newer = {
        "bootMode": "UEFI",
        "imageFamily": "family",
        "licenseType": "BYOL",
        "features": {"nvmeSupport": "supported"},
    }
    stack = on_stack({"web": Image(SNAPSHOT | newer)}, department="37", resourceGroup="71")
    stack.up()
    settled(stack, cloud)
    stack.run("destroy", "--yes")
    assert cloud.images() == {}


def test_the_place_is_found_by_the_name_of_its_resource_group(on_stack, cloud):
    """Once for a command, however many images it is for; and never where nothing is asked of the cloud."""
    stack = on_stack(PROGRAM, resourceGroupSetName="rs-demo", **{"endpoints[0].ascm": cloud.url})
    stack.set(snapshot="s-system", instance="i-running", description="made on a stack", team="web")
    stack.up()
    assert sorted(call.action for call in changes(cloud)) == ["CreateImage"] * 3 + ["ModifyImageAttribute"] * 3
    lookups = [entry for entry in cloud.requests() if entry["action"] == "ListResourceGroup"]
    assert [entry["params"]["resourceGroupName"] for entry in lookups] == ["rs-demo"]
    stack.run("destroy", "--yes")
    assert cloud.images() == {}

    stack.set(**{"alicloud:resourceGroupSetName": "rs-absent"})
    said = stack.up(fails=True)
    assert "rs-absent" in said
    assert cloud.images() == {}
    assert KEY_SECRET not in stack.kept_text()


def test_everything_from_the_stack_s_own_variables(program, cloud, flavour):
    stack = program(ONE_IMAGE, configured=False)
    stack.set_all({"alicloud:cloud": flavour, "alicloud:endpoints[0].ecs": cloud.url})
    values = {
        "ACCESS_KEY": KEY_ID,
        "SECRET_KEY": KEY_SECRET,
        "REGION": REGION,
        "DEPARTMENT": "37",
        "RESOURCE_GROUP": "71",
    }
    stack.env |= {f"{flavour.upper()}_{name}": value for name, value in values.items()}
    stack.up()
    assert by_name(changes(cloud)) == {"web": {"SnapshotId": "s-system"}}
    stack.run("destroy", "--yes")
    assert cloud.images() == {}
    assert KEY_SECRET not in stack.kept_text()


def test_a_certificate_that_nobody_vouches_for(on_stack, cloud):
    with tls_in_front_of(cloud) as host:
        place = {"department": "37", "resourceGroup": "71", "protocol": "HTTPS", "endpoints[0].ecs": host}
        stack = on_stack(ONE_IMAGE, **place)
        assert "certificate" in stack.up(fails=True)
        assert cloud.requests() == []
        stack.set(**{"alicloud:insecure": "true"})
        stack.up()
        assert [image["name"] for image in cloud.images().values()] == ["web"]
        stack.run("destroy", "--yes")
    assert cloud.images() == {}


@pytest.mark.parametrize("flavour", [APSARA], indirect=True)
@pytest.mark.parametrize("options", [["--demand-secret-in-query"]], ids=["demanding"])
def test_an_installation_that_wants_the_secret_gets_it_only_on_request(on_stack, cloud):
    stack = on_stack(ONE_IMAGE, department="37", resourceGroup="71")
    assert "AccessKeySecret" in stack.up(fails=True)
    assert not any(entry.get("secret_in_query") for entry in cloud.requests())
    assert cloud.images() == {}

    stack.set(**{"alicloud:sendAccessKeySecret": "true"})
    cloud.forget_requests()
    stack.up()
    assert all(entry["secret_in_query"] for entry in cloud.requests())
    stack.preview("--expect-no-changes")
    stack.run("destroy", "--yes")
    assert cloud.images() == {}
    assert KEY_SECRET not in stack.kept_text()


@contextlib.contextmanager
def tls_in_front_of(cloud):
    """A host for the same cloud by HTTPS, with a certificate of an authority that no machine trusts."""
    certificates = ROOT / "provider/crates/aliyun/testdata/tls"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    port = int(cloud.url.rsplit(":", 1)[1])

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                client = context.wrap_socket(self.request, server_side=True)
                with client, socket.create_connection(("127.0.0.1", port)) as cloud_side:
                    back = threading.Thread(target=pump, args=(cloud_side, client))
                    back.start()
                    pump(client, cloud_side)
                    back.join()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
