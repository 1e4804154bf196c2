"""Configs: their files, the rules of their keys, and the config that a run stores."""

from remote_jax.config.files import (
    load,
    load_pipeline,
    names,
    pipelines,
    presets,
    run_name,
    unknown_preset,
)
from remote_jax.config.loop import LOOP_KEYS
from remote_jax.config.rules import (
    LANGUAGE,
    SWITCH,
    Between,
    Key,
    Keys,
    OneOf,
    Text,
    Whole,
    check,
    check_override,
    flatten,
    override,
    wrong_type,
)
from remote_jax.config.runs import RESUMABLE_KEYS, check_folder, check_same, longer, read, write

__all__ = [
    "LANGUAGE",
    "LOOP_KEYS",
    "RESUMABLE_KEYS",
    "SWITCH",
    "Between",
    "Key",
    "Keys",
    "OneOf",
    "Text",
    "Whole",
    "check",
    "check_folder",
    "check_override",
    "check_same",
    "flatten",
    "load",
    "load_pipeline",
    "longer",
    "names",
    "override",
    "pipelines",
    "presets",
    "read",
    "run_name",
    "unknown_preset",
    "write",
    "wrong_type",
]
