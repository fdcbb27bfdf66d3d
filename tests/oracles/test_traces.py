"""Spans, as a collector takes them that speaks OTLP over gRPC."""

import time
from concurrent import futures

import grpc
import pytest

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PATIENCE = 30


class Collector(grpc.GenericRpcHandler):
    def __init__(self):
        self.taken = []
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=2), options=[("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    # gRPC names it, not we.
    def service(self, details):
        def take(request, context):
            self.taken.append(request)
            return b""

        return grpc.unary_unary_rpc_method_handler(take) if details.method == EXPORT else None


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.server.stop(grace=None).wait()


@pytest.mark.parametrize("address", ["{}", "http://{}", "http://{}/"])
def test_a_collector_is_named_with_its_scheme_or_without(plug, collector, address):
    plugin = plug(PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT=address.format(collector.address))
    plugin.check("image", {"snapshotId": "s-system"})
    end = time.monotonic() + PATIENCE
    while not collector.taken and time.monotonic() < end:
        time.sleep(0.05)
    assert any(b"Check" in spans for spans in collector.taken)


@pytest.mark.parametrize("address", ["https://127.0.0.1:4317", "not an address"])
def test_an_address_that_is_none_is_told(plug, address):
    plugin = plug(PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT=address)
    plugin.check("image", {"snapshotId": "s-system"})
    end = time.monotonic() + PATIENCE
    while not plugin.engine.lines and time.monotonic() < end:
        time.sleep(0.05)
    assert "PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT" in plugin.engine.lines[0].message
