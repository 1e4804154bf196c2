"""REMOTE with one pass over a post for all of its pairs, by levitated markers.

The sentence, its objects and their fusion (Eqs. 3-8) are computed once. What a pair adds are four
markers, opening and closing ones of head and tail, with the positions of what they mark
(`data.together.text`). They attend to the text and to each other; the text attends to itself alone.
So the answer to a pair does not depend on which other pairs are asked. Transport fuses the text,
and markers read what it gave. Eqs. 9-12 are evaluated at the opening markers, and Eq. 13 reads
them, as with a marked sentence.
"""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from remote_jax.encoders.attention import TextAndGroups
from remote_jax.remote.model.mmoe import Levels
from remote_jax.remote.model.remote import Remote
from remote_jax.task import Batch


class RemoteTogether(Remote):
    """`Remote` for the batches of `FeaturizeTogether`; its parameters have the same shapes."""

    def read(self, batch: Batch, rngs: nnx.Rngs | None) -> tuple[Levels, Float[Array, "b 2*p dt"]]:
        """Levels of the text, and the last one at the opening markers of each pair."""
        tokens, types, mask = batch["tokens"], batch["token_types"], batch["token_mask"]
        b, pairs, each = batch["markers"].shape
        places = batch["places"].reshape(b, -1)
        x = self.text.bert.embed(
            jnp.concatenate([tokens, batch["markers"].reshape(b, -1)], axis=1),
            jnp.concatenate([types, jnp.take_along_axis(types, places, axis=1)], axis=1),
            extra=places,
            rngs=rngs,
        )
        text, markers = self.text.fused(x, mask, TextAndGroups(mask, each), rngs=rngs)
        opening = markers.reshape(b, pairs, 2, each // 2, -1)[:, :, :, 0]
        return text, opening.reshape(b, 2 * pairs, -1)

    def there(self, batch: Batch) -> Bool[Array, "b p"]:
        """Which pairs of an example there are."""
        return batch["pair_mask"]
