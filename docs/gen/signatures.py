"""How each language creates, looks up and calls what the reference describes."""

import html
import re
from dataclasses import dataclass, field

import languages
from languages import KEYS, pascal_case, snake_case


@dataclass
class Parameter:
    name: str
    # Markup, as is the description.
    type: str
    required: bool
    description: str


@dataclass
class Syntax:
    """How something is written in one language, and what each parameter is for."""

    language: str
    text: str
    parameters: list = field(default_factory=list)


# What a parameter is for, by its role; the order is that of every language.
ROLES = {
    "context": "The deployment that is under way.",
    "name": "The name of the resource in the stack.",
    "id": "The id in the cloud.",
    "args": 'The inputs: see <a href="#inputs">Inputs</a>.',
    "state": "What is known of it already, to narrow the look-up; any of the properties below.",
    "options": "What the engine is to do with the resource, such as its provider and <code>customTimeouts</code>.",
}
# The parameter's name and type in each language, where `{}` is the resource.
WRITTEN = {
    "typescript": {
        "name": ("name", "string"),
        "id": ("id", "Input<ID>"),
        "args": ("args", "{}Args"),
        "state": ("state", "{}State"),
        "options": ("opts", "CustomResourceOptions"),
    },
    "python": {
        "name": ("resource_name", "str"),
        "id": ("id", "str"),
        "args": ("args", "{}Args"),
        "options": ("opts", "ResourceOptions"),
    },
    "go": {
        "context": ("ctx", "*Context"),
        "name": ("name", "string"),
        "id": ("id", "IDInput"),
        "args": ("args", "*{}Args"),
        "state": ("state", "*{}State"),
        "options": ("opts", "ResourceOption"),
    },
    "csharp": {
        "name": ("name", "string"),
        "id": ("id", "Input<string>"),
        "args": ("args", "{}Args"),
        "state": ("state", "{}State"),
        "options": ("options", "CustomResourceOptions"),
    },
    "yaml": {"id": ("id", "String"), "args": ("properties", "Map"), "options": ("options", "Map")},
}


def parameters(language, resource, roles, optional):
    """Those of the roles that the language has a parameter for."""
    return [
        Parameter(name, html.escape(kind.format(resource)), role not in optional, ROLES[role])
        for role in ROLES
        if role in roles and role in WRITTEN[language]
        for name, kind in [WRITTEN[language][role]]
    ]


def python_parameters(properties, required):
    """Named arguments as a signature lists them: those that are needed first."""
    lines = []
    for name in sorted(properties, key=lambda name: name not in required):
        markup = languages.type_names(properties[name], False, lambda _: ("dict", "#"))["python"]
        kind = html.unescape(re.sub(r"<[^>]+>", "", markup))
        lines.append(f"{snake_case(name)}: {kind}" + ("" if name in required else " | None = None"))
    return lines


def arguments(before, lines, after):
    return before + "".join(f"\n    {line}," for line in lines) + after


def creation(name, token, inputs, required):
    """The constructor in each language."""
    optional = not required
    by_name = ["resource_name: str", "opts: ResourceOptions | None = None", *python_parameters(inputs, required)]
    texts = {
        "typescript": f"new {name}(name: string, args{'?' if optional else ''}: {name}Args, "
        "opts?: CustomResourceOptions)",
        "python": arguments(f"{name}(", by_name, "\n)")
        + f"\n\n{name}(resource_name: str, args: {name}Args{' | None = None' if optional else ''}, "
        "opts: ResourceOptions | None = None)",
        "go": f"func New{name}(ctx *Context, name string, args *{name}Args, opts ...ResourceOption) (*{name}, error)",
        "csharp": f"public {name}(string name, {name}Args{'? args = null' if optional else ' args'}, "
        "CustomResourceOptions? options = null)",
        "yaml": f"type: {token}\nproperties: # The inputs.\noptions: # What the engine is to do with the resource.",
    }
    roles, left_out = {"context", "name", "args", "options"}, {"args", "options"} if optional else {"options"}
    return [Syntax(key, texts[key], parameters(key, name, roles, left_out)) for key in KEYS]


def look_up(name, token, state):
    """How a resource that exists is read into a program, in each language."""
    by_name = ["resource_name: str", "id: str", "opts: ResourceOptions | None = None", *python_parameters(state, ())]
    texts = {
        "typescript": f"static get(name: string, id: Input<ID>, state?: {name}State, opts?: CustomResourceOptions): "
        f"{name}",
        "python": arguments("@staticmethod\ndef get(", by_name, f"\n) -> {name}"),
        "go": f"func Get{name}(ctx *Context, name string, id IDInput, state *{name}State, opts ...ResourceOption) "
        f"(*{name}, error)",
        "csharp": f"public static {name} Get(string name, Input<string> id, {name}State? state = null, "
        "CustomResourceOptions? options = null)",
        "yaml": f"resources:\n  existing:\n    type: {token}\n    get:\n      id: ${{id}}",
    }
    roles = {"context", "name", "id", "state", "options"}
    return [Syntax(key, texts[key], parameters(key, name, roles, {"state", "options"})) for key in KEYS]


def invocation(name, token, inputs, required):
    """How a function is called in each language: with plain arguments, and with outputs of other resources."""
    pascal, snake = pascal_case(name), snake_case(name)
    by_name = [*python_parameters(inputs, required), "opts: InvokeOptions | None = None"]
    optional = "" if required else "?"
    absent = "" if required else " = null"
    texts = {
        "typescript": f"function {name}(args{optional}: {pascal}Args, opts?: InvokeOptions): Promise<{pascal}Result>\n"
        f"function {name}Output(args{optional}: {pascal}OutputArgs, opts?: InvokeOutputOptions): "
        f"Output<{pascal}Result>",
        "python": arguments(f"def {snake}(", by_name, f"\n) -> {pascal}Result\n\n")
        + f"# The same arguments, which may be outputs.\ndef {snake}_output(…) -> Output[{pascal}Result]",
        "go": f"func {pascal}(ctx *Context, args *{pascal}Args, opts ...InvokeOption) (*{pascal}Result, error)\n"
        f"func {pascal}Output(ctx *Context, args {pascal}OutputArgs, opts ...InvokeOption) {pascal}ResultOutput",
        "csharp": f"public static class {pascal}\n{{\n"
        f"    public static Task<{pascal}Result> InvokeAsync({pascal}Args{optional} args{absent}, "
        "InvokeOptions? options = null)\n"
        f"    public static Output<{pascal}Result> Invoke({pascal}InvokeArgs{optional} args{absent}, "
        "InvokeOptions? options = null)\n}",
        "yaml": f"fn::invoke:\n  function: {token}\n  arguments: # The inputs.",
    }
    return [Syntax(key, texts[key]) for key in KEYS]


def provider_creation(inputs):
    """As for other resources, but that a provider takes the options of any resource in TypeScript."""
    syntaxes = creation("Provider", "pulumi:providers:alicloud", inputs, ())
    (typescript,) = [syntax for syntax in syntaxes if syntax.language == "typescript"]
    typescript.text = typescript.text.replace("CustomResourceOptions", "ResourceOptions")
    typescript.parameters[-1].type = "ResourceOptions"
    for syntax in syntaxes:
        syntax.parameters[-1].description = "What the engine is to do with the provider."
    return syntaxes
