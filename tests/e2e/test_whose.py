"""Whose image an image is, and which region's, whatever was written, killed or forgotten before."""

import json
import os
import re
import signal
import time

import emulator
import pytest
from cases import sampled
from program import Image
from proxy import ANSWERED, BEFORE, UNANSWERED, Instant
from scene import PATIENCE, Operation
from stack import Stack, copy_program, diagnostics
from test_lifecycle import IMAGE, in_order, wait_until_usable

GIVEN = {"imageName": "golden", "snapshotId": "s-system", "description": "tier 1"}
AUTOMATIC = {"snapshotId": "s-system", "description": "tier 1"}
NAMINGS = {"given": GIVEN, "automatic": AUTOMATIC}
HERE, THERE = "cn-hangzhou", "cn-beijing"
DELETE_FIRST = {"deleteBeforeReplace": True, "deleteBeforeReplaceDefined": True}
TAKEN = "InvalidImageName.Duplicated"


@pytest.fixture(params=sampled(NAMINGS, "given"))
def naming(request):
    return request.param


@pytest.fixture
def stack(hosted, cloud, request):
    """A stack on the emulator, whose region nothing names."""
    request.node.shown = lambda: (hosted, cloud)
    hosted.init_quickly(cloud, region=None)
    return hosted


@pytest.fixture
def region(stack):
    """The stack's region is named in its configuration."""
    stack.set(**{"alicloud:region": HERE})


def say(stack, inputs, name="web", **options):
    stack.program.resources = {} if inputs is None else {name: Image(inputs, options=options)}


def one_line(printed):
    return " ".join(printed.split())


def warnings(printed):
    """The plugin's own."""
    return [line for line in diagnostics(printed).splitlines() if "warning: " in line and "from $PATH" not in line]


def image_of(stack, name="web"):
    return stack.resources()[name]["id"]


def check_settled(stack, cloud, *ids):
    """Cloud and state hold these images, and no preview would change them."""
    assert sorted(cloud.images()) == sorted(ids)
    assert sorted(found["id"] for found in stack.resources().values()) == sorted(ids)
    stack.preview("--expect-no-changes")


def check_same(stack, cloud, image):
    """Another way to say the same settings replaces nothing and calls nothing."""
    cloud.forget_requests()
    assert "replace" not in str(operations(stack))
    stack.up()
    assert cloud.changes() == []
    assert image_of(stack) == image
    check_settled(stack, cloud, image)


def operations(stack):
    """What a preview announces, in its order."""
    steps = json.loads(stack.quiet("preview", "--json", f"--client={stack.program.address}"))["steps"]
    return [(step["op"], step["urn"].rsplit("::", 1)[1]) for step in steps]


# Settings.


def test_a_region_that_moves_between_environment_and_configuration_replaces_nothing(stack, cloud, naming):
    stack.env["ALICLOUD_REGION"] = HERE
    say(stack, NAMINGS[naming])
    stack.up()
    image = image_of(stack)
    stack.set(**{"alicloud:region": HERE})
    check_same(stack, cloud, image)
    del stack.env["ALICLOUD_REGION"]
    check_same(stack, cloud, image)
    stack.env["ALICLOUD_REGION"] = HERE
    stack.run("config", "rm", "alicloud:region")
    check_same(stack, cloud, image)
    assert stack.resources()["web"]["outputs"]["regionId"] == HERE
    stack.run("destroy", "--yes")
    assert cloud.images() == {}


def test_a_cloud_that_begins_or_ceases_to_be_named_replaces_nothing(stack, region, cloud):
    say(stack, GIVEN)
    stack.up()
    image = image_of(stack)
    stack.set(**{"alicloud:cloud": "alibabacloud"})
    check_same(stack, cloud, image)
    stack.run("config", "rm", "alicloud:cloud")
    check_same(stack, cloud, image)


