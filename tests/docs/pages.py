"""What is on the site's pages, and what of their links leads nowhere."""

import posixpath
import re
import urllib.parse
from pathlib import Path

import lxml.html


def elsewhere(schema):
    """Pages elsewhere that a page may link to: the package's own. A test cannot know whether they are there."""
    return {schema[name] for name in ("homepage", "repository") if name in schema}


def read(folder):
    """Of each file's address the page's tree."""
    folder = Path(folder)
    return {
        str(path.relative_to(folder)): lxml.html.parse(str(path), lxml.html.HTMLParser(encoding="utf-8")).getroot()
        for path in sorted(folder.rglob("*.html"))
    }


def anchors(tree):
    return set(tree.xpath("//@id"))


def dead_links(folder, schema):
    """Links, scripts, styles and pictures that lead nowhere: (page, target)."""
    folder = Path(folder)
    trees = read(folder)
    found = []
    for page, tree in trees.items():
        for target in tree.xpath("//@href | //@src"):
            if re.match(r"[a-z]+:", target):
                if target not in elsewhere(schema):
                    found.append((page, target))
                continue
            path, _, anchor = target.partition("#")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
            if not (folder / path).is_file() or (anchor and urllib.parse.unquote(anchor) not in anchors(trees[path])):
                found.append((page, target))
    return found


def text(element):
    return re.sub(r"\s+", " ", element.text_content()).strip()


def in_language(element, language):
    """The text that a reader of the language sees."""
    words = []

    def walk(node):
        only = node.get("data-for")
        if only is None or language in only.split():
            words.append(node.text or "")
            for child in node:
                if isinstance(child.tag, str):
                    walk(child)
                words.append(child.tail or "")

    walk(element)
    return re.sub(r"\s+", " ", "".join(words)).strip()
