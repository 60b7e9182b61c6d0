"""Every answer that a boto3 client gets, held as it came against the shape that the service publishes for it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from botocore.model import OperationModel, Shape


class Answers:
    """Listens to a client. Of each operation that it called it knows that an answer came, and what did not fit in any."""

    def __init__(self, client: Any):
        self.model = client.meta.service_model
        self.succeeded: set[str] = set()
        client.meta.events.register(f"response-received.{self.model.service_id.hyphenize()}", self._received)

    @property
    def operations(self) -> set[str]:
        return set(self.model.operation_names)

    def _received(self, event_name: str, response_dict: dict[str, Any] | None, **_: Any) -> None:
        if response_dict is None or response_dict["status_code"] >= 300:
            return
        operation: OperationModel = self.model.operation_model(event_name.rsplit(".", 1)[1])
        faults = misfits(operation, response_dict["body"])
        assert not faults, f"{operation.name}: {faults}: {response_dict['body'][:2000]!r}"
        self.succeeded.add(operation.name)


def misfits(operation: OperationModel, body: bytes) -> list[str]:
    """What is wrong with an answer. botocore itself drops what it does not know and forgives what is missing."""
    if operation.output_shape is None or not (operation.output_shape.members or body):
        return [] if body in (b"", b"{}") else ["a body where none is published"]
    payload = operation.output_shape.serialization.get("payload")
    if payload is not None and operation.output_shape.members[payload].type_name == "blob":
        # The body is the document itself.
        return [] if body else ["an empty document"]
    faults: list[str] = []
    _visit(operation.output_shape, json.loads(body), "", faults)
    return faults


def _visit(shape: Shape, value: Any, path: str, faults: list[str]) -> None:
    if getattr(shape, "is_document_type", False):
        return
    kinds = {
        "structure": dict, "map": dict, "list": list, "string": str, "blob": str, "boolean": bool, "integer": int, "long": int,
        "timestamp": str if shape.serialization.get("timestampFormat") == "iso8601" else (int, float), "float": (int, float), "double": (int, float),
    }
    kind = kinds[shape.type_name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        faults.append(f"{path}: {value!r} is no {shape.type_name}")
        return
    match shape.type_name:
        case "structure":
            # REST services have names on the wire.
            members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
            wire = {name: member.serialization.get("name", name) for name, member in shape.members.items()}
            faults += [f"{path}.{name} is not published" for name in value.keys() - members.keys()]
            # The service itself answers an empty CustomDomainConfig for a domain of its own.
            required = {wire[name] for name in shape.required_members} if value or not path.endswith(".CustomDomainConfig") else set()
            faults += [f"{path}.{name} is required" for name in required - value.keys()]
            for name in value.keys() & members.keys():
                _visit(members[name], value[name], f"{path}.{name}", faults)
        case "list":
            for index, item in enumerate(value):
                _visit(shape.member, item, f"{path}[{index}]", faults)
        case "map":
            for key, item in value.items():
                _visit(shape.key, key, f"{path}.{key}", faults)
                _visit(shape.value, item, f"{path}.{key}", faults)
        case "string":
            if shape.enum and value not in shape.enum:
                faults.append(f"{path}: {value!r} is none of {shape.enum}")
        case "blob":
            base64.b64decode(value, validate=True)
    limits = shape.metadata
    size = len(value) if isinstance(value, (str, list)) else value if isinstance(value, int) else None
    if size is not None and shape.type_name != "boolean":
        if "min" in limits and size < limits["min"]:
            faults.append(f"{path}: {value!r} is less than {limits['min']}")
        # The service names an attribute of its own schema longer than it publishes that names can be.
        if "max" in limits and size > limits["max"] and value != "phone_number_verified":
            faults.append(f"{path}: {value!r} is more than {limits['max']}")
    # The service publishes that a completion message is one word, and writes sentences.
    has_pattern = "pattern" in limits and shape.name != "CompletionMessageType"
    if isinstance(value, str) and has_pattern and not _fits(limits["pattern"], value):
        faults.append(f"{path}: {value!r} does not match {limits['pattern']}")


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.search(f"^(?:{pattern})$", value) is not None
    except re.error:
        # Character classes such as \p{L} are none of Python's.
        return True
