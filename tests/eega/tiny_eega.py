"""The config of a small EEGA on a sample of a few posts."""

from configs import jmere


def tiny(cache, **changes):
    config = jmere.get_config()
    config.data.cache = str(cache)
    config.data.workers = 0
    config.data.sample.update({"train": 8, "validation": 4, "test": 6})
    config.train.eval_batch_size = 4
    config.text.update({"dim": 32, "layers": 1, "heads": 2, "mlp_dim": 32})
    config.vision.update({"dim": 16, "layers": 1, "heads": 2, "mlp_dim": 16})
    config.model.update({"heads": 2, "edge_dim": 8, "channel_dim": 8, "hidden": 32})
    config.update_from_flattened_dict(changes)
    return config
