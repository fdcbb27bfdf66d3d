"""`pulumi import`, and a program that says what was imported."""

import json
import re

from test_lifecycle import IMAGE, wait_until_usable


def test_a_program_that_says_what_was_imported_changes_nothing(program, cloud):
    made = cloud.call(
        "CreateImage",
        ImageName="made-elsewhere",
        InstanceId="i-running",
        Description="made by hand",
        ImageFamily="family",
        ResourceGroupId="rg-other",
        **{"Tag.1.Key": "Team", "Tag.1.Value": "Images"},
    )["ImageId"]
    wait_until_usable(cloud, made)
    cloud.forget_requests()

    stack = program("")
    stack.run("import", IMAGE, "imported", made, "--yes", "--generate-code=false")
    imported = stack.resources()["imported"]
    assert imported["id"] == made

    (stack.folder / "__main__.py").write_text(program_of(imported))
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.preview("--expect-no-changes")
    assert cloud.changes() == []


def test_an_image_that_is_not_there_is_not_imported(program):
    stack = program("")
    said = stack.run("import", IMAGE, "imported", "m-missing", "--yes", "--generate-code=false", fails=True)
    assert "m-missing" in said


def program_of(resource):
    """A Python program that gives the resource the inputs that its state holds."""
    inputs = {name: value for name, value in resource["inputs"].items() if not name.startswith("__")}
    arguments = {snake(name): with_snake_keys(value) if name != "tags" else value for name, value in inputs.items()}
    return (
        "import json\nimport pulumi\nimport pulumi_alicloud as alicloud\n"
        f"arguments = json.loads({json.dumps(json.dumps(arguments))})\n"
        'alicloud.ecs.Image("imported", opts=pulumi.ResourceOptions(protect=True), **arguments)\n'
    )


def with_snake_keys(value):
    if isinstance(value, dict):
        return {snake(name): with_snake_keys(inner) for name, inner in value.items()}
    return [with_snake_keys(inner) for inner in value] if isinstance(value, list) else value


def snake(name):
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", name)