@pytest.mark.parametrize("named", ["in its settings", "in the environment"])
def test_a_move_to_an_explicit_provider_and_back_replaces_nothing(stack, cloud, naming, named):
    stack.env["ALICLOUD_REGION"] = HERE
    say(stack, NAMINGS[naming])
    stack.up()
    image = image_of(stack)
    stack.program.providers["own"] = {
        "accessKey": emulator.KEY_ID,
        "secretKey": emulator.KEY_SECRET,
        "endpoints": json.dumps([{"ecs": cloud.url}]),
    }
    if named == "in its settings":
        stack.program.providers["own"]["region"] = HERE
    stack.program.resources["web"] = Image(NAMINGS[naming], provider="own")
    check_same(stack, cloud, image)
    assert "::own::" in stack.resources()["web"]["provider"]
    stack.program.providers.clear()
    say(stack, NAMINGS[naming])
    check_same(stack, cloud, image)
    stack.run("destroy", "--yes")
    assert cloud.images() == {}


def test_a_region_that_is_named_and_changed_moves_the_image_and_the_preview_says_so(stack, region, cloud, naming):
    say(stack, NAMINGS[naming])
    stack.up()
    old = image_of(stack)
    stack.set(**{"alicloud:region": THERE})
    cloud.forget_requests()
    previewed = one_line(stack.preview("--diff"))
    assert f"region changes from {HERE!r} to {THERE!r}".replace("'", '"') in previewed
    assert "the provider is replaced" in previewed
    assert ("replace", "web") in operations(stack)
    assert cloud.changes() == []

    stack.up()
    new = image_of(stack)
    assert new != old
    assert cloud.regions() == {THERE: [new]}
    assert [action for action, _ in in_order(cloud.changes())] == ["CreateImage", "named", "DeleteImage"]
    assert stack.resources()["web"]["outputs"]["regionId"] == THERE
    check_settled(stack, cloud, new)
    stack.run("destroy", "--yes")
    assert cloud.images() == {}


@pytest.mark.parametrize(
    "command, program",
    [
        ("refresh", "unchanged"),
        ("destroy", "unchanged"),
        ("up", "unchanged"),
        ("up", "changed"),
        ("up", "without the image"),
    ],
)
def test_a_region_that_changes_in_the_environment_alone_drops_and_deletes_nothing(
    stack, cloud, naming, command, program
):
    stack.env["ALICLOUD_REGION"] = HERE
    say(stack, NAMINGS[naming])
    stack.up()
    image, before = image_of(stack), cloud.images()
    stack.env["ALICLOUD_REGION"] = THERE
    inputs = NAMINGS[naming]
    say(stack, {"changed": inputs | {"description": "tier 2"}, "unchanged": inputs, "without the image": None}[program])
    cloud.forget_requests()
    said = one_line(stack.run(command, "--yes", fails=True))
    for told in (image, HERE, THERE, f"pulumi config set alicloud:region {HERE}"):
        assert told in said, f"{told} is not told"
    assert cloud.changes() == []
    assert cloud.images() == before
    assert image_of(stack) == image

    # The advice is good.
    stack.set(**{"alicloud:region": HERE})
    say(stack, inputs)
    stack.up()
    stack.run("refresh", "--yes", "--expect-no-changes")
    check_settled(stack, cloud, image)


@pytest.mark.parametrize("command", ["refresh", "destroy"])
def test_the_advice_on_a_region_helps_commands_that_do_not_run_the_program(stack, cloud, command):
    """They use the settings as the last `up` has saved them, so what is configured since does not count for them."""
    stack.env["ALICLOUD_REGION"] = HERE
    say(stack, GIVEN)
    stack.up()
    stack.env["ALICLOUD_REGION"] = THERE
    said = one_line(stack.run(command, "--yes", fails=True))
    stack.set(**{"alicloud:region": HERE})
    stack.run(command, "--yes", fails=True)
    stack.run(command, "--yes", "--run-program")
    assert len(cloud.images()) == (1 if command == "refresh" else 0)
    assert "--run-program" in said


def test_a_region_of_the_environment_is_said_to_come_from_there(stack, cloud):
    stack.env["ALICLOUD_REGION"] = HERE
    say(stack, GIVEN)
    stack.up()
    stack.env["ALICLOUD_REGION"] = THERE
    said = one_line(stack.run("refresh", "--yes", fails=True))
    (origin,) = set(re.findall(rf"the provider works in {THERE} \(from ([^)]*)\)", said))
    assert "ALICLOUD_REGION" in origin


