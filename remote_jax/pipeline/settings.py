"""Settings of `remote-jax pipeline`: their rules and meanings."""

from __future__ import annotations

from remote_jax.config import Key, Keys, Text, Whole

FLAGS = Text("flags as the command takes them, separated by blanks")
RUN = Text("the folder of a run")

KEYS: Keys = {
    "posts": Key(Text("a file of posts"), "Posts to read; empty: they are generated."),
    "sample.posts": Key(Whole(1, 1_000_000), "How many posts are generated."),
    "sample.seed": Key(Whole(0, 2**31), "Seed of the generated posts."),
    "prepare": Key(
        FLAGS, "Flags of `remote-jax prepare`, as --steps=entities,depth; empty: it is left out."
    ),
    "remote.run": Key(RUN, "REMOTE that reads the posts; empty: one is trained."),
    "remote.train": Key(FLAGS, "Flags of the training of REMOTE, its config among them."),
    "eega.run": Key(RUN, "EEGA that finds the entities of posts that have none; empty: none does."),
    "extract": Key(FLAGS, "Flags of `remote-jax extract`."),
    "graph": Key(FLAGS, "Flags of `remote-jax graph`."),
    "roam.train": Key(FLAGS, "Flags of the training of ROAM, its config among them."),
    "roam.queries": Key(
        Text("a file of ROAM's queries"),
        "Queries that ROAM answers by its scores alone, as --mode=predict of its run "
        "(docs/your-data.md), and not questions of `remote-jax ask`; empty: of generated posts the "
        "facts that follow from others and that no post states, of other posts none.",
    ),
}
