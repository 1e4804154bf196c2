"""Keys of the parts `text` and `vision` of a config."""

from remote_jax.config import Between, Key, Keys, Text, Whole


def _keys(part: str, checkpoints: str) -> dict[str, Key]:
    """Keys of either part. Without a checkpoint its sizes are needed (`build.check_sizes`)."""
    return {
        f"{part}.pretrained": Key(
            Text("a folder or a name on the Hugging Face hub"),
            f"Checkpoint of {checkpoints}; empty: trained from scratch in the sizes below.",
        ),
        f"{part}.dropout": Key(Between(0, 1), "Dropout of layers and of attention."),
        f"{part}.dim": Key(Whole(1), "Width.", optional=True),
        f"{part}.layers": Key(Whole(1), "Number of blocks.", optional=True),
        f"{part}.heads": Key(Whole(1), "Heads of attention.", optional=True),
        f"{part}.mlp_dim": Key(Whole(1), "Width of the MLP in a block.", optional=True),
    }


ENCODER_KEYS: Keys = {
    **_keys("text", "a BERT"),
    "text.vocab_size": Key(
        Whole(1), "Word pieces of the tokenizer that is trained on the sentences.", optional=True
    ),
    "text.max_positions": Key(Whole(1), "Most word pieces of a sequence.", optional=True),
    **_keys("vision", "a ViT or of CLIP's vision tower"),
    "vision.image_size": Key(
        Whole(1), "Side of a picture, in pixels, that has an embedding a patch.", optional=True
    ),
    "vision.patch": Key(Whole(1), "Side of a patch, in pixels.", optional=True),
}