def test_a_state_that_does_not_say_its_region_drops_nothing_in_another_one(stack, cloud):
    """Older states do not."""
    stack.env["ALICLOUD_REGION"] = HERE
    say(stack, GIVEN)
    stack.up()
    image, before = image_of(stack), cloud.images()
    forget_regions(stack)
    stack.env["ALICLOUD_REGION"] = THERE
    said = one_line(stack.run("refresh", "--yes", fails=True))
    for told in (image, THERE, "pulumi config set alicloud:region"):
        assert told in said, f"{told} is not told"
    assert image_of(stack) == image
    stack.run("destroy", "--yes", fails=True)
    assert image_of(stack) == image
    assert cloud.images() == before

    # Read where it is, it is said from then on.
    stack.env["ALICLOUD_REGION"] = HERE
    stack.run("refresh", "--yes")
    assert stack.resources()["web"]["outputs"]["regionId"] == HERE
    check_settled(stack, cloud, image)


def forget_regions(stack):
    deployment = json.loads(stack.quiet("stack", "export"))
    for resource in deployment["deployment"]["resources"]:
        resource.get("outputs", {}).pop("regionId", None)
    file = stack.home / "without-regions.json"
    file.write_text(json.dumps(deployment))
    stack.run("stack", "import", "--file", str(file))
    assert "regionId" not in stack.resources()["web"]["outputs"]


# Forced replacements.


def test_a_forced_replacement_makes_another_image_of_an_automatic_name(stack, region, cloud):
    say(stack, AUTOMATIC)
    stack.up()
    for _ in range(2):
        old = image_of(stack)
        cloud.forget_requests()
        stack.up("--replace", stack.urn("web"))
        new = image_of(stack)
        assert new != old
        assert in_order(cloud.changes())[-1] == ("DeleteImage", old)
        check_settled(stack, cloud, new)


def test_a_forced_replacement_of_a_given_name_says_why_not_and_leaves_the_image(stack, region, cloud):
    say(stack, GIVEN)
    stack.up()
    old, before = image_of(stack), cloud.images()
    cloud.forget_requests()
    said = one_line(stack.up("--replace", stack.urn("web"), fails=True))
    for told in (TAKEN, "names are unique", "deleteBeforeReplace", old):
        assert told in said, f"{told} is not told"
    assert cloud.changes() == []
    assert cloud.images() == before
    check_settled(stack, cloud, old)

    # The advice is good.
    say(stack, GIVEN, **DELETE_FIRST)
    stack.up("--replace", stack.urn("web"))
    new = image_of(stack)
    assert new != old
    # The cloud still knows the deleted image's token, so there may be more than one request for its successor.
    order = list(dict.fromkeys(in_order(cloud.changes())))
    assert order == [("DeleteImage", old), ("CreateImage", "golden"), ("named", "golden")]
    check_settled(stack, cloud, new)


# Other states, and forgotten images.


@pytest.fixture
def other(stack, region, cloud, binary, tmp_path):
    """Another checkout of the same project, with the same stack in a backend of its own."""
    folder = copy_program(stack.folder, tmp_path / "checkout")
    other = Stack(folder, tmp_path / "other-home", binary, {}, stack.program)
    other.env["PULUMI_ALICLOUD_POLL_MS"] = stack.env["PULUMI_ALICLOUD_POLL_MS"]
    other.init_quickly(cloud)
    return other


def test_another_state_of_the_same_program_has_its_own_image_of_an_automatic_name(stack, other, cloud):
    say(stack, AUTOMATIC)
    for each in (stack, other):
        assert warnings(each.up()) == []
    mine, theirs = image_of(stack), image_of(other)
    assert mine != theirs
    assert stack.urn("web") == other.urn("web")
    assert sorted(cloud.images()) == sorted([mine, theirs])
    other.run("destroy", "--yes")
    check_settled(stack, cloud, mine)
    stack.run("destroy", "--yes")
    assert cloud.images() == {}


