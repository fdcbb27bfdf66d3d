"""No secret leaves the plugin: whole sessions, and then a search through everything that came out of the process.

Searched are the engine's log lines of every severity, standard output and error, every error with its details, and
every answer, but for what is wrapped as a Pulumi secret. A secret counts as found in any of the usual encodings, and
also if only a part of it is there.
"""

import base64
import contextlib
import html
import json
import socket
from urllib.parse import quote, quote_plus

import pytest
from clients import KEY, REGION
from google.protobuf import json_format
from plugin import SECRET, SIGNATURE, Failed, secret
from test_key_sources import BROKEN, OIDC_SETTINGS, OIDC_TOKEN, SOURCES
from world import CONFIG, INI, ROLE

# Long enough for no accident, with characters that every encoding treats in its own way.
HUSH = 'hush/Q7+v=T"x\\9&pK4'
PASSWORD = "pst-5Rz8wVq2Lm0c"
PART = 12


def encodings(text):
    yield text
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(text))[3:-3]
    yield quote(text, safe="")
    yield quote(quote(text, safe=""), safe="")
    yield quote_plus(text)
    yield html.escape(text)
    yield text.encode().hex()
    yield base64.b64encode(text.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parts(text):
    for encoded in set(encodings(text)):
        for start in range(max(1, len(encoded) - PART + 1)):
            yield encoded[start : start + PART]


def leaks(secrets, captured):
    """Which secrets are in which text."""
    return [
        (hidden, where, text) for hidden in secrets for where, text in captured if any(p in text for p in parts(hidden))
    ]


def unwrapped(value):
    """An answer without what is wrapped as a Pulumi secret."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return "[wrapped]"
        return {key: unwrapped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [unwrapped(item) for item in value]
    return value


class Session:
    """Plugin processes and all that they said."""

    def __init__(self, world):
        self.world, self.captured, self.plugins = world, [], []

    def start(self, **variables):
        plugin = self.world.plug(**{"HOME": str(self.world.home), **variables})
        self.plugins.append(plugin)
        return plugin

    def go(self, call, *arguments, **named):
        """The answer, or None for a refusal; either is kept."""
        try:
            answer = call(*arguments, **named)
        except Failed as refusal:
            self.captured.append(("error", refusal.message))
            self.captured.append(("details", json.dumps(unwrapped(refusal.details), ensure_ascii=False)))
            return None
        if isinstance(answer, (dict, list, tuple, str)):
            self.captured.append(("answer", json.dumps(unwrapped(answer), ensure_ascii=False)))
        return answer

    def check(self, *secrets):
        for plugin in self.plugins:
            plugin.stop()
            plugin.stop = lambda: None
            for line in plugin.engine.lines:
                self.captured.append(("log", json.dumps(json_format.MessageToDict(line), ensure_ascii=False)))
            for name, printed in plugin.printed.items():
                self.captured.append((name, printed.decode(errors="replace")))
        assert self.captured
        assert leaks({*secrets, KEY[1], *self.world.relay.secrets}, self.captured) == []

    @property
    def said(self):
        return "\n".join(text for _, text in self.captured)


@pytest.fixture
def session(world):
    return Session(world)


def from_world(session):
    """A plugin of the world's settings, or None where Configure refuses them."""
    plugin = session.start(**session.world.variables)
    endpoints = json.dumps([{"ecs": session.world.relay.url, "sts": session.world.relay.url}])
    settings = {"region": REGION, "endpoints": endpoints, **session.world.settings}
    session.go(plugin.check_config, **settings)
    return plugin if session.go(plugin.configure, **settings) else None


def configured(session, **settings):
    session.world.settings = {"accessKey": KEY[0], "secretKey": KEY[1], **settings}
    return from_world(session)


@pytest.mark.parametrize("encoded", list(encodings(HUSH)))
def test_the_search_finds_a_secret_however_it_is_written(encoded):
    assert leaks([HUSH], [("log", f"before {encoded} after")])
    assert leaks([HUSH], [("log", f"{encoded[:PART]}…")])
    assert not leaks([HUSH], [("log", "before after")])


def test_the_search_looks_everywhere(session):
    """What is no secret is found in each place, so the search is not blind there."""
    plugin = configured(session)
    session.go(plugin.create, "visible", {"snapshotId": "s-system", "imageName": "visible-name-17"})
    session.go(plugin.create, "visible-again", {"snapshotId": "s-system", "imageName": "visible-name-17"})
    plugin.stop()
    session.check()
    places = {where for _, where, _ in leaks(["visible-name-17"], session.captured)}
    assert places >= {"answer", "error"}
    assert {"log", "stdout", "stderr"} <= {where for where, _ in session.captured}
    assert any("got a key" in text for where, text in session.captured if where == "log"), "debug lines are captured"


WITH_OIDC_TOKEN = SOURCES["assume_role_with_oidc"].values[0]


@pytest.mark.parametrize("source", SOURCES.values())
def test_a_source_of_keys_keeps_them_to_itself(session, source):
    world = session.world
    source.set_up(world)
    plugin = from_world(session)
    state = session.go(plugin.create, "image", {"snapshotId": "s-system", "imageName": "kept"})
    world.emulator.advance(7 * 3600)
    refusal = {"action": "*", "do": "error", "status": 403, "code": "Forbidden.RAM", "times": 1}
    world.emulator.control("POST", "faults", [{**refusal, "action": "DescribeImages"}])
    for _ in range(3):
        session.go(plugin.read, "m-system")
    assert state
    # An OIDC token given in the settings has a test of its own.
    session.check(*([] if source is WITH_OIDC_TOKEN else [OIDC_TOKEN]))
    assert "got a key" in session.said


@pytest.mark.parametrize("set_up, fragments, without", BROKEN.values())
def test_a_broken_source_keeps_its_keys_to_itself(session, set_up, fragments, without):
    set_up(session.world)
    plugin = from_world(session)
    if plugin:
        session.go(plugin.read, "m-system")
    session.check(OIDC_TOKEN, "somebody-elses")


LONG_TERM = {"accessKey": KEY[0], "secretKey": KEY[1]}


def refusal(action, **more):
    return {"action": action, "do": "error", "status": 400, "code": "InvalidParameter", **more}


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_a_cloud_that_echoes_a_request_gives_no_token_away(session, version):
    """The refusal of a wrong signature quotes what was signed, token included."""
    key_id, _, token = session.world.temporary()
    session.world.settings = {"accessKey": key_id, "secretKey": HUSH, "securityToken": token}
    if version == "v1":
        session.world.settings["signVersion"] = json.dumps({"ecs": "v1"})
    session.go(from_world(session).read, "m-system")
    session.check(HUSH, token)
    assert "SignatureDoesNotMatch" in session.said and "server string to sign" in session.said


@pytest.mark.parametrize("written", [KEY[1], quote(KEY[1], safe=""), json.dumps(KEY[1])])
def test_a_cloud_that_quotes_the_secret_is_not_repeated(session, written):
    plugin = configured(session)
    faults = [refusal(action, message=f"Is {written} yours?") for action in ("DescribeImages", "CreateImage")]
    session.world.emulator.control("POST", "faults", faults)
    session.go(plugin.read, "m-system")
    session.go(plugin.create, "image", {"snapshotId": "s-system", "imageName": "quoted"})
    session.check()
    assert session.said.count("yours?") >= 2


@pytest.fixture
def nobody():
    """An address that refuses connections, and that nobody else is given meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


UNREACHABLE = {
    "a proxy that refuses": {"proxy": f"http://user:{PASSWORD}@{{nobody}}"},
    "a proxy with a password of reserved characters": {"proxy": f"http://user:{quote(HUSH, safe='')}@{{nobody}}"},
    "a proxy that is none": {"proxy": f"ftp://user:{PASSWORD}@proxy"},
    "a proxy that cannot be parsed": {"proxy": f"http://user:{PASSWORD}@pro xy:port"},
    "an endpoint with a password": {"endpoints": json.dumps([{"ecs": f"http://user:{PASSWORD}@{{nobody}}"}])},
    "a credentials URI that refuses": {"credentialsUri": f"http://user:{PASSWORD}@{{nobody}}/keys?token={PASSWORD}"},
    "a credentials URI that is none": {"credentialsUri": f"nothing://user:{PASSWORD}@here"},
}
ECHOED_BY_DESIGN = {"endpoints", "credentialsUri"}
"""Settings that are no secrets: CheckConfig gives them back as they are."""


@pytest.mark.parametrize("settings", UNREACHABLE.values(), ids=UNREACHABLE)
@pytest.mark.parametrize("by", ["setting", "variable"])
def test_an_address_keeps_its_password_to_itself(session, nobody, settings, by):
    ((name, value),) = settings.items()
    value = value.replace("{nobody}", nobody)
    session.world.settings = {"maxRetryTimeout": "1", **({} if name == "credentialsUri" else LONG_TERM)}
    variables = {}
    if by == "setting":
        session.world.settings[name] = value
    elif name == "proxy":
        variables = {"HTTP_PROXY": value, "http_proxy": value, "HTTPS_PROXY": value}
    elif name == "endpoints":
        variables = {"ALIBABA_CLOUD_ENDPOINT_ECS": json.loads(value)[0]["ecs"]}
    else:
        variables = {"ALICLOUD_CREDENTIALS_URI": value}
    plugin = session.start(**variables)
    settings = {"region": REGION, "protocol": "HTTP", **session.world.settings}
    if name == "proxy":
        settings["endpoints"] = json.dumps([{"ecs": "http://ecs.test"}])
    _, failures = plugin.check_config(**settings)
    session.captured.append(("answer", json.dumps(failures)))
    if name not in ECHOED_BY_DESIGN:
        session.go(plugin.check_config, **settings)
    if session.go(plugin.configure, **settings):
        session.go(plugin.read, "m-system")
    session.check(PASSWORD, HUSH)
    assert "error" in {where for where, _ in session.captured}


WRONG_SETTINGS = {
    "a secret of the wrong type": {"secretKey": [HUSH]},
    "a secret with a blank": {"accessKey": KEY[0], "secretKey": f"{HUSH} {PASSWORD}"},
    "a key id that is the secret": {"accessKey": HUSH, "secretKey": HUSH},
    "half a key": {"secretKey": HUSH},
    "a short token": {"securityToken": HUSH, "accessKey": KEY[0], "secretKey": HUSH},
    "an OIDC token that is none": {"assumeRoleWithOidc": {**OIDC_SETTINGS, "oidcToken": f"{HUSH} {PASSWORD}"}},
    "an OIDC token in JSON": {"assumeRoleWithOidc": json.dumps({**OIDC_SETTINGS, "oidcToken": f"{HUSH} {PASSWORD}"})},
    "JSON that is cut short": {"assumeRoleWithOidc": json.dumps({"oidcToken": HUSH})[:-1]},
    "JSON of the wrong shape": {"assumeRoleWithOidc": json.dumps([{"oidcToken": [HUSH]}])},
    "an unknown setting of a role": {"assumeRoleWithOidc": json.dumps({**OIDC_SETTINGS, "oidcTokens": "x"})},
}


WRONG = [
    pytest.param(
        settings,
        wrapped,
        id=f"{name}-{'wrapped' if wrapped else 'plain'}",
    )
    for name, settings in WRONG_SETTINGS.items()
    for wrapped in (True, False)
]


@pytest.mark.parametrize("settings, wrapped", WRONG)
def test_a_wrong_setting_is_not_quoted_where_it_is_secret(session, settings, wrapped):
    plugin = session.start()
    given = {name: secret(value) if wrapped else value for name, value in settings.items()}
    endpoints = json.dumps([{"ecs": session.world.relay.url, "sts": session.world.relay.url}])
    given = {"region": REGION, "endpoints": endpoints, **given}
    # What was given comes back as the new inputs; only what is said about it counts where it was not wrapped.
    with contextlib.suppress(Failed):
        inputs, failures = plugin.check_config(**given)
        session.captured.append(("answer", json.dumps(failures, ensure_ascii=False)))
        if wrapped or not failures:
            session.captured.append(("answer", json.dumps(unwrapped(inputs), ensure_ascii=False)))
    session.go(plugin.check_config, **{name: value for name, value in given.items() if name not in settings})
    if session.go(plugin.configure, **given):
        session.go(plugin.read, "m-system")
    session.check(HUSH, PASSWORD)


BROKEN_FILES = {
    "a config that is cut short": (CONFIG, '{"profiles":[{"name":"default","access_key_secret":"HUSH'),
    "a config with a stray secret": (CONFIG, '{"profiles":[{"name":"default",HUSH}]}'),
    "a config with a blank in the id": (
        CONFIG,
        '{"current":"default","profiles":[{"name":"default","access_key_id":"a b","access_key_secret":"HUSH"}]}',
    ),
    "a command that fails": (
        CONFIG,
        '{"current":"default","profiles":[{"name":"default","mode":"External","process_command":"echo HUSH; exit 3"}]}',
    ),
    "a command that prints half": (
        CONFIG,
        '{"current":"default","profiles":[{"name":"default","mode":"External","process_command":"echo HUSH"}]}',
    ),
    "an ini file with a stray secret": (INI, "[default]\ntype = access_key\nHUSH\n"),
    "an ini file with a blank in the id": (
        INI,
        "[default]\ntype = access_key\naccess_key_id = a b\naccess_key_secret = HUSH\n",
    ),
    "an ini file without an id": (INI, "[default]\ntype = access_key\naccess_key_secret = HUSH\n"),
}


@pytest.mark.parametrize("name, text", BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_is_not_quoted(session, name, text):
    session.world.file(name, text.replace("HUSH", PASSWORD))
    plugin = from_world(session)
    if plugin:
        session.go(plugin.read, "m-system")
    session.check(PASSWORD)
    assert "error" in {where for where, _ in session.captured}


def test_a_secret_property_stays_one_through_an_images_life(session):
    plugin = configured(session)
    inputs = {
        "snapshotId": "s-system",
        "imageName": "secretive",
        "description": secret(HUSH),
        "tags": {"plain": "1", "hidden": secret(PASSWORD)},
    }
    session.go(plugin.check, "secretive", inputs)
    session.go(plugin.check, "secretive", {**inputs, "description": secret(HUSH * 20), "instanceId": secret(PASSWORD)})
    image_id, state = session.go(plugin.create, "secretive", inputs)
    session.go(plugin.read, image_id, "secretive", state, inputs)
    session.go(plugin.create, "again", inputs)
    quoting = [refusal(action, message=f"{HUSH}! {PASSWORD}") for action in ("ModifyImageAttribute", "DeleteImage")]
    session.world.emulator.control("POST", "faults", quoting)
    changed = {**inputs, "description": secret(f"{HUSH}!")}
    session.go(plugin.update, image_id, "secretive", state, inputs, changed)
    state = session.go(plugin.update, image_id, "secretive", state, inputs, changed)
    session.go(plugin.delete, image_id, "secretive", state, changed)
    session.go(plugin.delete, image_id, "secretive", state, changed)
    session.world.emulator.control("POST", "faults", [{"action": "CreateImage", "do": "fail_later"}])
    session.go(plugin.create, "failing", {**inputs, "imageName": "failing"})
    session.check(HUSH, PASSWORD)


@pytest.fixture
def stack(start, plug, session):
    """A stack that demands the secret among the parameters, and a plugin that sends it there."""
    cloud = start("--flavour", "apsarastack", "--demand-secret-in-query", "--image-ready-after", "0s")
    plugin = session.start()
    plugin.configure(
        region="cn-stack-env-d01",
        cloud="apsarastack",
        department="37",
        resourceGroup="71",
        sendAccessKeySecret="true",
        maxRetryTimeout="1",
        endpoints=json.dumps([{"ecs": cloud.url}]),
        **LONG_TERM,
    )
    return cloud, plugin


@pytest.mark.parametrize("fault", [None, "error", "http", "garbage", "reset_before"])
def test_a_secret_among_the_parameters_stays_there(session, stack, fault):
    cloud, plugin = stack
    if fault:
        more = {"code": "Odd", "message": f"AccessKeySecret={quote(KEY[1], safe='')}&"} if fault == "error" else {}
        cloud.control("POST", "faults", [{"action": "DescribeImages", "do": fault, "times": 99, **more}])
    session.go(plugin.read, "m-system")
    session.check()
    assert all(entry["secret_in_query"] for entry in cloud.requests("DescribeImages"))
    assert cloud.requests("DescribeImages")


def test_a_role_on_top_of_a_key_gives_neither_away(session):
    session.world.settings = {**LONG_TERM, "assumeRole": json.dumps({"roleArn": ROLE})}
    plugin = from_world(session)
    session.world.emulator.control("POST", "faults", [refusal("AssumeRole", message=f"Is {KEY[1]} yours?")])
    session.go(plugin.read, "m-system")
    session.go(plugin.read, "m-system")
    session.check()
    assert "yours?" in session.said
