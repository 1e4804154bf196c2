"""Keys that every system has: what the training loop reads, and where data and cache are."""

from remote_jax.config.rates import Rates
from remote_jax.config.rules import SWITCH, Between, Key, Keys, OneOf, Text, Whole

LOOP_KEYS: Keys = {
    "system": Key(Text("remote, eega or roam"), "The system that is trained."),
    "seed": Key(
        Whole(0, 2**31 - 1), "Seed of the parameters, of dropout and of the order of the data."
    ),
    "compute_dtype": Key(
        OneOf(("float32", "bfloat16")), "Type of activations; parameters are float32."
    ),
    # The fingerprint of the data tells whether they are the same.
    "data.dir": Key(
        Text("a folder"), "Folder of the published files; empty: the generated sample.", free=True
    ),
    "data.cache": Key(
        Text("a folder"),
        "Where records, samples and encoded vectors are kept; empty: the user's cache folder.",
        free=True,
    ),
    "data.workers": Key(
        Whole(0, 1024), "Processes that load examples; 0: load in this process.", free=True
    ),
    "train.epochs": Key(
        Between(0, open=True), "Passes over the training split; a run may go on to more."
    ),
    "train.batch_size": Key(Whole(1), "Examples in a step."),
    "train.batch_tokens": Key(
        Whole(0),
        "Padded tokens in a step at most, so that short examples make larger batches; needs "
        "data.buckets. 0: batch_size examples.",
    ),
    "train.accumulation": Key(
        Whole(1), "Parts of a batch that are on the device one after another."
    ),
    "train.remat": Key(
        SWITCH, "Keep only the inputs of blocks for the gradient: slower, less memory.", free=True
    ),
    "train.eval_batch_size": Key(
        Whole(1, 2**20), "Examples at a time in evaluation and prediction.", free=True
    ),
    "train.optimizer": Key(
        OneOf(("adam", "adagrad")),
        "AdamW; or Adagrad for the tables of embeddings.",
    ),
    "train.learning_rate": Key(
        Between(0, open=True),
        "Peak learning rate of encoders, pretrained or not; with adagrad, of tables of embeddings.",
    ),
    "train.new_learning_rate": Key(
        Between(0),
        "Peak learning rate of all other parameters; 0: as learning_rate.",
    ),
    "train.rates": Key(
        Rates(),
        "Peak learning rates of some parameters, separated by commas, as text/fusion/alpha=0.01.",
    ),
    "train.sparse_tables": Key(
        SWITCH,
        "ROAM with model.negatives: a step updates only the rows of tables of entities it reads.",
    ),
    "train.warmup": Key(Between(0, 1), "Share of the steps in which the rate rises from 0."),
    "train.schedule": Key(
        OneOf(("linear", "constant", "step")),
        "After the warm-up the rate falls to 0, or stays, or is halved every decay_every epochs.",
    ),
    "train.decay_every": Key(
        Between(0, open=True), "Epochs after which the rate is halved, with schedule=step."
    ),
    "train.weight_decay": Key(Between(0), "Decoupled weight decay of AdamW; 0: Adam."),
    "train.clip": Key(Between(0), "Greatest global norm of the gradient; 0: no clipping."),
    # float32 loses smaller shares of a step
    "train.average": Key(
        Between(0, 0.9999),
        "Decay of the averaged parameters that are scored and kept; 0: those of the last step.",
    ),
    "train.eval_every": Key(Between(0, open=True), "Epochs between two validations."),
    # It says how far a run goes, not what its steps are.
    "train.patience": Key(
        Whole(0),
        "Validations without a better score after which training ends; 0: it goes to the end.",
        free=True,
    ),
    "train.save_every": Key(Whole(1), "Steps between two checkpoints.", free=True),
    "train.log_every": Key(Whole(1), "Steps between two lines of metrics.jsonl.", free=True),
    "train.frozen": Key(
        Text("beginnings of names"),
        "Parameters that are not trained, separated by commas, as text/bert/words. In EEGA, an "
        "encoder that is named whole, as vision/vit, is run once, before training.",
    ),
    "train.init": Key(
        Text("a folder of a run or of an export"),
        "Whose parameters the model starts from; empty: fresh ones and those of encoders.",
    ),
    "train.init_partial": Key(
        SWITCH, "Start fresh what train.init has not, or in another shape; else it is refused."
    ),
    # A run that stopped at a loss that is no number may go on with it.
    "train.max_skipped": Key(
        Whole(0),
        "Steps that may be skipped because their loss or gradient is not finite.",
        free=True,
    ),
    "mesh.data": Key(Whole(-1), "Devices that split a batch; -1: all that are left.", free=True),
    "mesh.fsdp": Key(Whole(1), "Devices that split a batch and also the parameters.", free=True),
    "mesh.tensor": Key(
        Whole(1), "Devices that split matrices of blocks and tables of entities.", free=True
    ),
    "log.wandb": Key(
        Text("a project"),
        "Project of Weights & Biases that is told what is logged; empty: none.",
        free=True,
    ),
    "log.mlflow": Key(
        Text("an experiment"),
        "Experiment of MLflow that is told what is logged; empty: none.",
        free=True,
    ),
    "profile": Key(SWITCH, "Time a few steps, and trace some for TensorBoard or XProf.", free=True),
}
