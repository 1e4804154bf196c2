"""Settings of `remote-jax graph`: their rules, meanings and defaults."""

from __future__ import annotations

from ml_collections import ConfigDict

from remote_jax.config import SWITCH, Between, Key, Keys, Text, Whole, check

KEYS: Keys = {
    "graph.abbreviations": Key(
        SWITCH, "Whether a surname, initials or an acronym stand for the full name that fits."
    ),
    "graph.type_share": Key(
        Between(0, 1),
        "Least share of the mentions of a name that a type needs to be another entity's; mentions "
        "of rarer types join the most frequent one.",
    ),
    "graph.encoder": Key(
        Text("a folder or a name on the Hugging Face hub"),
        "BERT whose similarity of names in their sentences links, and that makes text features; "
        "empty: neither.",
    ),
    "graph.similarity": Key(
        Between(0, 1, open=True), "Least cosine of two names that `graph.encoder` links."
    ),
    "graph.self_probability": Key(
        Between(0, 1), "Least probability of a `self` relation that links an object."
    ),
    "graph.check_types": Key(
        SWITCH, "Whether a relation such as /per/org/member_of needs ends of the types it names."
    ),
    "graph.minimum_probability": Key(
        Between(0, 1), "Least probability of a fact, all of its posts combined."
    ),
    "graph.minimum_posts": Key(Whole(1), "Least number of posts that state a fact."),
    "graph.functional": Key(
        Text("relations separated by commas"),
        "Relations that have one tail, by full name or last part; more tails are marked.",
    ),
    "graph.symmetric": Key(
        Text("auto, or relations separated by commas"),
        "Relations that hold both ways, so that both orders are one fact; auto: those of "
        "third_party/relations/symmetric.txt.",
    ),
    "graph.vision": Key(
        Text("a folder or a name on the Hugging Face hub"),
        "ViT that makes features of the crops of linked objects; empty: none.",
    ),
    "graph.holdout": Key(
        Between(0, 0.4, open=True), "Share of the facts that validation, and test, of roam/ gets."
    ),
    "graph.holdout_seed": Key(Whole(0, 2**31), "Seed of that draw."),
    "graph.exports": Key(
        Text("formats separated by commas"), "Further formats to write: nt, graphml, neo4j."
    ),
}


def defaults() -> ConfigDict:
    """The default settings, in the section `graph` as `KEYS` names them."""
    return ConfigDict(
        {
            "graph": {
                "abbreviations": True,
                "type_share": 0.25,
                "encoder": "",
                "similarity": 0.9,
                "self_probability": 0.5,
                "check_types": True,
                "minimum_probability": 0.5,
                "minimum_posts": 1,
                "functional": "place_of_birth,place_of_death",
                "symmetric": "auto",
                "vision": "",
                "holdout": 0.1,
                "holdout_seed": 0,
                "exports": "nt,graphml,neo4j",
            }
        }
    )


def checked(config: ConfigDict) -> ConfigDict:
    """The settings, or a UserError where one breaks its rule."""
    check(config, KEYS)
    return config


def listed(text: str) -> tuple[str, ...]:
    """The parts of a setting that are separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
