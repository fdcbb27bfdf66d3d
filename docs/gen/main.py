"""Writes the documentation as a static site: main.py FOLDER. No server is needed to read it."""

import contextlib
import functools
import json
import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import languages
import prose
import reference
import signatures
import yaml
from languages import LANGUAGES, property_names
from prose import DeadLink, Prose, front_matter, slug

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent
ROOT = DOCS.parent

# The pages besides the reference, in the order of the navigation.
TOP = {"_index.md": "index.html", "installation-configuration.md": "installation-configuration.html"}
GUIDES = (
    "getting-started",
    "golden-image-pipelines",
    "moving-from-the-published-provider",
    "from-terraform",
    "from-ros",
    "private-clouds",
    "crashes-and-recovery",
    "troubleshooting",
)


# What each page says of who has made it, so that a folder can be told from one with somebody's own files.
GENERATOR = "docs/gen of pulumi-resource-alicloud"


# Where a folder keeps which of its files are of this generator: a path on each line.
WRITTEN = ".written"


class NotOurs(Exception):
    """A folder that holds something else than a site of this generator."""


# Kinds of what the search finds, in the order in which they are shown.
PAGES, PROPERTIES, HEADINGS, TYPES, CODES = range(5)


@dataclass
class Found:
    """What the search finds on a page."""

    kind: int
    title: str
    anchor: str
    # What it is and where, for the reader.
    where: str
    # What else it is found by.
    words: str = ""


@dataclass
class Page:
    address: str
    title: str
    description: str
    template: str
    content: dict
    # Of the headings of second level: text and anchor.
    contents: list = field(default_factory=list)
    chooser: bool = False
    search: list = field(default_factory=list)


