"""Markdown to HTML: links between pages, headings with anchors, names in the reader's language, parts of programs."""

import html
import posixpath
import re

import languages
import snippets
import yaml
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name


class DeadLink(Exception):
    """A page links to one that does not exist."""


class Unreadable(Exception):
    """A page has a part that this renderer has no word for."""


FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.S)
CHOOSER = re.compile(r'^\{\{< chooser language "[a-z,]+" >\}\}\n(.*?)^\{\{< /chooser >\}\}\n', re.S | re.M)
CHOICE = re.compile(r"^\{\{% choosable language (\w+) %\}\}\n(.*?)^\{\{% /choosable %\}\}\n", re.S | re.M)
TABLE = '<div class="table" tabindex="0" role="region" aria-label="Table">'
FORMATTER = HtmlFormatter(nowrap=True)


def front_matter(text):
    """What stands at the head of a page, and the rest of it."""
    head = FRONT_MATTER.match(text)
    if not head:
        raise Unreadable("the page has no front matter")
    return yaml.safe_load(head[1]), text[head.end() :]


def slug(text):
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")


def code(text, lexer):
    return highlight(text, get_lexer_by_name(lexer or "text"), FORMATTER).rstrip("\n")


def code_block(text, lexer, caption="", language=""):
    """A program's text with a button that copies it."""
    if lexer == "sh":
        # What is copied is to be a command as it stands.
        text = re.sub(r"^\$ ", "", text, flags=re.M)
    only = f' data-for="{language}"' if language else ""
    label = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="code"{only}>{label}<button type="button" class="copy" hidden>Copy</button>'
        f'<pre tabindex="0" data-lexer="{lexer}"><code>{code(text, lexer)}</code></pre></figure>\n'
    )


