"""A gRPC client that knows nothing of stressd but what its server reflects.

The reflection protocol itself (grpc.reflection.v1alpha) is written down here as
a descriptor of the few fields that are used; every other message type is built
from the file descriptors that the server sends.
"""

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory

_REFLECTION = "grpc.reflection.v1alpha"
_METHOD = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

_FIELD = descriptor_pb2.FieldDescriptorProto


def _add_message(file, name, fields):
    """Adds a message; a field is (name, number, type or message name, repeated)."""
    message = file.message_type.add(name=name)
    for field_name, number, kind, repeated in fields:
        field = message.field.add(name=field_name, number=number)
        field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
        if isinstance(kind, str):
            field.type = _FIELD.TYPE_MESSAGE
            field.type_name = f".{_REFLECTION}.{kind}"
        else:
            field.type = kind


def _reflection_messages():
    """Returns the request and response classes of the reflection service."""
    file = descriptor_pb2.FileDescriptorProto(
        name="reflection_client.proto", package=_REFLECTION, syntax="proto3")
    _add_message(file, "ServerReflectionRequest", [
        ("file_by_filename", 3, _FIELD.TYPE_STRING, False),
        ("file_containing_symbol", 4, _FIELD.TYPE_STRING, False),
        ("list_services", 7, _FIELD.TYPE_STRING, False),
    ])
    # Which of them is set matters even when it is empty: list_services.
    file.message_type[0].oneof_decl.add(name="message_request")
    for field in file.message_type[0].field:
        field.oneof_index = 0
    _add_message(file, "FileDescriptorResponse",
                 [("file_descriptor_proto", 1, _FIELD.TYPE_BYTES, True)])
    _add_message(file, "ServiceResponse", [("name", 1, _FIELD.TYPE_STRING, False)])
    _add_message(file, "ListServiceResponse", [("service", 1, "ServiceResponse", True)])
    _add_message(file, "ErrorResponse", [
        ("error_code", 1, _FIELD.TYPE_INT32, False),
        ("error_message", 2, _FIELD.TYPE_STRING, False),
    ])
    _add_message(file, "ServerReflectionResponse", [
        ("file_descriptor_response", 4, "FileDescriptorResponse", False),
        ("list_services_response", 6, "ListServiceResponse", False),
        ("error_response", 7, "ErrorResponse", False),
    ])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return (
        factory.GetPrototype(
            pool.FindMessageTypeByName(f"{_REFLECTION}.ServerReflectionRequest")),
        factory.GetPrototype(
            pool.FindMessageTypeByName(f"{_REFLECTION}.ServerReflectionResponse")),
    )


class ReflectionClient:
    """Calls the methods of a server by name, with messages given as keywords."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self._request, self._response = _reflection_messages()
        self._pool = descriptor_pool.DescriptorPool()
        self._factory = message_factory.MessageFactory(self._pool)
        self._files = set()

    def close(self):
        self.channel.close()

    def wait(self, timeout):
        """Waits until the server can be reached."""
        grpc.channel_ready_future(self.channel).result(timeout=timeout)

    def _ask(self, **question):
        call = self.channel.stream_stream(
            _METHOD,
            request_serializer=self._request.SerializeToString,
            response_deserializer=self._response.FromString)
        (answer,) = call(iter([self._request(**question)]), timeout=60)
        if answer.HasField("error_response"):
            raise LookupError(answer.error_response.error_message)
        return answer

    def services(self):
        """Returns the full names of the server's services."""
        answer = self._ask(list_services="")
        return sorted(service.name for service in answer.list_services_response.service)

    def _add_files(self, answer):
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(data)
            for data in answer.file_descriptor_response.file_descriptor_proto
        ]
        for file in files:
            if file.name in self._files:
                continue
            self._files.add(file.name)
            for imported in file.dependency:
                if imported not in self._files:
                    self._add_files(self._ask(file_by_filename=imported))
            self._pool.Add(file)

    def service(self, name):
        """Returns the descriptor of a service."""
        try:
            return self._pool.FindServiceByName(name)
        except KeyError:
            self._add_files(self._ask(file_containing_symbol=name))
            return self._pool.FindServiceByName(name)

    def message(self, descriptor):
        """Returns the class of a message."""
        return self._factory.GetPrototype(descriptor)

    def call(self, service, method, /, timeout=60, **fields):
        """Calls a method; returns the response, or an iterator of a stream's."""
        described = self.service(service)
        found = described.methods_by_name[method]
        proto = descriptor_pb2.ServiceDescriptorProto()
        described.CopyToProto(proto)
        streams = next(m for m in proto.method if m.name == method).server_streaming
        make = self.channel.unary_stream if streams else self.channel.unary_unary
        invoke = make(
            f"/{service}/{method}",
            request_serializer=self.message(found.input_type).SerializeToString,
            response_deserializer=self.message(found.output_type).FromString)
        return invoke(self.message(found.input_type)(**fields), timeout=timeout)
