import json

import main
import pages
import pytest
from project import ROOT


@pytest.fixture(scope="session")
def site():
    return main.Site()


@pytest.fixture(scope="session")
def folder(site, tmp_path_factory):
    """The site as `make docs` writes it."""
    folder = tmp_path_factory.mktemp("site")
    site.write(folder)
    return folder


@pytest.fixture(scope="session")
def trees(folder):
    return pages.read(folder)


@pytest.fixture(scope="session")
def schema():
    return json.loads((ROOT / "schema.json").read_text())


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.getreports("passed")
    if counted := [text for report in reports for name, text in report.user_properties if name == "counted"]:
        terminalreporter.section("counted")
        terminalreporter.write("".join(f"{text}\n" for text in counted))