class Prose:
    """Renders one page's Markdown. `address` is where the page is in the site; `resolve` finds others."""

    def __init__(self, address, resolve, record=None):
        self.address = address
        self.resolve = resolve
        # Told of each part of a program that the page shows: (page, path, language, text).
        self.record = record or (lambda *_: None)
        self.headings = []
        self.error_codes = []
        self.names = frozenset()
        self.language_choices = False
        self.used = set()
        self.markdown = MarkdownIt("commonmark").enable("table")
        for rule in ("fence", "code_inline", "heading_open", "heading_close", "table_open", "table_close"):
            self.markdown.add_render_rule(rule, bind(getattr(self, rule)))
        self.markdown.core.ruler.push("links", self.links)

    def page(self, text):
        return self.markdown.render(self.without_shortcodes(text))

    def block(self, text, names=frozenset()):
        """A description, in which `names` are those of properties."""
        self.names = names
        try:
            return self.markdown.render(text)
        finally:
            self.names = frozenset()

    def without_shortcodes(self, text):
        """The registry's chooser, as fences that say which language's readers they are for."""

        def choices(chooser):
            parts = CHOICE.findall(chooser[1])
            if CHOICE.sub("", chooser[1]).strip() or not parts:
                raise Unreadable(f"{self.address}: text between the languages of a chooser")
            shown = "\n".join(only(language, body) for language, body in parts)
            return f"{shown}\n{apologies({language for language, _ in parts})}\n"

        def only(language, body):
            fence = re.fullmatch(r"\s*```(\w+)\n(.*?)```\s*", body, re.S)
            if language not in languages.KEYS or not fence:
                raise Unreadable(f"{self.address}: a choice is one block of code in a known language: {body}")
            return f"```{fence[1]} for={language}\n{fence[2]}```\n"

        text = CHOOSER.sub(choices, text)
        if "{{" in re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S):
            raise Unreadable(f"{self.address}: a shortcode that is not known: {text[text.index('{{') :][:80]}")
        return text

    # Rules

    def fence(self, tokens, index, options, env):
        token = tokens[index]
        lexer, _, rest = token.info.strip().partition(" ")
        if lexer == "program":
            return self.program(yaml.safe_load(token.content))
        if lexer == "errors":
            return self.errors(yaml.safe_load(token.content))
        if rest.startswith("for="):
            self.language_choices = True
            language = rest.removeprefix("for=")
            self.record(self.address, None, language, token.content)
            return code_block(token.content, lexer, language=language)
        self.record(self.address, None, lexer, token.content)
        return code_block(token.content, lexer)

    def program(self, wanted):
        """```program
        of: custom-images
        parts: [from-instance]
        ```"""
        parts = wanted.get("parts", ())
        found = snippets.snippets(wanted["of"], parts)
        self.language_choices = True
        blocks = []
        for snippet in found:
            self.record(self.address, snippet.path, snippet.language.key, snippet.text)
            blocks.append(code_block(snippet.text, snippet.language.lexer, snippet.path, snippet.language.key))
        return "".join(blocks) + apologies({snippet.language.key for snippet in found})

    def errors(self, rows):
        """A table of error codes, each of which has an address: a list of codes, what they mean and what to do."""
        shown = []
        for row in rows:
            codes = []
            for name in row["codes"]:
                anchor = self.anchor(name)
                self.error_codes.append((name, anchor))
                codes.append(f'<code id="{anchor}">{languages.breakable(name)}</code>')
            cells = [" ".join(codes), self.markdown.renderInline(row["means"]), self.markdown.renderInline(row["do"])]
            shown.append("".join(f"<td>{cell}</td>" for cell in cells))
        head = "<tr><th>Code</th><th>What it means</th><th>What to do</th></tr>"
        body = "\n".join(f"<tr>{row}</tr>" for row in shown)
        return f'{TABLE}<table class="errors"><thead>{head}</thead>\n<tbody>{body}</tbody></table></div>\n'

    def code_inline(self, tokens, index, options, env):
        text = tokens[index].content
        if text in self.names:
            self.language_choices = True
            return f"<code>{languages.shown(languages.property_names(text))}</code>"
        return f"<code>{html.escape(text)}</code>"

    def anchor(self, text):
        name, count = slug(text), 2
        while name in self.used:
            name, count = f"{slug(text)}-{count}", count + 1
        self.used.add(name)
        return name

    def heading_open(self, tokens, index, options, env):
        level = int(tokens[index].tag[1])
        text = "".join(child.content for child in tokens[index + 1].children)
        anchor = self.anchor(text)
        tokens[index].meta["anchor"] = anchor
        self.headings.append((level, text, anchor))
        return f'<h{level} id="{anchor}">'

    def heading_close(self, tokens, index, options, env):
        opened = max(i for i in range(index) if tokens[i].type == "heading_open")
        return f"{permalink(tokens[opened].meta['anchor'])}</{tokens[index].tag}>\n"

    def table_open(self, tokens, index, options, env):
        return f"{TABLE}<table>\n"

    def table_close(self, tokens, index, options, env):
        return "</table></div>\n"

    def links(self, state):
        for token in state.tokens:
            for child in token.children or ():
                if child.type == "link_open":
                    child.attrs["href"] = self.link(child.attrs["href"])

    def link(self, target):
        """Links are written as files of docs/, or as tokens of the schema with a property's name after `#`."""
        if re.match(r"https?://", target):
            return target
        if target.startswith("#"):
            return target
        return relative(self.address, self.resolve(self.address, target))


def apologies(there):
    """What readers of the languages in which an example is missing see in its place."""
    return "".join(
        f'<p class="no-program" data-for="{language.key}">There is no example in {language.title} yet. '
        "Choose another language to see this one.</p>\n"
        for language in languages.LANGUAGES
        if language.key not in there
    )


def bind(method):
    """A render rule as markdown-it wants it: it calls the rule with its renderer first."""
    return lambda _renderer, tokens, index, options, env: method(tokens, index, options, env)


def permalink(anchor):
    return f'<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a>'


def relative(page, target):
    path, _, anchor = target.partition("#")
    path = posixpath.relpath(path, posixpath.dirname(page) or ".")
    return f"{path}#{anchor}" if anchor else path
