"""Runs an example with the real CLI against the emulator and tells what happened. `examples/demo` sets it up."""

import collections
import sys
import tempfile
import time
from pathlib import Path

from emulator import Emulator
from languages import LANGUAGES
from project import plugin_binary
from stack import Stack

SOURCES = ("InstanceId", "SnapshotId", "DiskDeviceMapping.1.SnapshotId", "DiskDeviceMapping.2.SnapshotId")


def told(call):
    """One line on what was asked for."""
    params = call.params
    words = [params.get("ImageId") or params.get("ImageName") or params.get("ResourceId.1", "")]
    if "ImageId" in params and "ImageName" in params:
        words.append(f"named {params['ImageName']}")
    if source := [params[name] for name in SOURCES if name in params]:
        words.append(f"of {' and '.join(source)}")
    if "Description" in params:
        words.append(f'described "{params["Description"]}"')
    if "Tag.1.Key" in params:
        words.append(f"tagged {params['Tag.1.Key']}={params['Tag.1.Value']}")
    return f"{call.action} {', '.join(words)}"


class Show:
    def __init__(self, stack, cloud):
        self.stack, self.cloud = stack, cloud

    def step(self, what, *args):
        """One command: how long it took, what it left of images, what was asked of the cloud."""
        before, start = self.cloud.images(), time.monotonic()
        self.cloud.forget_requests()
        print(f"\n$ pulumi {args[0]}    # {what}", flush=True)
        self.stack.run(*args)
        took, after = time.monotonic() - start, self.cloud.images()
        for image in (after | before).values():
            sign = "+" if image["id"] not in before else "-" if image["id"] not in after else "~"
            if sign != "~" or after[image["id"]] != image:
                print(f"  {sign} {image['id']}  {image['name']}")
        for call in self.cloud.changes():
            print(f"    {told(call)}")
        asked = collections.Counter(entry["action"] for entry in self.cloud.requests())
        counts = ", ".join(f"{count} {action}" for action, count in sorted(asked.items())) or "nothing"
        print(f"  {took:.1f} s; asked of the cloud: {counts}")


def main():
    with tempfile.TemporaryDirectory(prefix="demo-") as temporary:
        work = Path(temporary)
        language = LANGUAGES[sys.argv[1]](work)
        print("Building the SDK …", flush=True)
        language.build()
        folder = language.example(work / "program")
        stack = Stack(folder, work / "home", plugin_binary(), language.wire(folder), quick=False)
        cloud = Emulator("--image-ready-after", "2s")
        try:
            stack.init(cloud)
            print(f"The program is examples/{sys.argv[1]}; an emulator of the cloud listens on {cloud.url}.")
            show = Show(stack, cloud)
            show.step("three images: of an instance, of a snapshot, of two disks", "up", "--yes")
            for name, value in stack.outputs().items():
                print(f"  {name}: {value}")
            show.step("nothing changed", "preview", "--expect-no-changes")
            stack.set(description="described anew", financeDept="FinanceDeptMary")
            show.step("another description and another tag", "up", "--yes")
            stack.set(instanceId="i-stopped")
            show.step("another instance: the image is replaced", "up", "--yes")
            show.step("all of it goes", "destroy", "--yes")
            print(f"\nThe account holds {len(cloud.images())} images.")
        except AssertionError as problem:
            print(f"\n{stack.report()}\n{problem}", file=sys.stderr)
            sys.exit(1)
        finally:
            cloud.stop()


if __name__ == "__main__":
    main()
