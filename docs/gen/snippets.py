"""Parts of the programs in examples/, which the tests run. No page has a program of its own, so none goes stale."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]

# The programs by the name of their Pulumi project: what stands before the language in the folder's name.
PROGRAMS = {"custom-images": "", "image-files": "files-", "image-pipeline": "pipeline-"}


class MissingSnippet(Exception):
    """A page names a part of a program that the program does not have."""


@dataclass(frozen=True)
class Snippet:
    language: object
    # The file below the repository.
    path: str
    text: str
    # Whether it is all of the file.
    whole: bool


def programs(name):
    """The program in each language that there is."""
    if name not in PROGRAMS:
        raise MissingSnippet(f"there is no program {name}; there are {', '.join(PROGRAMS)}")
    for language in LANGUAGES:
        path = ROOT / "examples" / (PROGRAMS[name] + language.key) / language.main
        if path.is_file():
            yield language, path


def snippets(name, parts=()):
    """In each language the parts of a program that declare what is called so, or all of it.

    A part is a paragraph, and in YAML an entry of `resources` or `variables`. It is called as its resource, or as the
    variable that holds it, in the spelling of any language.
    """
    found = []
    for language, path in programs(name):
        text = path.read_text()
        if parts:
            pick = entries if language.key == "yaml" else paragraphs
            text = pick(text, parts, path.relative_to(ROOT))
        found.append(Snippet(language, str(path.relative_to(ROOT)), text.strip("\n"), not parts))
    return found


def paragraphs(text, parts, path):
    all_of_them = [paragraph.strip("\n") for paragraph in re.split(r"\n\s*\n", text)]
    wanted = []
    for part in parts:
        name = part.replace("-", "_?")
        declared = (
            rf"""\(\s*(?:ctx,\s*)?[$f]?["'`]{re.escape(part)}["'`$"{{-]|"""
            rf"^\s*(?:const |var )?{name}(?:, err)? :?= "
        )
        of_part = [one for one in all_of_them if re.search(declared, one, flags=re.M | re.I)]
        if not of_part:
            raise MissingSnippet(f"{path} has no paragraph that declares {part}")
        wanted += [textwrap.dedent(one) for one in of_part if textwrap.dedent(one) not in wanted]
    return "\n\n".join(wanted)


def entries(text, parts, path):
    """Entries with the comments above them, below the headings that they have in the program."""
    found, heading, comments = {}, "", []
    for line in text.splitlines():
        if re.match(r"\w", line):
            heading, comments, entry = line, [], None
        elif re.match(r"  #", line):
            comments.append(line)
        elif key := re.match(r"  [\"']?([\w-]+)[\"']?:", line):
            entry = found.setdefault((heading, key[1]), [*comments, line])
            comments = []
        elif line and entry is not None:
            entry.append(line)
    wanted = []
    for part in parts:
        name = part.replace("-", "_?-?")
        of_part = [key for key in found if key[0] in SECTIONS and re.fullmatch(rf"{name}(-\w+)?", key[1], flags=re.I)]
        if not of_part:
            raise MissingSnippet(f"{path} has no entry {part}")
        wanted += [key for key in of_part if key not in wanted]
    lines, heading = [], None
    for key in wanted:
        if key[0] != heading:
            heading = key[0]
            lines.append(heading)
        lines += found[key]
    return "\n".join(lines)


SECTIONS = ("resources:", "variables:")
