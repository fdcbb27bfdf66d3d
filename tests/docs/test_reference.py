"""The reference says all that schema.json does, as the SDKs write it."""

import json
import re

import pytest
from languages import KEYS, pascal_case, property_names, snake_case
from pages import in_language, text
from project import ROOT
from reference import entities

SCHEMA = json.loads((ROOT / "schema.json").read_text())
ENTITIES = entities(SCHEMA)
RESOURCES = [entity for entity in ENTITIES if entity.kind == "resource"]
FUNCTIONS = [entity for entity in ENTITIES if entity.kind == "function"]


def named(entities):
    return pytest.mark.parametrize("entity", entities, ids=lambda entity: entity.name)


def declared(entity):
    return SCHEMA["provider"] if entity.kind == "provider" else SCHEMA[f"{entity.kind}s"][entity.token]


def sections(entity):
    """The properties of each section of a page, and which are required."""
    of = declared(entity)
    if entity.kind == "function":
        inputs, outputs = of["inputs"], of["outputs"]
        yield "inputs", inputs["properties"], inputs.get("required", [])
        assert inputs["properties"].keys() <= outputs["properties"].keys(), "the page says so"
        others = {name: one for name, one in outputs["properties"].items() if name not in inputs["properties"]}
        yield "outputs", others, outputs.get("required", [])
        return
    yield "inputs", of["inputProperties"], of.get("requiredInputs", [])
    if entity.kind == "resource":
        others = {name: one for name, one in of["properties"].items() if name not in of["inputProperties"]}
        yield "outputs", others, of["required"]
        yield "state", of["stateInputs"]["properties"], []
        if "listInputs" in of:
            yield "list", of["listInputs"].get("properties", {}), of["listInputs"].get("required", [])


def references(schema):
    """The nested types that a part of the schema leads to."""
    found = set(re.findall(r'"#/types/([^"]+)"', json.dumps(schema)))
    return {one.replace("%2F", "/") for one in found}


def nested(entity):
    inside, new = set(), references(declared(entity))
    while new:
        inside |= new
        new = {one for name in new for one in references(SCHEMA["types"][name])} - inside
    return inside


def words(markdown):
    """A description's words without Markdown's signs, to be compared with a page's."""
    return re.sub(r"\s+", " ", markdown.replace("`", "")).strip()


def check_properties(tree, prefix, properties, required):
    for name, one in properties.items():
        (shown,) = tree.xpath(f"//*[@id='{prefix}-{name.lower()}']")
        (head,) = shown.xpath(".//dt")
        for language, spelling in property_names(name).items():
            assert in_language(head, language).startswith(f"{spelling} "), (name, language, in_language(head, language))
        marks = [text(mark) for mark in head.xpath(".//*[contains(@class, 'mark')]")]
        assert ("required" in marks) == (name in required), name
        assert ("secret" in marks) == one.get("secret", False), name
        if prefix == "inputs":
            assert ("replaces" in marks) == one.get("willReplaceOnChanges", False), name
        assert bool(head.xpath(".//s")) == ("deprecated" in marks) == ("deprecationMessage" in one), name
        said = in_language(shown.xpath(".//dd")[0], "typescript")
        assert words(one.get("description", "")) in said, name
        assert words(one.get("deprecationMessage", "")) in said, name


@named(ENTITIES)
def test_every_property_is_on_its_page_in_every_language(trees, entity, record_property):
    tree, count = trees[entity.address], 0
    for section, properties, required in sections(entity):
        check_properties(tree, section, properties, required)
        shown = {one.rsplit("-", 1)[1] for one in tree.xpath(f"//*[@class][starts-with(@id, '{section}-')]/@id")}
        own = {"id"} if entity.kind == "resource" and section == "outputs" else set()
        assert shown == {name.lower() for name in properties} | own
        count += len(properties)
    for token in nested(entity):
        name = pascal_case(token.split(":")[-1])
        of = SCHEMA["types"][token]
        check_properties(tree, f"type-{name.lower()}", of["properties"], of.get("required", []))
        count += len(of["properties"])
    record_property("counted", f"{entity.name}: {count} properties")