def test_another_state_of_the_same_program_is_told_whose_a_given_name_is(stack, other, cloud):
    say(stack, GIVEN)
    stack.up()
    mine, before = image_of(stack), cloud.images()
    said = one_line(other.up(fails=True))
    for told in (TAKEN, mine, f"pulumi import {IMAGE} web {mine}"):
        assert told in said, f"{told} is not told"
    assert cloud.images() == before
    assert other.resources() == {}
    other.run("destroy", "--yes")
    check_settled(stack, cloud, mine)


@pytest.mark.parametrize("how", ["retainOnDelete", "pulumi state delete"])
def test_an_image_that_the_state_forgot_is_left_alone(stack, region, cloud, naming, how):
    inputs = NAMINGS[naming]
    say(stack, inputs, retainOnDelete=how == "retainOnDelete")
    stack.up()
    kept, before = image_of(stack), cloud.images()
    if how == "retainOnDelete":
        say(stack, None)
        stack.up()
    else:
        stack.run("state", "delete", stack.urn("web"), "--yes")
    assert stack.resources() == {}
    assert cloud.images() == before

    say(stack, inputs)
    if naming == "automatic":
        stack.up()
        new = image_of(stack)
        assert new != kept
        assert set(cloud.images()) == {kept, new}
        stack.run("destroy", "--yes")
        assert cloud.images() == before
        return
    said = one_line(stack.up(fails=True))
    for told in (TAKEN, f"pulumi import {IMAGE} web {kept}"):
        assert told in said, f"{told} is not told"
    assert cloud.images() == before
    # The advice is good.
    stack.run("import", IMAGE, "web", kept, "--yes", "--generate-code=false", "--protect=false")
    stack.up()
    assert cloud.images() == before
    check_settled(stack, cloud, kept)


def test_a_given_name_that_looks_automatic_is_deleted_before_it_is_replaced(stack, region, cloud):
    name = "web-a1b2c3d"
    say(stack, GIVEN | {"imageName": name})
    stack.up()
    old = image_of(stack)
    cloud.forget_requests()
    say(stack, {"imageName": name, "instanceId": "i-running"})
    stack.up()
    assert in_order(cloud.changes()) == [("DeleteImage", old), ("CreateImage", name), ("named", name)]
    check_settled(stack, cloud, image_of(stack))


# Imports by the resource option.


IMPORTED = {
    "a snapshot": {"snapshotId": "s-system"},
    "disks": {"diskDeviceMappings": [{"snapshotId": "s-system"}]},
    "an instance": {"instanceId": "i-running"},
}


@pytest.mark.parametrize("source", IMPORTED)
def test_the_option_import_takes_an_image_whose_platform_and_architecture_are_not_said(stack, region, cloud, source):
    params = {"InstanceId": "i-running"} if source == "an instance" else {"SnapshotId": "s-system"}
    image = cloud.call("CreateImage", ImageName="elsewhere", Description="by hand", **params)["ImageId"]
    wait_until_usable(cloud, image)
    cloud.forget_requests()
    inputs = {"imageName": "elsewhere", "description": "by hand"} | IMPORTED[source]
    say(stack, inputs, importId=image)
    stack.up()
    check_settled(stack, cloud, image)
    say(stack, inputs)
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    check_settled(stack, cloud, image)
    assert cloud.changes() == []
    stack.run("destroy", "--yes")
    assert cloud.images() == {}


# Creates that were late or interrupted.


def late(scene, inputs):
    """A create whose time runs out while the cloud's clock stands still; the image's id."""
    scene.prepare(Operation(None, inputs, timeouts={"create": "3s"}))
    scene.begin()
    scene.proxy.watch()
    scene.proxy.ticks = False
    said = one_line(scene.run(fails=True))
    assert "not usable after 3 s" in said
    (image,) = scene.cloud.images()
    assert scene.stack.resources()["image"]["id"] == image
    return image


