"""ROAM on MKG-Y: completion of a knowledge graph of 15,000 entities and 28 relations, YAGO.

Without a data folder the default preset generates a small graph with images' and texts' features;
with one, it is a budget for a laptop:

    python -m remote_jax.main --config=configs/mkg_y.py
    python -m remote_jax.main --config=configs/mkg_y.py --config.data.dir=FOLDER

`:structure` reads the triples of a published graph alone. It reaches a test MRR of 37.9, in 17
minutes on one CPU core beside other work:

    python -m remote_jax.main --config=configs/mkg_y.py:structure --config.data.dir=FOLDER

`:paper` is the setting of Table 13; Table 2 reports MRR 40.17, with structure alone (Table 5)
37.37.
"""

from ml_collections import ConfigDict

from remote_jax.config import unknown_preset


def get_config(preset: str = "laptop") -> ConfigDict:
    """The config of a preset: `laptop` (default), `structure` or `paper`."""
    presets = {"laptop": laptop, "structure": structure, "paper": paper}
    if preset not in presets:
        raise unknown_preset(preset, presets)
    return presets[preset]()


def paper() -> ConfigDict:
    """Table 13: dimensions of 256, K = 4, 20 Sinkhorn iterations, Adam 5e-4, batch 1,024."""
    config = ConfigDict()
    config.system = "roam"
    config.seed = 0
    config.compute_dtype = "float32"
    config.data = ConfigDict({"name": "mkg_y", "dir": "", "cache": "", "workers": 0})
    config.features = ConfigDict(  # what the entities are told by (Table 5)
        {
            "structure": True,
            "image": "auto",  # or a file, or ""; "auto" is the data folder's image.npz, if any
            "text": "auto",  # likewise; or "names", read by the BERT of `encoder`
            "encoder": "",
            "descriptions": "",  # texts to read in place of names: NAME<tab>TEXT a line, or JSON
            "noise": 0.0,  # in the features, as a share of their deviation (Table 11)
        }
    )
    config.model = paper_model()
    config.train = paper_train()
    config.mesh = ConfigDict({"data": -1, "fsdp": 1, "tensor": 1})
    config.profile = False  # time a few steps, and trace some for TensorBoard or XProf
    return config


def paper_model() -> ConfigDict:
    """The model of Table 13."""
    return ConfigDict(
        {
            "architecture": "moseg",  # or "sep", "mge" (Table 3)
            "dim": 256,
            "relation_dim": 256,
            "hidden": 256,
            "groups": 4,  # K
            "temperature": 1.0,  # τ of Eq. 4
            "noise": True,  # δ of Eq. 4
            "core": "learnt",  # W of the Tucker scores; or "complex", the fixed one that is ComplEx
            "penalty": {"cubes": 0.0, "duality": 0.0},  # N3 and DURA, for the complex core
            # matrix: of the relation; structure: of the embeddings of entities with features
            "dropout": {"head": 0.3, "matrix": 0.4, "query": 0.5, "structure": 0.0},
            "router": {
                "transform": True,  # f of Eq. 6; false: e ‖ r (Tables 4 and 9)
                "groups": "parameters",  # g of Eq. 7; or "prototype" (Tables 4 and 9)
                "cost": "learnable",  # φ of Eq. 6; or "cosine" (Tables 4 and 9)
                "relation": True,  # whether r takes part (Table 12)
                "solver": "sinkhorn",  # or "topk", "sparse", "lowrank" (Table 10)
                "epsilon": 0.1,  # τ of Eq. 11
                "iterations": 20,  # L
                "hidden": 256,
                "weight": 0.005,  # λ of Eq. 9
            },
            "loss": "sigmoid",  # Eq. 10; or "softmax" over all entities
            "negatives": 0,  # random entities a batch; 0: all entities are candidates
            "smoothing": 0.1,  # of the targets
            "answers": 0.0,  # a query counts as its number of true answers to this power
        }
    )


def paper_train() -> ConfigDict:
    """The training of Table 13."""
    return ConfigDict(
        {
            "epochs": 2000.0,
            "batch_size": 1024,
            "accumulation": 1,  # parts of a batch that are on the device one after another
            "remat": False,  # blocks keep their inputs alone for the gradient: slower, smaller
            "eval_batch_size": 1024,
            "optimizer": "adam",  # or "adagrad" for the tables of embeddings
            "learning_rate": 5e-4,
            "new_learning_rate": 0.0,  # of all but the tables with "adagrad"
            "warmup": 0.0,
            "schedule": "constant",
            "weight_decay": 0.0,
            "clip": 1.0,
            "average": 0.0,  # decay of the averaged parameters that are scored; 0: the last ones
            "eval_every": 10.0,
            "save_every": 1000,
            "log_every": 20,
            "frozen": "",  # parameters that stay: beginnings of names, as structure
            "max_skipped": 0,  # steps whose loss or gradient is not finite, let pass
        }
    )


def laptop() -> ConfigDict:
    """A fixed core with a penalty, and a softmax over all entities: minutes in place of days.

    Experts and costs have fewer hidden units than in Table 13: most is learnt in the tables. Those
    of some entities are hidden, so that features learn to tell something too.
    """
    config = paper()
    config.data.sample = ConfigDict(  # where no folder is named; see roam/sample
        {"entities": 1500, "seed": 0, "image": 0.25, "text": 0.25, "missing": 0.08}
    )
    config.model.update({"core": "complex", "hidden": 64, "loss": "softmax", "smoothing": 0.0})
    config.model.penalty.cubes = 0.05
    config.model.noise = False
    config.model.dropout.update({"head": 0.0, "matrix": 0.0, "query": 0.0, "structure": 0.15})
    config.model.router.hidden = 64
    config.model.answers = 1.0
    config.train.update({"epochs": 15.0, "batch_size": 256, "eval_every": 3.0})
    config.train.update({"optimizer": "adagrad", "learning_rate": 0.1, "new_learning_rate": 4e-3})
    return config


def structure() -> ConfigDict:
    """A published graph by its triples alone.

    The penalty is one that embeddings do not outgrow where they share an entity with features.
    """
    config = laptop()
    del config.data.sample
    config.features.update({"image": "", "text": ""})
    config.model.penalty.cubes = 0.1
    config.train.batch_size = 512
    return config