@named(RESOURCES + FUNCTIONS)
def test_what_is_said_of_a_resource_or_function_is_on_its_page(trees, entity):
    tree = trees[entity.address]
    page = in_language(tree, "typescript")
    description = re.sub(
        r"\{\{% examples %\}\}.*\{\{% /examples %\}\}", "", declared(entity)["description"], flags=re.S
    )
    for paragraph in re.split(r"\n\s*\n|\n- ", re.sub(r"```.*?```|^##.*$", "", description, flags=re.S | re.M)):
        assert words(paragraph.removeprefix("- ")) in page, paragraph
    assert ("pulumi import" in page) == (entity.kind == "resource")
    for alias in declared(entity).get("aliases", ()):
        assert alias["type"] in page


@named(RESOURCES)
def test_what_another_value_of_an_input_comes_to(trees, entity, site):
    rows = trees[entity.address].xpath("//h2[@id='what-replaces']/following::table[1]/tbody/tr")
    told = {text(row[1]): set(in_language(row[0], "typescript").split(", ")) for row in rows}
    inputs = declared(entity)["inputProperties"]
    replaces = {name for name, one in inputs.items() if one.get("willReplaceOnChanges")}
    assert told.pop("Replaces the resource", set()) == replaces
    recorded = told.pop("Is recorded, and acts at its own time", set())
    for name in recorded:
        assert re.search(r"Takes effect at (deletion|creation)\s+only", inputs[name]["description"]), name
    assert told.pop("Changes in place", set()) == inputs.keys() - replaces - recorded
    for name in inputs.keys() - recorded:
        assert not re.search(r"Takes effect at (deletion|creation)\s+only", inputs[name]["description"]), name
    assert told == {}