def test_an_up_with_a_refresh_after_a_late_create_succeeds_when_the_image_is_usable(scene, naming):
    inputs = NAMINGS[naming]
    image = late(scene, inputs)
    # The image becomes visible, and stays Creating.
    scene.cloud.advance(0.3)
    assert not scene.cloud.images()[image]["usable"]
    scene.say(inputs)
    scene.stack.program.resources["image"] = Image(inputs)
    scene.proxy.watch()
    command = scene.stack.start("up", "--yes", "--refresh")
    give_up = time.monotonic() + PATIENCE
    while scene.proxy.seen.count("DescribeImages") < 20 and command.poll() is None:
        assert time.monotonic() < give_up, "nothing looks at the image"
        time.sleep(0.01)
    ended_early = command.poll()
    scene.proxy.ticks = True
    printed = scene.stack.end(command, PATIENCE)
    assert ended_early is None, f"the command ended with {ended_early} while the image was Creating"
    assert command.returncode == 0, printed
    made = scene.cloud.images()
    assert made.keys() == {image}
    assert made[image]["usable"]
    own_name = re.escape(inputs["imageName"]) if naming == "given" else "image-[0-9a-f]{7}"
    assert re.fullmatch(own_name, made[image]["name"])
    scene.check(scene.made())


def test_a_refresh_after_a_late_create_tells_that_the_image_is_not_usable_yet(scene, naming):
    image = late(scene, NAMINGS[naming])
    scene.cloud.advance(0.3)
    said = one_line(scene.stack.run("refresh", "--yes"))
    assert f"image {image} is not usable yet: it is Creating" in said
    assert scene.stack.resources()["image"]["id"] == image
    scene.proxy.ticks = True
    scene.stack.program.resources["image"] = Image(NAMINGS[naming])
    scene.run()
    assert scene.cloud.images().keys() == {image}
    scene.check(scene.made())


def test_a_destroy_after_a_late_create_leaves_nothing(scene, naming):
    late(scene, NAMINGS[naming])
    scene.proxy.ticks = True
    scene.stack.run("destroy", "--yes")
    assert scene.cloud.images() == {}
    assert scene.stack.resources() == {}


INSTANTS = [
    Instant(UNANSWERED, "CreateImage", 1),
    Instant(ANSWERED, "CreateImage", 1),
    Instant(BEFORE, "ModifyImageAttribute", 1),
]


@pytest.mark.parametrize("instant", INSTANTS, ids=str)
def test_an_interrupted_create_whose_name_is_changed_is_named_and_not_touched(scene, instant):
    def kill(process):
        os.kill(process.pid, signal.SIGKILL)
        scene.wait_for_no_plugin()

    scene.prepare(Operation(None, GIVEN))
    scene.harmed(instant, kill)
    ((left, before),) = scene.cloud.images().items()
    assert "-unfinished-" in before["name"]
    scene.operation = Operation(None, GIVEN | {"imageName": "golden-2"})
    scene.say(scene.operation.after)
    scene.stack.run("cancel", "--yes")
    said = one_line(diagnostics(scene.run()))
    for told in (left, before["name"], "interrupted", f"pulumi import {IMAGE} image {left}"):
        assert told in said, f"{told} is not told"
    images = scene.cloud.images()
    assert images[left] == before
    (new,) = images.keys() - {left}
    assert images[new]["name"] == "golden-2"
    assert image_of(scene.stack, "image") == new
    scene.stack.run("refresh", "--yes", "--clear-pending-creates")
    scene.stack.run("destroy", "--yes")
    assert scene.cloud.images() == {left: before}


@pytest.mark.usefixtures("region")
def test_a_program_that_goes_back_takes_back_what_a_failed_update_has_done(stack, cloud):
    """The engine keeps the inputs from before such an update."""
    before = GIVEN | {"tags": {"owner": "ops"}}
    say(stack, before)
    stack.up()
    (made,) = cloud.images().values()
    cloud.fault({"action": "TagResources", "do": "error", "code": "Forbidden.RAM", "status": 403})
    say(stack, before | {"description": "tier 2", "imageFamily": "prod", "tags": {"team": "web"}})
    assert "ecs:TagResources" in one_line(stack.up(fails=True))
    (half,) = cloud.images().values()
    assert (half["description"], half["family"], half["tags"]) == ("tier 2", "prod", {})

    say(stack, before)
    stack.up()
    (again,) = cloud.images().values()
    kept = ("id", "description", "family", "tags")
    assert [again[key] for key in kept] == [made[key] for key in kept]
    check_settled(stack, cloud, made["id"])
