"""Keys of the parts `text` and `vision` of a config."""

from remote_jax.config import Between, Key, Keys, Text, Whole

# Far above any published encoder, and below what would take minutes to build.
_WIDTH, _SIDE = Whole(1, 2**16), Whole(1, 4096)


def _keys(part: str, checkpoints: str) -> dict[str, Key]:
    """Keys of either part. Without a checkpoint its sizes are needed (`build.check_sizes`)."""
    return {
        f"{part}.pretrained": Key(
            Text("a folder or a name on the Hugging Face hub"),
            f"Checkpoint of {checkpoints}; empty: trained from scratch in the sizes below.",
        ),
        f"{part}.dropout": Key(
            Between(0, 1), "Dropout of layers and of attention, whatever rates a checkpoint names."
        ),
        f"{part}.dim": Key(_WIDTH, "Width.", optional=True),
        f"{part}.layers": Key(Whole(1, 512), "Number of blocks.", optional=True),
        f"{part}.heads": Key(Whole(1, 1024), "Heads of attention.", optional=True),
        f"{part}.mlp_dim": Key(_WIDTH, "Width of the MLP in a block.", optional=True),
    }


ENCODER_KEYS: Keys = {
    **_keys("text", "a BERT"),
    "text.vocab_size": Key(
        Whole(1, 2**22),
        "Word pieces of the tokenizer that is trained on the sentences.",
        optional=True,
    ),
    "text.max_positions": Key(_WIDTH, "Most word pieces of a sequence.", optional=True),
    **_keys("vision", "a ViT or of CLIP's vision tower"),
    "vision.image_size": Key(
        _SIDE, "Side of a picture, in pixels, that has an embedding a patch.", optional=True
    ),
    "vision.patch": Key(_SIDE, "Side of a patch, in pixels.", optional=True),
}
