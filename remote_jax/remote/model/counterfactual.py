"""A model without its mechanisms: each is replaced by what does nothing in its place."""

from collections.abc import Collection

from remote_jax.remote.model.remote import Remote

MECHANISMS = {
    "transport": "levels are not fused, F″ = F",
    "router": "the experts that are present weigh alike",
    "experts": "each stream is its own last level",
}
"""What `without` can take away, and what stands in its place."""


def without(model: Remote, names: Collection[str]) -> Remote:
    """The model, told which mechanisms to do without; in place.

    Its parameters keep their names and shapes, so those of the whole model fit.
    """
    for fusion in (model.text.fusion, model.vision.fusion):
        fusion.identity = "transport" in names
    if model.mmoe is not None:
        for stream in (model.mmoe.text, model.mmoe.vision):
            stream.uniform = "router" in names
            stream.last_level = "experts" in names
    return model
