"""Candidates in chunks: every entity once, and what is found is that of all at once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from roam_models import COMPLEX, DECISION, SIZES, model, queries
from scored import of_scores, packed

from remote_jax.roam import outputs, ranking
from remote_jax.roam.model import entities
from remote_jax.roam.probabilities import TEMPERATURES
from remote_jax.roam.ranking import Chunks

SMALL = 8 * 2
QUERIES = 5


@pytest.fixture(scope="module", autouse=True)
def small_chunks():
    """Chunks of 16, of two pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "CHUNK", SMALL)
        patch.setattr(ranking, "SLABS", 2)
        patch.setattr(outputs, "PAGE", 6)
        patch.setattr(outputs, "PAGES", 4)
        yield


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200))
def test_every_entity_is_in_one_chunk(count):
    chunks = Chunks.of(count)
    ids = [np.asarray(chunks.entities(number)) for number in range(chunks.count)]
    assert all(len(one) == chunks.size <= SMALL and (np.diff(one) > 0).all() for one in ids)
    assert sorted(np.concatenate(ids)) == list(range(chunks.filled))
    assert chunks.filled >= count and (chunks.count - 1) * SMALL < count
    table = jnp.arange(2 * chunks.filled).reshape(2, -1)
    for number, one in enumerate(ids):
        taken = chunks.take(table, number, axis=1)
        np.testing.assert_array_equal(taken, np.asarray(table)[:, one])


def expected(scores, known, target, new):
    """Of one query, by brute force in float64."""
    scores = scores.astype(np.float64)
    rivals = [e for e in range(len(scores)) if e != target and not known[e]]
    above = sum(not scores[e] <= scores[target] for e in rivals)
    beside = sum(scores[e] == scores[target] for e in rivals)
    there = [e for e in range(len(scores)) if not (new and known[e])]
    with np.errstate(invalid="ignore"):
        logs = [np.logaddexp.reduce([-np.inf, *(scores[~known] / hot)]) for hot in TEMPERATURES]
        both = [np.logaddexp(0, scores[~known] / hot).sum() for hot in TEMPERATURES]
    return {
        "rank": 1 + above + beside / 2,
        "best": max([-np.inf, *scores[rivals]]),
        "entities": sorted(there, key=lambda e: (-scores[e], e)),
        "softmax": logs,
        "sigmoid": both,
    }


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([SMALL - 1, SMALL, SMALL + 1, 2 * SMALL, 2 * SMALL + 1, 70]),
    st.sampled_from(["softmax", "sigmoid"]),
    st.integers(1, 30),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_answers_are_those_of_all_entities_at_once(count, loss, values, paged, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-values, values + 1, (QUERIES, count)).astype(np.float32) / 2
    known = rng.random((QUERIES, count)) < rng.choice([0.0, 0.3, 1.0], (QUERIES, 1))
    target, new = rng.integers(0, count, QUERIES), rng.random(QUERIES) < 0.5
    page = rng.integers(0, 4, QUERIES)
    batch = {"known": packed(known), "target": target, "new": new, "calibrates": new}
    batch |= {"page": page} if paged else {}
    found = of_scores(scores, batch, loss=loss, chunk=SMALL)
    found = {name: np.asarray(value) for name, value in found.items()}
    for row in range(QUERIES):
        wanted = expected(scores[row], known[row], target[row], new[row])
        assert found["rank"][row] == wanted["rank"]
        assert found["best"][row] == wanted["best"]
        assert found["score"][row] == scores[row, target[row]]
        assert found["target_known"][row] == known[row, target[row]]
        np.testing.assert_allclose(found["log_normaliser"][row], wanted[loss], rtol=1e-5, atol=1e-5)
        start = outputs.PAGE * page[row] if paged else 0
        shown = wanted["entities"][start : start + outputs.PAGE]
        assert found["entities"][row][: len(shown)].tolist() == shown
        assert found["scores"][row][: len(shown)].tolist() == scores[row][shown].tolist()
        np.testing.assert_array_equal(found["known"][row], known[row][found["entities"][row]])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([SMALL, SMALL + 1, 70]), st.integers(0, 2**32 - 1))
def test_what_is_not_a_number_ranks_last(count, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (QUERIES, count)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    known = rng.random(scores.shape) < 0.3
    target = rng.integers(0, count, QUERIES)
    batch = {"known": packed(known), "target": target}
    found = of_scores(scores, batch, loss="sigmoid", chunk=SMALL)["rank"]
    for row in range(QUERIES):
        wanted = expected(scores[row], known[row], target[row], False)["rank"]
        assert found[row] == wanted
        if np.isnan(scores[row, target[row]]):
            assert found[row] == count - (known[row].sum() - known[row, target[row]])


WITHOUT_STRUCTURE = {"features.structure": False}


@pytest.mark.parametrize("changes", [{}, COMPLEX, DECISION, WITHOUT_STRUCTURE])
def test_chunks_of_a_model_are_scored_as_all_entities(changes, monkeypatch):
    """Also where entities are the same, which then tie, or have nothing that could be scored."""
    it, asked = model(**changes), queries(20, seed=3)
    assert SIZES.entities == 40
    for table in it.features.values():  # entities 30 to 39 have no features
        table.present.set_value(table.present[...].at[30:].set(0.0))
    if it.structure is not None:
        it.structure.set_value(it.structure[...].at[30:].set(it.structure[30]))
    monkeypatch.setattr(entities, "BLOCK", 16)
    target = np.arange(20) + 20
    batch = {"known": packed(np.zeros((20, 40), bool)), "target": target}
    batch["new"] = np.zeros(20, bool)

    @jax.jit
    def run(it, batch):
        head, routed = it.heads_alone(asked)
        among = it.all_candidates()
        score = outputs.scores_of_chunks(it, asked, head, routed, among)
        found = outputs.query_outputs(score, among, 40, batch, "softmax")
        chunks = Chunks.of(40)
        parts = [(chunks.entities(i), score(among.chunk(chunks, i))) for i in range(chunks.count)]
        return found, parts, it(asked, among)[0]

    found, parts, expected = jax.device_get(run(it, batch))
    assert len(parts) == 3
    ids = np.concatenate([part[0] for part in parts])
    whole = np.concatenate([part[1] for part in parts], 1)[:, np.argsort(ids)][:, :40]
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    for row in range(20):
        ahead = np.delete(whole[row] - whole[row, target[row]], target[row])
        beside = (ahead == 0).sum()
        assert found["rank"][row] == 1 + (ahead > 0).sum() + beside / 2
        assert beside >= 9 * (target[row] >= 30)
        np.testing.assert_array_equal(found["scores"][row], np.sort(whole[row])[::-1][:6])
