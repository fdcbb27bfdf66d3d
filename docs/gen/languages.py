"""How each language writes names and types, and markup that shows one language at a time."""

import html
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    key: str
    title: str
    # What Pygments calls it.
    lexer: str
    # The file of an example's folder that holds the program.
    main: str


LANGUAGES = (
    Language("typescript", "TypeScript", "typescript", "index.ts"),
    Language("python", "Python", "python", "__main__.py"),
    Language("go", "Go", "go", "main.go"),
    Language("csharp", "C#", "csharp", "Program.cs"),
    Language("yaml", "YAML", "yaml", "Pulumi.yaml"),
)
KEYS = tuple(language.key for language in LANGUAGES)


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def pascal_case(name):
    return name[:1].upper() + name[1:]


def property_names(name):
    """A property's name in each language."""
    return {
        "typescript": name,
        "python": snake_case(name),
        "go": pascal_case(name),
        "csharp": pascal_case(name),
        "yaml": name,
    }


SCALARS = {
    "string": {"typescript": "string", "python": "str", "go": "string", "csharp": "string", "yaml": "String"},
    "boolean": {"typescript": "boolean", "python": "bool", "go": "bool", "csharp": "bool", "yaml": "Boolean"},
    "integer": {"typescript": "number", "python": "int", "go": "int", "csharp": "int", "yaml": "Integer"},
    "number": {"typescript": "number", "python": "float", "go": "float64", "csharp": "double", "yaml": "Number"},
}
LISTS = {
    "typescript": "{}[]",
    "python": "Sequence[{}]",
    "go": "[]{}",
    "csharp": "List&lt;{}&gt;",
    "yaml": "List&lt;{}&gt;",
}
MAPS = {
    "typescript": "{{[key: string]: {}}}",
    "python": "Mapping[str, {}]",
    "go": "map[string]{}",
    "csharp": "Dictionary&lt;string, {}&gt;",
    "yaml": "Map&lt;{}&gt;",
}


def type_names(schema, is_input, link):
    """Markup of a type in each language. `link` gives the address of a nested type's description."""
    if "$ref" in schema:
        name, address = link(schema["$ref"])
        given = f"{name}Args" if is_input else name
        named = {"typescript": name, "python": given, "go": given, "csharp": given, "yaml": "Property Map"}
        return {key: f'<a href="{html.escape(address)}">{text}</a>' for key, text in named.items()}
    if schema["type"] == "array":
        return around(LISTS, type_names(schema["items"], is_input, link))
    if schema["type"] == "object":
        return around(MAPS, type_names(schema["additionalProperties"], is_input, link))
    return SCALARS[schema["type"]]


def around(patterns, items):
    return {key: patterns[key].format(items[key]) for key in KEYS}


def shown(texts):
    """Markup of which each language's readers see theirs; what several languages write alike is there once."""
    by_text = {}
    for key in KEYS:
        if key in texts:
            by_text.setdefault(texts[key], []).append(key)
    if len(by_text) == 1 and len(texts) == len(KEYS):
        return texts[KEYS[0]]
    return "".join(f'<span data-for="{" ".join(keys)}">{text}</span>' for text, keys in by_text.items())


def breakable(name):
    """A long name may be broken before a capital or after an underscore."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=_)|(?<=\.)(?=\w)", "<wbr>", html.escape(name))
