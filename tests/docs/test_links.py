"""Every link leads somewhere, and one that does not is found."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import main
import pages
import pytest
from project import ROOT
from prose import DeadLink, Unreadable
from reference import Incomplete
from snippets import MissingSnippet


@pytest.fixture
def docs(tmp_path):
    """A copy of docs/ that a test may spoil."""
    copy = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", copy, ignore=shutil.ignore_patterns("gen"))
    return copy


def add(docs, page, text):
    path = docs / page
    path.write_text(f"{path.read_text()}\n{text}\n")


def test_no_link_is_dead(folder, trees, schema, record_property):
    assert pages.dead_links(folder, schema) == []
    links = sum(len(tree.xpath("//@href | //@src")) for tree in trees.values())
    record_property("counted", f"{len(trees)} pages, {links} links")


@pytest.mark.parametrize(
    "link",
    ["[a](no-such-page.md)", "[a](../no-such-page.md)", "[a](alicloud:ecs:NoSuch)", "[a](../../README.md)"],
)
def test_a_link_to_no_page_is_refused_when_the_site_is_made(docs, link):
    add(docs, "guides/from-ros.md", link)
    with pytest.raises(DeadLink, match=r"from-ros"):
        main.Site(docs)


@pytest.mark.parametrize(
    "link", ["guides/from-ros.md", "./api-docs/ecs/nosuch/", "../api-docs/ecs/image/", "alicloud:ecs:Image"]
)
def test_the_registry_s_pages_link_as_the_registry_does(docs, link):
    add(docs, "_index.md", f"[a]({link})")
    with pytest.raises(DeadLink, match=r"no page of the registry"):
        main.Site(docs)


@pytest.mark.parametrize(
    "link",
    [
        "[a](#no-such-heading)",
        "[a](from-terraform.md#no-such-heading)",
        "[a](alicloud:ecs:Image#noSuchProperty)",
        "[a](https://example.com/)",
    ],
)
def test_a_link_to_no_place_on_a_page_is_found(docs, schema, tmp_path, link):
    add(docs, "guides/from-ros.md", link)
    main.Site(docs).write(tmp_path / "site")
    ((page, _),) = pages.dead_links(tmp_path / "site", schema)
    assert page == "guides/from-ros.html"


PUBLISHED = "https://github.com/pulumi/pulumi-alicloud"


def test_pages_link_to_who_publishes_the_package_and_not_to_the_published_one(docs, schema, tmp_path):
    """As it is once provider/src/publisher.rs is filled in."""
    own = {"homepage": "https://images.example.com", "repository": "https://git.example.com/images"}
    add(docs, "guides/from-ros.md", f"[a]({own['homepage']})\n\n[b]({PUBLISHED})")
    (tmp_path / "schema.json").write_text(json.dumps(schema | own))
    site = main.Site(docs, tmp_path)
    site.write(tmp_path / "site")
    shown = pages.read(tmp_path / "site")["reference/image.html"]
    assert shown.xpath("//h2[@id='package']/following-sibling::dl[1]//a/@href") == [own["repository"]]
    assert pages.dead_links(tmp_path / "site", schema | own) == [("guides/from-ros.html", PUBLISHED)]


# Folders


def test_a_site_is_written_over_an_older_one(site, tmp_path):
    folder = tmp_path / "new" / "site"
    site.write(folder)
    wanted = files(folder)
    for page in ("guides/older.html", "older/page.html"):
        (folder / page).parent.mkdir(exist_ok=True)
        (folder / page).touch()
        with (folder / main.WRITTEN).open("a") as written:
            written.write(f"{page}\n")
    site.write(folder)
    assert files(folder) == wanted


def files(folder):
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_what_others_have_put_into_a_site_stays(site, tmp_path):
    folder = tmp_path / "site"
    site.write(folder)
    for name in (".git/HEAD", "CNAME", "guides/mine.html", "older/mine.html", "older/page.html"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
    (tmp_path / "outside").write_text("mine")
    with (folder / main.WRITTEN).open("a") as written:
        written.write("older/page.html\n../outside\n")
    there = files(folder)
    site.write(folder)
    assert there - files(folder) == {Path("older/page.html")}
    assert (tmp_path / "outside").is_file()


@pytest.mark.parametrize("name", ["notes.txt", "index.html"])
def test_a_folder_with_something_else_is_left_as_it_is(site, tmp_path, name):
    (tmp_path / name).write_text("<html><head><meta name='generator' content='another'></head></html>")
    (tmp_path / "inner").mkdir()
    for folder in (tmp_path, tmp_path / name):
        with pytest.raises(main.NotOurs, match=str(folder)):
            site.write(folder)
    assert {path.name for path in tmp_path.iterdir()} == {name, "inner"}


def test_a_relative_folder_is_below_the_users_own(tmp_path):
    def build():
        return subprocess.run([ROOT / "docs/build", "site"], cwd=tmp_path, capture_output=True, text=True)

    done = build()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
    (tmp_path / "site" / "index.html").write_text("mine")
    refused = build()
    assert refused.returncode == 1 and "is not empty" in refused.stderr and "Traceback" not in refused.stderr
    assert (tmp_path / "site" / "index.html").read_text() == "mine"


def test_a_part_that_no_program_has_is_refused(docs):
    add(docs, "guides/from-ros.md", "```program\nof: custom-images\nparts: [no-such-part]\n```")
    with pytest.raises(MissingSnippet, match="no-such-part"):
        main.Site(docs)


def test_a_shortcode_that_is_not_known_is_refused(docs):
    add(docs, "_index.md", "{{< figure src=x >}}")
    with pytest.raises(Unreadable, match="figure"):
        main.Site(docs)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("alicloud:ecs/image:Image:", "speaks of what schema.json has not: alicloud:ecs/none:None"),
        ("  recorded: [deleteAutoSnapshot, detectionStrategy, force]", "alicloud:ecs/image:Image: missing: recorded"),
    ],
)
def test_a_page_without_its_details_is_refused(docs, line, said):
    details = docs / "reference.yaml"
    other = line.replace("image:Image", "none:None") if "Image" in line else ""
    assert line in details.read_text()
    details.write_text(details.read_text().replace(line, other))
    with pytest.raises(Incomplete, match=said):
        main.Site(docs)


def test_every_guide_of_the_folder_is_on_the_site():
    assert {path.stem for path in (ROOT / "docs/guides").glob("*.md")} == set(main.GUIDES)


def test_every_page_is_reached_from_every_page(trees):
    for page, tree in trees.items():
        reached = len(tree.xpath("//nav[@class='site']//a"))
        assert reached == len(trees), page
        assert len(tree.xpath("//nav[@class='site']//a[@aria-current='page']")) == 1, page


def test_anchors_are_unique(trees):
    for page, tree in trees.items():
        ids = tree.xpath("//@id")
        assert len(ids) == len(set(ids)), (page, sorted(one for one in ids if ids.count(one) > 1))


def test_headings_are_in_order(trees):
    for page, tree in trees.items():
        levels = [int(one.tag[1]) for one in tree.xpath("//article//*[self::h1 or self::h2 or self::h3 or self::h4]")]
        assert levels[0] == 1 and levels.count(1) == 1, page
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), (page, levels)


# A folder of somebody's machine, and hosts from which packages come.
PRIVATE = re.compile(
    r"(?<![\w.])/(?:home|root|work|tmp|Users)/|registry\.npmjs|npmjs\.com|pypi\.|nuget\.org|pkg\.go\.dev|proxy\.golang|crates\.io"
)


def test_nothing_is_said_of_machines_and_registries(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            assert not PRIVATE.search(path.read_text()), path
