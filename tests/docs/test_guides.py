"""What the guides say of commands, settings, codes and names is so."""

import json
import re

import pytest
import yaml
from languages import property_names, snake_case
from pages import text
from project import ROOT

PROVIDER = ROOT / "provider"
GUIDES = sorted((ROOT / "docs").rglob("*.md"))
README = (ROOT / "README.md").read_text()
VERSION = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]


def source(path):
    return (PROVIDER / path).read_text()


def blocks(lexer):
    for path in GUIDES:
        for block in re.findall(rf"^```{lexer}\n(.*?)^```", path.read_text(), flags=re.S | re.M):
            yield path.name, block


def commands():
    return [(page, line) for page, block in blocks("sh") for line in block.splitlines() if line]


# Error codes


@pytest.fixture(scope="module")
def told():
    """The codes of the page on errors, in its order."""
    page = (ROOT / "docs/guides/troubleshooting.md").read_text()
    tables = re.findall(r"^```errors\n(.*?)^```", page, flags=re.S | re.M)
    return [code for table in tables for row in yaml.safe_load(table) for code in row["codes"]]


CODE = r'"([A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)*)"'


def code_of_tests_left_out(path):
    return source(path).split("#[cfg(test)]\nmod tests")[0]


def test_every_code_that_the_provider_knows_is_explained(told, record_property):
    known = set()
    for arm in re.findall(rf"^ +((?:\|? ?{CODE}\s*)+)=>", code_of_tests_left_out("crates/aliyun/src/advice.rs"), re.M):
        known |= set(re.findall(CODE, arm[0]))
    assert len(known) > 15
    rules = [code_of_tests_left_out("crates/aliyun/src/error.rs")]
    rules += [path.read_text() for path in sorted((PROVIDER / "crates/aliyun/src/ecs").glob("*.rs"))]
    for text_of in rules:
        known |= set(re.findall(rf"Rule::\w+\(\s*{CODE}", text_of))
    refusals = code_of_tests_left_out("src/ecs/image_share_permission/refusal.rs")
    known |= set(re.findall(rf"^ +{CODE}(?: =>|,$)", refusals, flags=re.M))
    assert len(known) > 70
    assert known - set(told) == set()
    record_property("counted", f"{len(set(told))} error codes")


def test_no_code_is_explained_that_nothing_knows(told):
    code = "\n".join(path.read_text() for path in sorted(PROVIDER.rglob("*.rs")))
    assert told
    for name in told:
        assert f'"{name}"' in code, name


def test_no_code_is_explained_twice(told):
    assert len(told) == len(set(told))


def test_a_code_is_found_at_its_address(trees, told):
    tree = trees["guides/troubleshooting.html"]
    shown = [text(one) for one in tree.xpath("//table[@class='errors']//td[1]/code[@id]")]
    assert shown == told


# Commands


def test_commands_name_settings_that_there_are(schema, record_property):
    settings = schema["config"]["variables"]
    examples = (ROOT / "examples/python/Pulumi.yaml").read_text()
    found = 0
    for page, line in commands():
        if match := re.match(r"pulumi config set (?:--secret )?(\S+) ", line):
            package, _, name = match[1].rpartition(":")
            if package:
                assert package == "alicloud" and name in settings, (page, line)
                if name in ("accessKey", "secretKey"):
                    assert "--secret" in line, (page, line)
            else:
                assert re.search(rf"^  {name}:$", examples, flags=re.M), (page, line)
            found += 1
        if match := re.match(r"export (\w+)=", line):
            variables = re.findall(r"`([A-Z_]+)`", json.dumps([settings, schema["types"]]))
            assert match[1] in [*variables, "PULUMI_CONFIG_PASSPHRASE"], (page, line)
            found += 1
    assert found > 20
    record_property("counted", f"{len(commands())} lines of commands, {found} of them settings")


def test_commands_name_targets_tokens_and_options_that_there_are(schema):
    makefile = (ROOT / "Makefile").read_text()
    options = {
        name.replace("_", "-")
        for name in re.findall(r"^    pub (\w+):", source("crates/emulator/src/options.rs"), re.M)
    }
    assert "image-ready-after" in options
    for page, line in commands():
        program, *words = line.split()
        if program == "make":
            assert re.search(rf"^{words[0]}:", makefile, flags=re.M), (page, line)
        elif program in ("target/release/pulumi-resource-alicloud", '"$plugin"'):
            flags = set(re.findall(r"--([\w-]+)", line))
            assert words[0] in ("emulator", "mapping") and flags <= options, (page, line)
        elif program == "pulumi" and words[0] == "import" and not words[1].startswith("--"):
            assert words[1] in schema["resources"], (page, line)
        elif program == "pulumi" and words[:2] == ["plugin", "install"]:
            assert words[2:5] == ["resource", "alicloud", f"v{VERSION}"], (page, line)
        elif program == "cd":
            assert (ROOT / words[0]).is_dir(), (page, line)
        elif program.startswith("plugin="):
            assert program == f"plugin=~/.pulumi/plugins/resource-alicloud-v{VERSION}/pulumi-resource-alicloud"
        else:
            assert program in ("pulumi", "export", "eval", ".", "python3", "pip"), (page, line)
    for path in GUIDES:
        for flag in re.findall(r"(?<!pulumi-resource-alicloud emulator )`--([\w-]+)`", path.read_text()):
            assert flag in options | {"replace", "parallel", "help"}, (path.name, flag)