class Site:
    def __init__(self, docs=DOCS, root=ROOT):
        self.docs = Path(docs)
        self.schema = json.loads((Path(root) / "schema.json").read_text())
        self.details = yaml.safe_load((self.docs / "reference.yaml").read_text())
        self.entities = reference.entities(self.schema)
        reference.check_details(self.entities, self.details)
        # What each page shows of programs: (page, file or nothing, language, text).
        self.snippets = []
        self.pages = [*self.written(), *map(self.of_entity, self.entities)]

    # Links

    def resolve(self, page, target):
        """The address of what a page of docs/ links to: another one, or a token with a property's name."""
        path, _, anchor = target.partition("#")
        if page in TOP.values():
            return self.resolve_as_registry(page, target)
        if path.startswith("alicloud:"):
            for entity in self.entities:
                if path in (entity.token, entity.short) or (path == "alicloud:provider" and entity.kind == "provider"):
                    return f"{entity.address}#{self.property_anchor(entity, anchor)}" if anchor else entity.address
            raise DeadLink(f"{page}: {target} is not in the schema")
        written = {name: address for name, address in TOP.items()}
        written |= {f"guides/{guide}.md": f"guides/{guide}.html" for guide in GUIDES}
        wanted = re.sub(r"^(\.\./|\./)+", "", path)
        if page.startswith("guides/") and not path.startswith("../"):
            wanted = f"guides/{wanted}"
        if wanted not in written:
            raise DeadLink(f"{page}: {target} is no page of docs/")
        return written[wanted] + (f"#{anchor}" if anchor else "")

    def resolve_as_registry(self, page, target):
        """The registry takes two pages as they are, so that their links are those that hold there."""
        there = {"installation-configuration/": TOP["installation-configuration.md"], "": TOP["_index.md"]}
        for entity in self.entities:
            module = "" if entity.kind == "provider" else f"{entity.short.split(':')[1]}/"
            there[f"api-docs/{module}{entity.name.lower()}/"] = entity.address
        base = "./" if page == TOP["_index.md"] else "../"
        if not target.startswith(base) or target.removeprefix(base) not in there:
            raise DeadLink(f"{page}: {target} is no page of the registry")
        return there[target.removeprefix(base)]

    def property_anchor(self, entity, name):
        declared = self.declared(entity)
        for section, properties in (("inputs", inputs_of(entity, declared)), ("outputs", outputs_of(entity, declared))):
            if name in properties:
                return f"{section}-{name.lower()}"
        return name

    def declared(self, entity):
        if entity.kind == "provider":
            return self.schema["provider"]
        return self.schema[f"{entity.kind}s"][entity.token]

    # Pages

    def prose(self, address):
        return Prose(address, self.resolve, lambda *snippet: self.snippets.append(snippet))

    def written(self):
        sources = [*TOP.items(), *((f"guides/{guide}.md", f"guides/{guide}.html") for guide in GUIDES)]
        for source, address in sources:
            head, text = front_matter((self.docs / source).read_text())
            writer = self.prose(address)
            body = writer.page(text)
            yield Page(
                address,
                head["title"],
                head["meta_desc"],
                "guide.html",
                {"body": body, "guides": source == "_index.md"},
                chooser=writer.language_choices,
                search=[
                    Found(PAGES, head["title"], "", head["meta_desc"]),
                    *(Found(HEADINGS, text, anchor, head["title"]) for _, text, anchor in writer.headings),
                    *(Found(CODES, text, anchor, "Error code") for text, anchor in writer.error_codes),
                ],
            )

    def of_entity(self, entity):
        writer = self.prose(entity.address)
        reader = reference.Reader(self.schema, writer)
        declared = self.declared(entity)
        details = self.details[entity.token]
        description, imports = reference.documentation(declared.get("description", ""))
        inputs, outputs = inputs_of(entity, declared), outputs_of(entity, declared)
        required = required_of(entity, declared)
        content = {
            "entity": entity,
            "description": writer.block(description, frozenset(inputs) | frozenset(outputs)),
            "inputs": reader.properties(inputs, required, "inputs", is_input=True, names=frozenset(outputs)),
            "examples": list(self.examples(writer, details)),
            "whole": writer.program({"of": details["whole"]}),
            "imports": writer.block(imports, frozenset(inputs)) if imports else "",
            "timeouts": details.get("timeouts"),
            "aliases": [alias["type"] for alias in declared.get("aliases", ())],
        }
        if entity.kind == "resource":
            state = declared["stateInputs"]["properties"]
            only_outputs = {name: one for name, one in outputs.items() if name not in inputs}
            content |= {
                "syntaxes": self.highlighted(signatures.creation(entity.name, entity.short, inputs, required)),
                "outputs": reader.properties(
                    only_outputs, declared["required"], "outputs", is_input=False, names=frozenset(inputs)
                ),
                "look_up": self.highlighted(signatures.look_up(entity.name, entity.short, state)),
                "state": reader.properties(state, (), "state", is_input=True, replace_told=False),
                "changes": self.changes(inputs, details["recorded"]),
                "list": self.list_inputs(reader, declared),
            }
        elif entity.kind == "function":
            call = signatures.invocation(entity.name, entity.short, inputs, required)
            results = {name: one for name, one in outputs.items() if name not in inputs}
            content |= {
                "syntaxes": self.highlighted(call),
                "outputs": reader.properties(
                    results, declared["outputs"].get("required", ()), "outputs", is_input=False
                ),
            }
        else:
            content |= {"syntaxes": self.highlighted(signatures.provider_creation(inputs))}
        content["types"] = reader.nested_types()
        return Page(
            entity.address,
            "Provider settings" if entity.kind == "provider" else entity.name,
            plain(content["description"]).partition("\n")[0],
            "reference.html",
            content,
            chooser=True,
            search=self.searched(entity, content),
        )

    def examples(self, writer, details):
        for example in details["examples"]:
            yield example["title"], slug(example["title"]), writer.program(example)

    def highlighted(self, syntaxes):
        for syntax in syntaxes:
            (language,) = [one for one in LANGUAGES if one.key == syntax.language]
            syntax.markup = prose.code(syntax.text, language.lexer)
        return syntaxes

    def changes(self, inputs, recorded):
        """What another value of each input comes to."""
        assert set(recorded) <= inputs.keys(), recorded
        replaces = [name for name, one in inputs.items() if one.get("willReplaceOnChanges")]
        in_place = [name for name in inputs if name not in replaces and name not in recorded]
        return [
            (what, [(languages.shown(property_names(name)), f"inputs-{name.lower()}") for name in names])
            for what, names in (
                ("Replaces the resource", replaces),
                ("Changes in place", in_place),
                ("Is recorded, and acts at its own time", recorded),
            )
            if names
        ]

    def list_inputs(self, reader, declared):
        inputs = declared.get("listInputs")
        if inputs is None:
            return None
        return reader.properties(
            inputs.get("properties", {}), inputs.get("required", ()), "list", is_input=True, replace_told=False
        )

    def searched(self, entity, content):
        """What the search finds on the page: itself, each property by its names, each nested type."""
        title = "Provider settings" if entity.kind == "provider" else entity.name
        found = [Found(PAGES, title, "", entity.kind.capitalize(), entity.short)]
        sections = [(PROPERTIES, "input", content["inputs"]), (PROPERTIES, "output", content.get("outputs", ()))]
        if entity.kind == "provider":
            sections = [(PROPERTIES, "setting", content["inputs"])]
        for one in content["types"]:
            found.append(Found(TYPES, one.name, one.anchor, f"{title}, nested type"))
            sections.append((TYPES, f"in {one.name}", one.properties))
        for kind, what, properties in sections:
            for one in properties:
                names = " ".join(dict.fromkeys(property_names(one.name).values()))
                found.append(Found(kind, one.name, one.anchor, f"{title}, {what}", names))
        return found

    # Files

    def navigation(self):
        by_address = {page.address: page for page in self.pages}
        resources = [entity.address for entity in self.entities if entity.kind == "resource"]
        functions = [entity.address for entity in self.entities if entity.kind == "function"]
        settings = [entity.address for entity in self.entities if entity.kind == "provider"]
        sections = (
            ("Start", [*TOP.values()]),
            ("Resources", resources),
            ("Functions", functions),
            ("Provider", settings),
            ("Guides", [f"guides/{guide}.html" for guide in GUIDES]),
        )
        return [(title, [by_address[address] for address in addresses]) for title, addresses in sections]

    def write(self, folder):
        folder = Path(folder)
        clear(folder)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        written = [WRITTEN]

        def write(address, text):
            path = folder / address
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(address)

        navigation = self.navigation()
        for page in self.pages:
            render = functools.partial(
                environment.get_template(page.template).render,
                page=page,
                navigation=navigation,
                languages=LANGUAGES,
                root="../" * page.address.count("/"),
                generator=GENERATOR,
                schema=self.schema,
                relative=lambda target, page=page: prose.relative(page.address, target),
                **page.content,
            )
            text = render()
            if headings := re.findall(r'<h2 id="([^"]+)">(.*?)<a class="anchor"', text):
                page.contents = [(plain(heading), anchor) for anchor, heading in headings]
                text = render()
            write(page.address, text)
        for path in (HERE / "static").iterdir():
            shutil.copy(path, folder / path.name)
            written.append(path.name)
        index = [
            [one.title, f"{page.address}{'#' if one.anchor else ''}{one.anchor}", one.where, one.words]
            for kind in (PAGES, PROPERTIES, HEADINGS, TYPES, CODES)
            for page in self.pages
            for one in page.search
            if one.kind == kind
        ]
        write("search.js", f"window.searched = {json.dumps(index, ensure_ascii=False)};\n")
        write(WRITTEN, "".join(f"{address}\n" for address in sorted(written)))


