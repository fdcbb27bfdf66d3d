"""proto/ says what the published protocol says: names, numbers, types and streaming.

The authority is the PyPI package `pulumi`, which carries the protocol's compiled descriptors.
"""

import importlib
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

FILES = [
    "google/protobuf/status.proto",
    "pulumi/alias.proto",
    "pulumi/engine.proto",
    "pulumi/errors.proto",
    "pulumi/plugin.proto",
    "pulumi/provider.proto",
]


def published(name: str) -> descriptor_pb2.FileDescriptorProto:
    module = importlib.import_module(f"pulumi.runtime.proto.{Path(name).stem}_pb2")
    file = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


def messages(parent: str, found) -> dict[str, descriptor_pb2.DescriptorProto]:
    """Every message by its full name, nested ones included."""
    all_ = {}
    for message in found:
        name = f"{parent}.{message.name}"
        all_[name] = message
        all_ |= messages(name, message.nested_type)
    return all_


def enums(file: descriptor_pb2.FileDescriptorProto) -> dict[str, dict[str, int]]:
    all_ = {f"{file.package}.{enum.name}": enum for enum in file.enum_type}
    for name, message in messages(file.package, file.message_type).items():
        all_ |= {f"{name}.{enum.name}": enum for enum in message.enum_type}
    return {name: {value.name: value.number for value in enum.value} for name, enum in all_.items()}


def field(message: descriptor_pb2.DescriptorProto, field_) -> tuple:
    oneof = message.oneof_decl[field_.oneof_index].name if field_.HasField("oneof_index") else None
    return field_.name, field_.type, field_.type_name, field_.label, field_.proto3_optional, oneof


def shape(message: descriptor_pb2.DescriptorProto) -> dict:
    return {
        "fields": {f.number: field(message, f) for f in message.field},
        "reserved": sorted((span.start, span.end) for span in message.reserved_range),
        "map entry": message.options.map_entry,
    }


def methods(file: descriptor_pb2.FileDescriptorProto) -> dict[str, tuple]:
    return {
        f"{service.name}.{method.name}": (
            method.input_type,
            method.output_type,
            method.client_streaming,
            method.server_streaming,
        )
        for service in file.service
        for method in service.method
    }


def test_every_file_is_compared(ours):
    assert sorted(ours) == FILES


@pytest.mark.parametrize("name", FILES)
def test_messages_are_the_published_ones(ours, name):
    file = ours[name]
    theirs = messages(file.package, published(name).message_type)
    declared = messages(file.package, file.message_type)
    assert declared
    for message, descriptor in declared.items():
        assert message in theirs, f"{message} is not in the published protocol"
        assert shape(descriptor) == shape(theirs[message]), message


@pytest.mark.parametrize("name", FILES)
def test_enums_are_the_published_ones(ours, name):
    theirs = enums(published(name))
    for enum, values in enums(ours[name]).items():
        assert values == theirs[enum], enum


@pytest.mark.parametrize("name", FILES)
def test_methods_are_the_published_ones(ours, name):
    theirs = methods(published(name))
    for method, signature in methods(ours[name]).items():
        assert signature == theirs[method], method


def test_the_whole_of_the_resource_provider_is_declared(ours):
    theirs = {
        method for method in methods(published("pulumi/provider.proto")) if method.startswith("ResourceProvider.")
    }
    assert set(methods(ours["pulumi/provider.proto"])) == theirs
    assert len(theirs) == 21
