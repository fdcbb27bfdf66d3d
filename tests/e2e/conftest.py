import os
import shutil
import subprocess

import pytest
from emulator import SOON, Emulator
from languages import LANGUAGES, PUBLISHED, QuickPython, run
from program import Program
from project import EVERY_TEST, ROOT, plugin_binary
from proxy import Proxy
from scene import Scene
from stack import Stack


def pytest_addoption(parser):
    parser.addoption("--languages", default=",".join(LANGUAGES), help="which languages' tests to run")


def asked_for(config):
    """The languages, the quickest first."""
    names = config.getoption("languages").split(",")
    if unknown := set(names) - LANGUAGES.keys() - {""}:
        raise pytest.UsageError(f"--languages: there is no {', '.join(unknown)}, but {', '.join(LANGUAGES)}")
    return [name for name in LANGUAGES if name in names]


def pytest_generate_tests(metafunc):
    """A language's tests stay in one process, so that no other builds its SDK however many run at a time. What goes
    alike in every language goes through all of them only if every test is asked for, and otherwise through the
    quickest."""
    if "language" in metafunc.fixturenames:
        names = asked_for(metafunc.config)
        if some := metafunc.definition.get_closest_marker("languages"):
            names = [name for name in names if name in some.args]
        if metafunc.definition.get_closest_marker("alike") and not EVERY_TEST:
            names = names[:1]
        cases = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]
        metafunc.parametrize("language", cases, indirect=True, ids=names)


def pytest_collection_modifyitems(config, items):
    """Each language's tests are a long chain, so these begin first."""
    left_out = [] if EVERY_TEST else [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: "language" not in item.fixturenames)


@pytest.fixture(scope="session")
def binary():
    return plugin_binary()


def need(what, missing):
    """Skips what this machine cannot run; in CI that is a failure."""
    if missing:
        reason = f"{what} is not tested here: {', '.join(missing)} missing"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def ready(tmp_path_factory):
    """Languages that can be used here, each built once."""
    built = {}

    def get(kind):
        if kind not in built:
            language = kind(tmp_path_factory.mktemp(kind.__name__))
            need(kind.__name__, language.missing())
            language.build()
            built[kind] = language
        return built[kind]

    return get


@pytest.fixture
def language(request, ready):
    alike = request.node.get_closest_marker("alike")
    quick = request.param == "python" and alike and not EVERY_TEST
    return ready(QuickPython if quick else LANGUAGES[request.param])


@pytest.fixture
def quickest(request):
    """The name of the language for what goes alike in all of them."""
    return asked_for(request.config)[0]


@pytest.fixture
def python(ready):
    """For tests in which the program's language does not matter."""
    return ready(QuickPython)


@pytest.fixture
def published(language, ready):
    """The published SDK of the same language."""
    return ready(PUBLISHED[language.folder])


@pytest.fixture
def published_python(ready):
    return ready(PUBLISHED["python"])


@pytest.fixture
def published_typescript(ready):
    return ready(PUBLISHED["typescript"])


@pytest.fixture
def cloud():
    emulator = Emulator(*SOON)
    yield emulator
    emulator.stop()


@pytest.fixture
def example(language, cloud, binary, tmp_path, request):
    """The language's example in a stack of its own that uses the emulator."""
    folder = language.example(tmp_path / "program")
    stack = Stack(folder, tmp_path / "home", binary, language.wire(folder))
    request.node.shown = lambda: (stack, cloud)
    stack.init(cloud)
    return stack


@pytest.fixture
def program(cloud, binary, tmp_path, request):
    """Makes a stack of a program: a text, in Python unless another language is said, or images by name, which the test
    itself registers."""

    def make(program, configured=True, language=None):
        if isinstance(program, dict):
            stack = hosted_stack(binary, tmp_path)
            request.addfinalizer(stack.program.stop)
            stack.program.resources = program
            start = stack.init_quickly
        else:
            language = language or request.getfixturevalue("python")
            folder = language.program(tmp_path / "program", program)
            stack = Stack(folder, tmp_path / "home", binary, language.wire(folder))
            start = stack.init
        request.node.shown = lambda: (stack, cloud)
        if configured:
            start(cloud)
        else:
            stack.make()
        return stack

    return make