def clear(folder):
    """Takes away what was written here before. All else stays, such as .git and CNAME of a checkout."""
    if folder.exists():
        if not folder.is_dir():
            raise NotOurs(f"{folder} is a file")
        index = folder / "index.html"
        mark = f'<meta name="generator" content="{GENERATOR}">'
        is_site = index.is_file() and mark in index.read_text(errors="replace")
        if any(folder.iterdir()) and not is_site:
            raise NotOurs(
                f"{folder} is not empty, and has no index.html that this generator has written. "
                "Name another folder, or empty this one"
            )
    kept = folder / WRITTEN
    for address in kept.read_text().splitlines() if kept.is_file() else ():
        path = folder / address
        if path.resolve().is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)
            if path.parent != folder:
                # One that is not empty has files of somebody else.
                with contextlib.suppress(OSError):
                    path.parent.rmdir()
    folder.mkdir(parents=True, exist_ok=True)


def inputs_of(entity, declared):
    if entity.kind == "function":
        return declared["inputs"]["properties"]
    return declared["inputProperties"]


def outputs_of(entity, declared):
    if entity.kind == "function":
        return declared["outputs"]["properties"]
    return declared.get("properties", {})


def required_of(entity, declared):
    if entity.kind == "function":
        return declared["inputs"].get("required", [])
    return declared.get("requiredInputs", [])


def plain(markup):
    return re.sub(r"<[^>]+>", "", markup).strip()


def main():
    start = time.monotonic()
    folder = Path(sys.argv[1])
    site = Site()
    try:
        site.write(folder)
    except NotOurs as refused:
        sys.exit(f"docs: {refused}")
    print(f"{len(site.pages)} pages, {len(site.snippets)} blocks of code, {time.monotonic() - start:.1f} s: {folder}")


if __name__ == "__main__":
    main()
