"""`pulumi up --otel-traces`: what the plugin does, in the engine's own trace."""

import json

from scene import OPERATIONS

PLUGIN = "pulumi-resource-alicloud"


def spans_of(file, service):
    """The spans of one process, from the lines that the engine writes."""
    found = []
    for line in file.read_text().splitlines():
        for source in json.loads(line).get("resourceSpans", []):
            named = {each["key"]: each["value"].get("stringValue") for each in source["resource"].get("attributes", [])}
            if named.get("service.name") == service:
                found += [span for scope in source["scopeSpans"] for span in scope["spans"]]
    return found


def attributes(span):
    return {each["key"]: each["value"]["stringValue"] for each in span.get("attributes", [])}


def test_calls_and_waits_are_spans_of_the_deployment(scene, tmp_path):
    scene.prepare(OPERATIONS["create, named"])
    scene.begin()
    scene.proxy.watch()
    file = tmp_path / "traces.json"
    scene.stack.run("up", "--yes", f"--otel-traces=file://{file}")
    spans = spans_of(file, PLUGIN)
    by_id = {span["spanId"]: span for span in spans}
    calls = [span for span in spans if span["name"] == "call"]
    assert {"CreateImage", "DescribeImages", "ModifyImageAttribute"} <= {attributes(call)["action"] for call in calls}
    waits = [attributes(span)["status"] for span in spans if span["name"] == "wait"]
    assert any(status.startswith("image m-") for status in waits), waits
    (create,) = [call for call in calls if attributes(call)["action"] == "CreateImage"]
    operation = by_id[create["parentSpanId"]]
    assert operation["name"] == "Create"
    assert attributes(operation)["urn"].endswith("::image")
    engines = {span["traceId"] for span in spans_of(file, "pulumi-cli")}
    assert {span["traceId"] for span in spans} <= engines, "the plugin's spans are in the engine's trace"
