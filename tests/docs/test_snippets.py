"""Every program on the site is one that the end-to-end tests run, or a part of one."""

import re
import textwrap

import pytest
from languages import KEYS
from project import ROOT
from prose import front_matter
from snippets import PROGRAMS, entries, paragraphs, programs, snippets

E2E = "\n".join(path.read_text() for path in sorted((ROOT / "tests/e2e").glob("*.py")))


def run_by_tests():
    """The folders of examples/ that tests/e2e copies and runs, as `Language.example` names them."""
    folders = re.findall(r'^    folder(?:, \w+)* = "(\w+)"', E2E, flags=re.M)
    kinds = set(re.findall(r'\.example\([^()]*\bfolder?[^()]*, "([\w-]+)"\)|\.example\([^()]*"([\w-]+-)"\)', E2E))
    kinds = {one for pair in kinds for one in pair if one} | {""}
    return {kind + folder for kind in kinds for folder in folders}


def folded(text):
    """Lines without what an indentation adds, so that a part can be looked for in the whole."""
    return "\n".join(line.strip() for line in text.strip().splitlines() if line.strip())


def test_every_program_is_a_part_of_one_that_the_tests_run(site, record_property):
    folders, count = run_by_tests(), 0
    assert {"typescript", "python", "go", "csharp"} <= folders and "pipeline-go" in folders
    for page, path, language, text in site.snippets:
        if path is None:
            continue
        _, folder, _ = path.split("/")
        assert folder in folders, (page, path)
        assert language in KEYS
        whole = (ROOT / path).read_text().splitlines()
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        assert lines and set(lines) <= {line.strip() for line in whole}, (page, path)
        count += 1
    record_property("counted", f"{count} parts of programs, {len(folders)} programs")


@pytest.mark.parametrize("page", ["_index.md", "installation-configuration.md"])
def test_pages_of_the_registry_have_its_form_and_their_programs_are_tested(page):
    """The registry takes these files as they are, so that they hold their programs themselves."""
    text = (ROOT / "docs" / page).read_text()
    head, body = front_matter(text)
    assert {"title", "meta_desc", "layout"} == head.keys() and head["layout"] == "package"
    assert not re.search(r"^# ", body, flags=re.M), "the title is the page's only heading of first level"
    choosers = re.findall(r'\{\{< chooser language "([\w,]+)" >\}\}(.*?)\{\{< /chooser >\}\}', body, flags=re.S)
    assert (page == "_index.md") == bool(choosers)
    for languages, content in choosers:
        choices = re.findall(
            r"\{\{% choosable language (\w+) %\}\}\n\n```\w+\n(.*?)```\n\n\{\{% /choosable %\}\}", content, re.S
        )
        assert [name for name, _ in choices] == languages.split(",")
        assert languages.split(",") == list(KEYS)
        for name, code in choices:
            whole = next(path for language, path in programs("custom-images") if language.key == name).read_text()
            assert folded(code) in folded(whole), name


def test_the_sdks_show_the_first_example_of_each_page_in_every_language(site, schema, record_property):
    """The examples of schema.json, which the SDKs' doc comments take over, come from the same programs."""
    count = 0
    for token, details in site.details.items():
        if token == "pulumi:providers:alicloud":
            continue
        shown = (schema["resources"] | schema["functions"])[token]["description"]
        first = details["examples"][0]
        found = snippets(first["of"], first["parts"])
        assert [one.language.key for one in found] == list(KEYS)
        blocks = "".join(f"```{one.language.key}\n{one.text}\n```\n" for one in found)
        wanted = f"## Example Usage\n{{{{% example %}}}}\n### {first['title']}\n\n{blocks}{{{{% /example %}}}}\n"
        assert shown.partition("{{% examples %}}\n")[2].partition("{{% /examples %}}")[0] == wanted, token
        count += len(found)
    record_property("counted", f"{count} examples in schema.json")


def test_every_program_in_every_language_is_on_the_site(site):
    shown = {path for _, path, _, _ in site.snippets if path}
    for name, kind in PROGRAMS.items():
        for language, path in programs(name):
            assert f"examples/{kind}{language.key}/{language.main}" in shown, path
    folders = {folder.name for folder in (ROOT / "examples").iterdir() if folder.is_dir()}
    unseen = folders - {path.split("/")[1] for path in shown}
    assert not unseen, f"on no page, as PROGRAMS in docs/gen/snippets.py does not name them: {unseen}"


def test_who_reads_a_language_without_a_program_is_told(trees):
    """Wherever one language has a program, each has one or says that it has none."""
    for page, tree in trees.items():
        for first in tree.xpath("//figure[@data-for='typescript'][not(contains(@class, 'syntax'))]"):
            shown = [first.get("data-for")]
            for one in first.itersiblings():
                if one.get("data-for") is None or one.get("data-for") in shown:
                    break
                shown.append(one.get("data-for"))
            assert set(shown) == set(KEYS), (page, shown)


YAML = textwrap.dedent("""\
    name: program
    config:
      golden: {}

    resources:
      # The one.
      golden:
        type: a
        # Within.
        properties: {}
      share-1:
        type: b
      # Of the next.
      share-2:
        type: b

    variables:
      newest:
        fn::invoke: {}

    outputs:
      newest: ${newest}
    """)


def test_entries_of_yaml_come_with_their_comments_and_their_heading():
    assert entries(YAML, ["golden"], "x") == (
        "resources:\n  # The one.\n  golden:\n    type: a\n    # Within.\n    properties: {}"
    )
    assert entries(YAML, ["share", "newest"], "x").splitlines() == [
        "resources:", "  share-1:", "    type: b", "  # Of the next.", "  share-2:", "    type: b",
        "variables:", "  newest:", "    fn::invoke: {}",
    ]  # fmt: skip


def test_paragraphs_are_found_by_resource_and_by_variable_and_taken_once():
    program = 'a = 1\n\n    copy = Image(\n        "copy",\n    )\n\n    newest = look()\n    listed = look()\n'
    assert paragraphs(program, ["copy"], "x") == 'copy = Image(\n    "copy",\n)'
    assert paragraphs(program, ["newest", "listed"], "x") == "newest = look()\nlisted = look()"
