"""JSON schemas of what is asked for, in the part of the language that all servers know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def list_schema(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Of an object with a list of objects that have all of these properties."""
    return object_schema({name: {"type": "array", "items": object_schema(properties)}})


def object_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Of an object that has all of these properties and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