def minutes(code):
    """The limits of time that the provider's code declares for what a file is about."""
    if one := re.search(r"const TIMEOUT: Duration = Duration::from_secs\(([\d_]+)\)", code):
        return {"call": int(one[1].replace("_", "")) // 60}
    every = 600
    limits = {}
    if declared := re.search(r"const TIMEOUTS: Timeouts =(.*?);", code, re.S):
        every = int(re.search(r"all\(Duration::from_secs\(([\d_]+)\)\)", declared[1])[1].replace("_", ""))
        for name, seconds in re.findall(r"(\w+): Duration::from_secs\(([\d_]+)\)", declared[1]):
            limits[name] = int(seconds.replace("_", "")) // 60
    return {name: limits.get(name, every // 60) for name in ("create", "update", "delete")}


@named(RESOURCES + FUNCTIONS)
def test_time_outs_are_those_of_the_code(trees, entity):
    code = (ROOT / f"provider/src/ecs/{snake_case(entity.name)}.rs").read_text()
    wanted = minutes(code)
    tree = trees[entity.address]
    (heading,) = tree.xpath("//h2[@id='time-outs']")
    if entity.kind == "function":
        assert f"takes {wanted['call']} minute" in text(heading.getnext())
        return
    rows = heading.getnext().xpath(".//tbody/tr")
    told = {text(row[0]): text(row[1]) for row in rows}
    if all(one.get("willReplaceOnChanges") for one in declared(entity)["inputProperties"].values()):
        wanted.pop("update")
    assert told == {name: f"{limit} minutes" for name, limit in wanted.items()}


# The SDKs are made from the same schema by Pulumi's own generators, so they judge how a language writes it.


def sdk_file(entity, language):
    name = entity.name
    if entity.kind == "provider":
        return {
            "typescript": "nodejs/provider.ts",
            "python": "python/pulumi_alicloud/provider.py",
            "go": "go/alicloud/provider.go",
            "csharp": "dotnet/Provider.cs",
        }[language]
    return {
        "typescript": f"nodejs/ecs/{name[0].lower()}{name[1:]}.ts",
        "python": f"python/pulumi_alicloud/ecs/{snake_case(name)}.py",
        "go": f"go/alicloud/ecs/{name[0].lower()}{name[1:]}.go",
        "csharp": f"dotnet/Ecs/{pascal_case(name)}.cs",
    }[language]


def squeezed(code):
    """Without what differs from the page only in how a language names its own package."""
    return re.sub(r"\s+", " ", re.sub(r"\bpulumi\.", "", code))


def signatures(tree, section, language):
    (heading,) = tree.xpath(f"//h2[@id='{section}']")
    figure = heading.xpath(f"following-sibling::figure[@data-for='{language}'][1]")[0]
    return figure.text_content().strip()


@named(ENTITIES)
@pytest.mark.parametrize("language", ["typescript", "go", "csharp"])
def test_signatures_are_those_of_the_sdk(trees, entity, language):
    code = squeezed((ROOT / "sdk" / sdk_file(entity, language)).read_text())
    tree = trees[entity.address]
    shown = [signatures(tree, "call" if entity.kind == "function" else "create", language)]
    if entity.kind == "resource":
        shown.append(signatures(tree, "look-up", language))
    for line in (line.strip() for block in shown for line in block.splitlines()):
        declares = re.sub(r"^new \w+\(", "constructor(", line).replace("function ", "export function ")
        assert squeezed(declares) in code, line


@named(ENTITIES)
def test_python_takes_the_arguments_that_are_shown(trees, entity):
    code = (ROOT / "sdk" / sdk_file(entity, "python")).read_text()
    tree = trees[entity.address]
    blocks = [signatures(tree, "call" if entity.kind == "function" else "create", "python")]
    if entity.kind == "resource":
        blocks.append(signatures(tree, "look-up", "python"))
    for block in blocks:
        shown = set(re.findall(r"^    (\w+): ", block, flags=re.M))
        declares = {
            frozenset(re.findall(r"(?:^|[(,])\s*(\w+): ", of, flags=re.M)) - {"self"}
            for of in re.findall(r"^\s*def \w+\((.*?)\)(?: ->.*?)?:$", code, flags=re.S | re.M)
        }
        assert any(shown == names for names in declares), (shown, sorted(map(sorted, declares)))


# In C# the SDK calls the last parameter `options`, whatever the older page says.
RENAMED = {("csharp", "opts"): "options"}


def test_everything_that_the_published_page_shows_is_shown(trees):
    """Names of each section and language, with how they are marked, and the details of the package."""
    published = json.loads((ROOT / "tests/data/published-image-page.json").read_text())
    tree = trees["reference/image.html"]
    count = 0
    for section, by_language in published["sections"].items():
        for language, marks in by_language.items():
            assert language in KEYS
            for name, mark in marks.items():
                shown = find(tree, section, language, RENAMED.get((language, name), name))
                assert shown is not None, (section, language, name)
                head = in_language(shown.xpath("descendant-or-self::dt")[0], language)
                assert ("deprecated" in head) == ("Deprecated" in mark), (section, language, name)
                if mark == "Required":
                    assert "required" in head, (section, language, name)
                count += 1
    assert count > 100
    details = [text(one) for one in tree.xpath("//h2[@id='package']/following-sibling::dl[1]//dt")]
    assert set(published["package"]) <= set(details)
    page = text(tree)
    for heading in ("Examples", "Create Image", "Inputs", "Outputs", "Look up an existing Image", "Nested types"):
        assert heading in page
    for language in ("typescript", "python", "go", "csharp"):
        assert tree.xpath(f"//h2[@id='create']/following-sibling::figure[@data-for='{language}']")
        assert tree.xpath(f"//h2[@id='look-up']/following-sibling::figure[@data-for='{language}']")


def find(tree, section, language, name):
    """What a section shows under a name: a parameter of a signature, or a property."""
    prefixes = {"create": (), "inputs": ("inputs",), "look_up": ("state",), "types": ("type-imagediskdevicemapping",)}
    for prefix in prefixes[section]:
        for shown in tree.xpath(f"//*[starts-with(@id, '{prefix}-')][contains(@class, 'property')]"):
            if in_language(shown.xpath(".//dt")[0], language).split(" ")[0] == name:
                return shown
    if section in ("create", "look_up"):
        heading = tree.xpath(f"//h2[@id='{section.replace('_', '-')}']")[0]
        parameters = heading.xpath(f"following-sibling::dl[@data-for='{language}'][1]/div")
        return next((one for one in parameters if text(one).split(" ")[0] == name), None)
    return None
