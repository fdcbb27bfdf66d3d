"""What the pages of the reference show, read from schema.json and docs/reference.yaml."""

import re
import urllib.parse
from dataclasses import dataclass, field

import languages
from languages import pascal_case, property_names, shown, snake_case

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
class Parameter:
    name: str
    type: str
    required: bool
    description: str


@dataclass
class Syntax:
    """How something is written in one language, and what each parameter is for."""

    language: str
    text: str
    parameters: list = field(default_factory=list)


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


def strip(markup):
    return re.sub(r"<[^>]+>", "", markup)


OPTIONS = {
    "typescript": "CustomResourceOptions",
    "python": "ResourceOptions",
    "go": "ResourceOption",
    "csharp": "CustomResourceOptions",
}
NAME_TEXT = "The name of the resource in the stack."
ARGS_TEXT = 'The inputs: see <a href="#inputs">Inputs</a>.'
OPTIONS_TEXT = "What the engine is to do with the resource, such as its provider and <code>customTimeouts</code>."
CONTEXT_TEXT = "The deployment that is under way."
STATE_TEXT = "What is known of it already, to narrow the look-up; any of the properties below."
ID_TEXT = "The id in the cloud."


def python_parameters(properties, required):
    """Named arguments as a signature lists them: those that are needed first."""
    types = {name: languages.type_names(declared, True, lambda _: ("dict", "#"))["python"]
             for name, declared in properties.items()}  # fmt: skip
    ordered = sorted(properties, key=lambda name: name not in required)
    lines = []
    for name in ordered:
        text = strip(types[name]).replace("&lt;", "<").replace("&gt;", ">").replace("dictArgs", "dict")
        lines.append(f"{snake_case(name)}: {text}" if name in required else f"{snake_case(name)}: {text} | None = None")
    return lines


def arguments(before, lines, after):
    return before + "".join(f"\n    {line}," for line in lines) + after


def creation(name, token, inputs, required):
    """The constructor in each language."""
    optional = not required
    go_args = Parameter("args", f"*{name}Args", not optional, ARGS_TEXT)
    by_name = python_parameters(inputs, required)
    return [
        Syntax(
            "typescript",
            f"new {name}(name: string, args{'?' if optional else ''}: {name}Args, opts?: CustomResourceOptions)",
            [
                Parameter("name", "string", True, NAME_TEXT),
                Parameter("args", f"{name}Args", not optional, ARGS_TEXT),
                Parameter("opts", OPTIONS["typescript"], False, OPTIONS_TEXT),
            ],
        ),
        Syntax(
            "python",
            arguments(f"{name}(", ["resource_name: str", "opts: ResourceOptions | None = None", *by_name], "\n)")
            + f"\n\n{name}(resource_name: str, args: {name}Args{' | None = None' if optional else ''}, "
            "opts: ResourceOptions | None = None)",
            [
                Parameter("resource_name", "str", True, NAME_TEXT),
                Parameter("args", f"{name}Args", not optional, ARGS_TEXT),
                Parameter("opts", OPTIONS["python"], False, OPTIONS_TEXT),
            ],
        ),
        Syntax(
            "go",
            f"func New{name}(ctx *Context, name string, args *{name}Args, opts ...ResourceOption) (*{name}, error)",
            [
                Parameter("ctx", "*Context", True, CONTEXT_TEXT),
                Parameter("name", "string", True, NAME_TEXT),
                go_args,
                Parameter("opts", OPTIONS["go"], False, OPTIONS_TEXT),
            ],
        ),
        Syntax(
            "csharp",
            f"public {name}(string name, {name}Args{'? args = null' if optional else ' args'}, "
            "CustomResourceOptions? options = null)",
            [
                Parameter("name", "string", True, NAME_TEXT),
                Parameter("args", f"{name}Args", not optional, ARGS_TEXT),
                Parameter("options", OPTIONS["csharp"], False, OPTIONS_TEXT),
            ],
        ),
        Syntax(
            "yaml",
            f"type: {token}\nproperties: # The inputs.\noptions: # What the engine is to do with the resource.",
            [
                Parameter("properties", "Map", not optional, ARGS_TEXT),
                Parameter("options", "Map", False, OPTIONS_TEXT),
            ],
        ),
    ]