@pytest.fixture
def proxy():
    running = Proxy()
    yield running
    running.stop()


def hosted_stack(binary, tmp_path):
    """A stack whose program is in the test, and which looks at images more often than users need."""
    need("the engine", [name for name in ("pulumi",) if shutil.which(name) is None])
    folder = tmp_path / "program"
    folder.mkdir()
    # Of all languages' hosts this one asks least of a folder with no program.
    (folder / "Pulumi.yaml").write_text("name: program\nruntime: nodejs\n")
    stack = Stack(folder, tmp_path / "home", binary, {}, Program())
    stack.env["PULUMI_ALICLOUD_POLL_MS"] = "20"
    return stack


@pytest.fixture
def hosted(binary, tmp_path):
    """A stack without a cloud, whose program is in the test."""
    stack = hosted_stack(binary, tmp_path)
    yield stack
    stack.program.stop()


@pytest.fixture
def bare(tmp_path):
    """A stack without a cloud and without any plugin, whose program is in the test."""
    stack = hosted_stack(None, tmp_path)
    yield stack
    stack.program.stop()


@pytest.fixture
def scene(hosted, proxy, request):
    scene = Scene(hosted, proxy)
    request.node.shown = lambda: (hosted, scene.cloud)
    yield scene
    scene.close()


@pytest.fixture(scope="session")
def write_program(tmp_path_factory):
    """The program that the engine writes of a stack's imported resources, by its own generators."""
    need("what an import writes", [name for name in ("go",) if shutil.which(name) is None])
    tool = tmp_path_factory.mktemp("imported") / "imported"
    env = {"GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    run("go", "build", "-o", tool, "./imported", cwd=ROOT / "sdk/gen", env=env)

    def write(stack, language):
        done = subprocess.run(
            [tool, ROOT / "schema.json", language.folder],
            input=stack.quiet("stack", "export"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return write


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and (shown := getattr(item, "shown", None)):
        stack, cloud = shown()
        report.sections.append(("pulumi", stack.report()))
        if cloud:
            report.sections.append(("emulator", cloud.said()))
        if cloud and cloud.process.poll() is None:
            lines = (
                f"{entry['status']} {entry['code'] or ''} {entry['action']} {entry['params']}"
                for entry in cloud.requests()
            )
            report.sections.append(("calls", "\n".join(lines)))
    return report


def pytest_terminal_summary(terminalreporter):
    reports = [report for when in ("passed", "failed") for report in terminalreporter.getreports(when)]
    recorded = [pair for report in reports for pair in report.user_properties]
    if times := sorted(text for name, text in recorded if name == "time"):
        terminalreporter.section("times")
        terminalreporter.write("".join(f"{text}\n" for text in times))
    if cells := [cell for name, cell in recorded if name == "crash"]:
        show_matrix(terminalreporter, cells)


def show_matrix(terminalreporter, cells):
    """Of test_crash.py: which cells there are, and what came of each."""
    victims = sorted({victim for _, _, victim, _ in cells})
    rows = {}
    for operation, instant, victim, failed in cells:
        rows.setdefault(operation, {}).setdefault(instant, {})[victim] = failed
    terminalreporter.section("killed, and run again")
    for operation, instants in sorted(rows.items()):
        terminalreporter.line(f"{operation:64}" + "".join(f"{victim:>10}" for victim in victims))
        for instant, outcomes in instants.items():
            shown = ("-" if v not in outcomes else "FAILED" if outcomes[v] else "ok" for v in victims)
            terminalreporter.line(f"    {instant:60}" + "".join(f"{word:>10}" for word in shown))
            for victim, failed in outcomes.items():
                if failed:
                    terminalreporter.line(f"        {victim}: {failed}")
    good = sum(failed is None for *_, failed in cells)
    terminalreporter.line(f"{good} of {len(cells)} cells as wanted")
