"""What the pages of the reference show, read from schema.json and docs/reference.yaml."""

import re
import urllib.parse
from dataclasses import dataclass

import languages
from languages import pascal_case, property_names, shown

EXAMPLES = re.compile(r"\{\{% examples %\}\}.*?\{\{% /examples %\}\}\n?", re.S)
EXAMPLE_HEADING = re.compile(r"^## Example\s*$", re.M)
IMPORT = re.compile(r"^## Import\n", re.M)


@dataclass
class Property:
    name: str
    # Markup, in which each language's readers see theirs.
    shown: str
    type: str
    description: str
    required: bool
    anchor: str
    replaces: bool = False
    secret: bool = False
    deprecated: str = ""


@dataclass
class NestedType:
    name: str
    shown: str
    anchor: str
    description: str
    properties: list


@dataclass
class Entity:
    """A resource, a function or the provider."""

    token: str
    name: str
    kind: str
    # The page's file in the site.
    address: str
    # The token as programs in YAML and `pulumi do` write it.
    short: str


def entities(schema):
    found = [Entity("pulumi:providers:alicloud", "Provider", "provider", "reference/provider.html", "")]
    for kind in ("resource", "function"):
        for token in schema[f"{kind}s"]:
            package, module, name = token.split(":")
            short = f"{package}:{module.split('/')[0]}:{name}"
            found.append(Entity(token, name, kind, f"reference/{name.lower()}.html", short))
    return found


class Incomplete(Exception):
    """docs/reference.yaml does not go with schema.json."""


def check_details(entities, details):
    """Each page has an entry with what its kind of page needs, and no entry is of something that there is not."""
    needed = {
        "provider": {"examples", "whole"},
        "resource": {"timeouts", "recorded", "examples", "whole"},
        "function": {"timeouts", "examples", "whole"},
    }
    tokens = {entity.token for entity in entities}
    if stale := details.keys() - tokens:
        raise Incomplete(f"docs/reference.yaml speaks of what schema.json has not: {', '.join(sorted(stale))}")
    for entity in entities:
        if missing := needed[entity.kind] - details.get(entity.token, {}).keys():
            raise Incomplete(f"docs/reference.yaml, {entity.token}: missing: {', '.join(sorted(missing))}")


def documentation(text):
    """A description without its examples, and what follows on imports."""
    text = EXAMPLE_HEADING.sub("", EXAMPLES.sub("", text))
    description, *imports = IMPORT.split(text)
    return description.strip(), "\n".join(imports).strip()


class Reader:
    """Reads one entity of the schema for its page."""

    def __init__(self, schema, prose):
        self.schema = schema
        self.prose = prose
        self.types = {}

    def properties(self, properties, required, section, *, is_input, names=None, replace_told=True):
        names = frozenset(properties) | (names or frozenset())
        found = []
        for name, declared in properties.items():
            found.append(
                Property(
                    name=name,
                    shown=shown({key: languages.breakable(text) for key, text in property_names(name).items()}),
                    type=shown(languages.type_names(declared, is_input, self.link)),
                    description=self.prose.block(declared.get("description", ""), names),
                    required=name in required,
                    anchor=f"{section}-{name.lower()}",
                    replaces=replace_told and declared.get("willReplaceOnChanges", False),
                    secret=declared.get("secret", False),
                    deprecated=self.prose.block(declared.get("deprecationMessage", ""), names),
                )
            )
        # Those that a program must give come first.
        return sorted(found, key=lambda one: (not one.required, one.name.lower()))

    def link(self, reference):
        """A nested type's name and address; the type gets its place on the page."""
        token = urllib.parse.unquote(reference).removeprefix("#/types/")
        name = pascal_case(token.split(":")[-1])
        self.types.setdefault(token, name)
        return name, f"#type-{name.lower()}"

    def nested_types(self):
        """The types that the page has met so far, and those within them."""
        done = {}
        while new := [token for token in self.types if token not in done]:
            for token in new:
                name = self.types[token]
                declared = self.schema["types"][token]
                done[token] = NestedType(
                    name=name,
                    shown=languages.breakable(name),
                    anchor=f"type-{name.lower()}",
                    description=self.prose.block(declared.get("description", ""), frozenset(declared["properties"])),
                    properties=self.properties(
                        declared["properties"],
                        declared.get("required", ()),
                        f"type-{name.lower()}",
                        is_input=True,
                        replace_told=False,
                    ),
                )
        return list(done.values())