def look_up(name, token, state):
    """How a resource that exists is read into a program, in each language."""
    named = [Parameter("name", "string", True, NAME_TEXT), Parameter("id", "Input&lt;ID&gt;", True, ID_TEXT)]
    by_name = python_parameters(state, ())
    return [
        Syntax(
            "typescript",
            f"static get(name: string, id: Input<ID>, state?: {name}State, opts?: CustomResourceOptions): {name}",
            [*named, Parameter("state", f"{name}State", False, STATE_TEXT),
             Parameter("opts", OPTIONS["typescript"], False, OPTIONS_TEXT)],
        ),
        Syntax(
            "python",
            arguments(
                "@staticmethod\ndef get(",
                ["resource_name: str", "id: str", "opts: ResourceOptions | None = None", *by_name],
                f"\n) -> {name}",
            ),
            [Parameter("resource_name", "str", True, NAME_TEXT), Parameter("id", "Input[str]", True, ID_TEXT),
             Parameter("opts", OPTIONS["python"], False, OPTIONS_TEXT)],
        ),
        Syntax(
            "go",
            f"func Get{name}(ctx *Context, name string, id IDInput, state *{name}State, opts ...ResourceOption) "
            f"(*{name}, error)",
            [Parameter("ctx", "*Context", True, CONTEXT_TEXT), Parameter("name", "string", True, NAME_TEXT),
             Parameter("id", "IDInput", True, ID_TEXT), Parameter("state", f"*{name}State", False, STATE_TEXT),
             Parameter("opts", OPTIONS["go"], False, OPTIONS_TEXT)],
        ),
        Syntax(
            "csharp",
            f"public static {name} Get(string name, Input<string> id, {name}State? state = null, "
            "CustomResourceOptions? options = null)",
            [Parameter("name", "string", True, NAME_TEXT), Parameter("id", "Input&lt;string&gt;", True, ID_TEXT),
             Parameter("state", f"{name}State?", False, STATE_TEXT),
             Parameter("options", OPTIONS["csharp"], False, OPTIONS_TEXT)],
        ),
        Syntax(
            "yaml",
            f"resources:\n  existing:\n    type: {token}\n    get:\n      id: ${{id}}",
            [Parameter("id", "String", True, ID_TEXT)],
        ),
    ]  # fmt: skip


def invocation(name, token, inputs, required):
    """How a function is called in each language: with plain arguments, and with outputs of other resources."""
    pascal, snake = pascal_case(name), snake_case(name)
    by_name = python_parameters(inputs, required)
    optional = "" if required else "?"
    absent = "" if required else " = null"
    return [
        Syntax(
            "typescript",
            f"function {name}(args{optional}: {pascal}Args, opts?: InvokeOptions): Promise<{pascal}Result>\n"
            f"function {name}Output(args{optional}: {pascal}OutputArgs, opts?: InvokeOutputOptions): "
            f"Output<{pascal}Result>",
        ),
        Syntax(
            "python",
            arguments(f"def {snake}(", [*by_name, "opts: InvokeOptions | None = None"], f"\n) -> {pascal}Result\n\n")
            + f"# The same arguments, which may be outputs.\ndef {snake}_output(…) -> Output[{pascal}Result]",
        ),
        Syntax(
            "go",
            f"func {pascal}(ctx *Context, args *{pascal}Args, opts ...InvokeOption) (*{pascal}Result, error)\n"
            f"func {pascal}Output(ctx *Context, args {pascal}OutputArgs, opts ...InvokeOption) {pascal}ResultOutput",
        ),
        Syntax(
            "csharp",
            f"public static class {pascal}\n{{\n"
            f"    public static Task<{pascal}Result> InvokeAsync({pascal}Args{optional} args{absent}, "
            "InvokeOptions? options = null)\n"
            f"    public static Output<{pascal}Result> Invoke({pascal}InvokeArgs{optional} args{absent}, "
            "InvokeOptions? options = null)\n}",
        ),
        Syntax("yaml", f"fn::invoke:\n  function: {token}\n  arguments: # The inputs."),
    ]


def provider_creation(inputs):
    """As for other resources, but that a provider takes the options of any resource in TypeScript."""
    syntaxes = creation("Provider", "pulumi:providers:alicloud", inputs, ())
    (typescript,) = [syntax for syntax in syntaxes if syntax.language == "typescript"]
    typescript.text = typescript.text.replace("CustomResourceOptions", "ResourceOptions")
    typescript.parameters[-1].type = "ResourceOptions"
    for syntax in syntaxes:
        syntax.parameters[-1].description = "What the engine is to do with the provider."
    return syntaxes
