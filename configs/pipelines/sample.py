"""From posts to a completed graph: 2,000 generated posts of one world, without labels.

REMOTE is trained on its own sample, which has other names, and reads each post once for many of its
pairs. The graph is made of what it finds, and ROAM completes the graph. On two CPU cores:

    remote-jax pipeline sample --workdir=runs/pipeline

Posts of your own, read by a run that you have (docs/pipeline.md):

    remote-jax pipeline sample --config.posts=posts.jsonl --config.remote.run=runs/mine
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """Stations with their defaults; flags are those of their commands."""
    return ConfigDict(
        {
            "posts": "",
            "sample": {"posts": 2000, "seed": 0},
            "prepare": "",
            "remote": {"run": "", "train": "--config=umre:shared"},
            "eega": {"run": ""},
            "extract": "",
            "graph": "",
            "roam": {"train": "--config=mkg_y", "queries": ""},
        }
    )