def fences(text):
    return re.findall(r"^```([\w]+)[^\n]*\n(.*?)^```", text, flags=re.S | re.M)


@pytest.mark.parametrize(
    ("section", "guide"),
    [
        ("Test your images in CI, with no account", "getting-started"),
        ("Beside the published provider", "moving-from-the-published-provider"),
    ],
)
def test_the_readme_and_the_guide_show_the_same(section, guide):
    """What of it can be run, tests/e2e runs as the README has it."""
    readme = fences(README.split(f"## {section}\n")[1].split("\n## ")[0])
    there = fences((ROOT / f"docs/guides/{guide}.md").read_text())
    shown = [block for block in readme if block[0] in ("typescript", "python", "go", "csharp")]
    shown += [(lexer, text) for lexer, text in readme if lexer == "sh" and text.startswith("plugin=")]
    assert shown and [block for block in shown if block not in there] == []


@pytest.mark.parametrize("path", ["README.md", "docs/guides/moving-from-the-published-provider.md"])
def test_the_transform_reaches_every_type(path, schema):
    types = {re.fullmatch(r"alicloud:ecs/image(\w*):Image\1", token)[1] for token in schema["resources"]}
    patterns = re.findall(r"alicloud:ecs\\?/image\(([\w|]+)\)\?:", (ROOT / path).read_text())
    assert len(patterns) == 2
    for names in patterns:
        assert {"", *names.split("|")} == types


def test_versions_are_this_one():
    for path in (*GUIDES, ROOT / "README.md"):
        named = re.findall(
            r"(?:version(?:=|: ?)\"?|Version = \"|Version\(\"|alicloud[-@ _]v?)(\d+\.\d+\.\d+)", path.read_text()
        )
        assert set(named) <= {VERSION, "4.0.0"}, path.name


def test_permissions_are_the_actions_that_the_provider_calls():
    guide = (ROOT / "docs/installation-configuration.md").read_text()
    actions = {path.stem for path in (PROVIDER / "crates/aliyun/src/ecs").glob("*.rs")} - {"action", "tag"}
    assert {snake_case(name) for name in re.findall(r"`ecs:(\w+)`", guide)} == actions


def test_what_the_emulator_has_is_so():
    guide = (ROOT / "docs/guides/getting-started.md").read_text()
    stock = "\n".join(path.read_text() for path in sorted((PROVIDER / "crates/emulator/src").rglob("*.rs")))
    ids = re.findall(r"`((?:i|s|m|rg|b)-[\w-]+)`", guide)
    assert len(ids) > 9
    for name in ids:
        assert f'"{name}"' in stock, name


# Other ecosystems


def upstream_names():
    """Of each provider of another ecosystem, its names of types and data sources, as the mapping has them."""
    table = source("src/mapping.rs").split("const UPSTREAM")[1].split("\n];")[0]
    return set(re.findall(r'\("([a-z_]+|ALIYUN::[\w:]+)", [A-Z_]+\)', table))


def test_every_name_elsewhere_is_told():
    terraform = (ROOT / "docs/guides/from-terraform.md").read_text()
    ros = (ROOT / "docs/guides/from-ros.md").read_text()
    table = terraform.split("## Names")[1].split("\n## ")[0]
    told = set(re.findall(r"`(\w+)`", table)) | set(re.findall(r"`(ALIYUN::[\w:]+)`", ros))
    assert told == upstream_names()
    assert len(told) > 10


def test_programs_in_hcl_name_arguments_that_are_converted(schema):
    programs = list(blocks("hcl"))
    assert programs
    inputs = schema["resources"]["alicloud:ecs/image:Image"]["inputProperties"]
    disks = schema["types"]["alicloud:ecs/ImageDiskDeviceMapping:ImageDiskDeviceMapping"]["properties"]
    known = {snake_case(name) for name in inputs} | {snake_case(name) for name in disks}
    known |= {"disk_device_mapping", "timeouts", "create", "team"}
    for page, program in programs:
        assert set(re.findall(r'^resource "(\w+)"', program, flags=re.M)) <= upstream_names(), page
        assert set(re.findall(r"^ +(\w+) +[={]", program, flags=re.M)) <= known, page
        assert program.count("{") == program.count("}")


# The properties of ALIYUN::ECS::CustomImage, by its documentation.
ROS = {
    "Architecture", "Description", "DiskDeviceMapping", "ImageName", "ImageVersion", "InstanceId", "Platform",
    "ResourceGroupId", "SnapshotId", "Tag",
}  # fmt: skip


def test_every_property_of_ros_has_its_counterpart(schema):
    guide = (ROOT / "docs/guides/from-ros.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| \[`(\w+)`\]", guide, flags=re.M))
    assert rows.keys() == ROS
    inputs = schema["resources"]["alicloud:ecs/image:Image"]["inputProperties"]
    for theirs, ours in rows.items():
        assert ours in inputs
        assert property_names(ours)["go"].startswith(theirs), (theirs, ours)


def test_outputs_that_the_published_sdks_do_not_know_are_those_of_the_test():
    """tests/e2e/test_migration.py holds the list against the published package."""
    listed = (ROOT / "tests/e2e/test_migration.py").read_text().split("OURS_ALONE = {")[1].split("}")[0]
    guide = (ROOT / "docs/guides/moving-from-the-published-provider.md").read_text()
    told = guide.split("It does not know the outputs")[1].split("and, within")[0]
    assert set(re.findall(r"`(\w+)`", told)) == set(re.findall(r'"(\w+)"', listed))
