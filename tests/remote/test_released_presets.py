"""Presets with the values of the authors' code: its script, and defaults where that sets none."""

import pytest

from remote_jax import config as configs

RELEASED = {
    "data.max_tokens": 256,
    "data.max_objects": 12,
    "vision.pretrained": "openai/clip-vit-base-patch32",
    "vision.dropout": 0,
    "text.dropout": 0.1,
    "model.epsilon": 0.5,
    "model.iterations": 50,
    "model.dropout": 0,
    "train.learning_rate": 1e-5,
    "train.batch_size": 32,
    "train.epochs": 30,
    "train.warmup": 0.06,
    "train.weight_decay": 0.01,
    "train.clip": 0,
}
OF_EACH = {
    "umre": {"data.name": "umre", "data.triplets": "ee,oo,eo"},
    "more": {"data.name": "more", "data.triplets": "eo", "data.boxes": "auto"},
    "mnre": {"data.name": "mnre", "data.triplets": "ee"},
}


@pytest.mark.parametrize("name", OF_EACH)
def test_released_has_the_values_of_the_authors_code(name: str) -> None:
    values = configs.flatten(configs.load(f"{name}:released"))
    expected = {**RELEASED, **OF_EACH[name]}
    assert {key: values[key] for key in expected} == expected


@pytest.mark.parametrize("name", OF_EACH)
def test_released_differs_from_paper_in_these_keys_alone(name: str) -> None:
    paper, released = (configs.flatten(configs.load(f"{name}:{p}")) for p in ("paper", "released"))
    assert {key for key in paper if paper[key] != released[key]} == {
        "data.max_tokens",
        "vision.pretrained",
        "vision.dropout",
        "model.epsilon",
        "model.own_weight",
        "model.dropout",
        "train.clip",
    }
