"""The config of a small REMOTE on a sample of a few posts."""

from configs import umre


def tiny(cache, **changes):
    config = umre.get_config()
    config.data.cache = str(cache)
    config.data.workers = 0
    config.data.sample.update({"train": 12, "validation": 4, "test": 8})
    config.text.update({"dim": 16, "layers": 1, "heads": 2, "mlp_dim": 16})
    config.vision.update({"dim": 16, "layers": 1, "heads": 2, "mlp_dim": 16})
    config.update_from_flattened_dict(changes)
    return config
