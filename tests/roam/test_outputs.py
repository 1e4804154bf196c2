"""The best answers of a query, by sorting all of them."""

import numpy as np
import pytest
from scored import of_scores, packed

from remote_jax.roam import ranking
from remote_jax.roam.outputs import PAGE

ENTITIES = 250


@pytest.fixture(scope="module")
def scored():
    """Scores with ties, and what is known: of the first query nothing, of the last all."""
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 60, (4, ENTITIES)).astype(np.float32)
    known = rng.random((4, ENTITIES)) < 0.6
    known[0], known[-1] = False, True
    return scores, known


def best(scores, known, *, new):
    """All entities that are to be shown, the best first, ties in their order."""
    there = [e for e in range(ENTITIES) if not (new and known[e])]
    return sorted(there, key=lambda e: (-scores[e], e))


def ask(scores, known, loss="softmax", **wanted):
    batch = {"known": packed(known), **wanted}
    found = of_scores(scores, batch, loss=loss, chunk=ranking.CHUNK)
    return {name: np.asarray(value) for name, value in found.items()}


@pytest.mark.parametrize("page", [None, 0, 1, 2])
def test_a_page_of_the_best_answers(scored, page):
    scores, known = scored
    new = np.array([True, True, False, True])
    pages = {} if page is None else {"page": np.full(4, page, np.int32)}
    found = ask(scores, known, new=new, **pages)
    start = PAGE * (page or 0)
    for row in range(4):
        expected = best(scores[row], known[row], new=new[row])[start : start + PAGE]
        shown = np.isfinite(found["scores"][row])
        count = len(expected)
        assert found["entities"][row][:count].tolist() == expected
        assert found["scores"][row][:count].tolist() == scores[row][expected].tolist()
        np.testing.assert_array_equal(found["known"][row], known[row][found["entities"][row]])
        # What follows is left out, or is the last entity again.
        rest = found["entities"][row][count:][shown[count:]]
        last = best(scores[row], known[row], new=False)[-1]
        assert set(rest.tolist()) <= {last}


def test_fewer_entities_than_a_page():
    new = np.ones(2, bool)
    found = ask(np.ones((2, 7), np.float32), np.zeros((2, 7), bool), new=new)
    assert found["entities"].tolist() == [list(range(7))] * 2


def test_only_what_is_wanted_is_made(scored):
    scores, known = scored
    new, target = np.zeros(4, bool), np.arange(4)
    best_alone = {"entities", "scores", "known"}
    of_targets = {"rank", "score", "target_known", "best"}
    calibrates = np.ones(4, bool)
    assert ask(scores, known, "sigmoid", new=new).keys() == best_alone
    assert ask(scores, known, new=new).keys() == best_alone | {"log_normaliser"}
    assert ask(scores, known, "sigmoid", target=target).keys() == of_targets
    normaliser = {"log_normaliser"}
    asked = {"target": target, "calibrates": calibrates}
    assert ask(scores, known, "sigmoid", **asked).keys() == of_targets | normaliser
    both = ask(scores, known, new=new, target=target)
    assert both.keys() == best_alone | of_targets | normaliser
