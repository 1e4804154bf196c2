"""Takes mechanisms out of a trained model, so that their worth can be read off its scores."""

from collections.abc import Iterable

from remote_jax.eega.model.eega import Eega
from remote_jax.eega.model.multi_channel import MultiChannel

TEXT_GRAPH, VISUAL_GRAPH, IMAGE, CHANNELS = "text_graph", "visual_graph", "image", "channels"


def mechanisms(*, graphs: bool, picture: bool, channels: Iterable[str]) -> dict[str, str]:
    """What a model has that can be taken out, and what stands in its place.

    Args:
      graphs: whether its transformers read the edges of graphs.
      picture: whether it sees pictures.
      channels: their names.
    """
    found = {}
    if graphs:
        found[TEXT_GRAPH] = "each word has no neighbour but itself"
    if graphs and picture:
        found[VISUAL_GRAPH] = "each object has no neighbour but itself"
    if picture:
        found[IMAGE] = "words read no object, as in a post without a picture"
    names = tuple(channels)
    if names:
        found[CHANNELS] = "S is O (Eq. 10), and the tagger sees no channel of a pair"
    return found | {name: f"every vector of the channel {name} is 0 (Eq. 9)" for name in names}


def take_away(model: Eega, names: Iterable[str]) -> Eega:
    """The model without these of its `mechanisms`, in place; its parameters stay.

    Attention of words along the graphs, to objects and along a channel keeps its layers, which then
    have nothing to read: what they add to a word is the same for all words, or for it alone.
    """
    for name in names:
        if name == TEXT_GRAPH:
            model.text.isolated = True
        elif name == VISUAL_GRAPH and model.vision is not None:
            model.vision.isolated = True
        elif name == IMAGE:
            model.blind = True
        elif name == CHANNELS:
            model.unchannelled = True
        elif model.channels is not None:
            _silence(model.channels, name)
    return model


def _silence(channels: MultiChannel, name: str) -> None:
    channels.channels[name].silent = True
