"""Rates of their own for some parameters."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import toy

from remote_jax.config import LOOP_KEYS, rates
from remote_jax.errors import UserError
from remote_jax.training.optimizer import make_optimizer


def train(**changes: object):
    return toy.get_config(**{f"train.{key}": value for key, value in changes.items()}).train


def test_named_parameters_learn_at_their_rate_and_the_longest_name_decides() -> None:
    """Adam's first step is the rate, whatever the gradient."""
    config = train(
        learning_rate=0.1,
        new_learning_rate=0.3,
        warmup=0.0,
        weight_decay=0.0,
        rates="fusion=0.02, text/bert/words=4,fusion/alpha=0.5",
    )
    optimizer, _ = make_optimizer(config, 10)
    expected = {
        "fusion/alpha/0": 0.5,
        "fusion/key": 0.02,
        "text/bert/words": 4.0,
        "text/bert/types": 0.1,
        "head": 0.3,
    }
    params = {name: jnp.ones(3) for name in expected}
    gradients = {name: jnp.full(3, 1e-2) for name in expected}
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    for name, rate in expected.items():
        np.testing.assert_allclose(updates[name], -rate, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fusion", "'fusion', expected the beginning of a name and a rate"),
        ("fusion=fast", "'fusion=fast', expected"),
        ("fusion=0", "above 0"),
        ("fusion=inf", "above 0"),
        ("=0.1", "'=0.1'"),
        ("fusion=1,fusion=2", "two rates for 'fusion'"),
    ],
)
def test_what_is_no_rate_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        rates.parse(text)
    assert text not in LOOP_KEYS["train.rates"].rule


def test_no_rates_are_rates() -> None:
    assert rates.parse("") == {} and "" in LOOP_KEYS["train.rates"].rule
    assert 0.1 not in LOOP_KEYS["train.rates"].rule


def test_a_name_of_nothing_is_said() -> None:
    names = ["text/fusion/alpha/0", "head/kernel"]
    assert rates.unused(train(rates="text/fusion/alpha=1,head=2"), names) == []
    (said,) = rates.unused(train(rates="head=2,text/fusio/alpha=1"), names)
    assert "no parameter of this model begins with 'text/fusio/alpha' (did you mean 'text/f" in said
