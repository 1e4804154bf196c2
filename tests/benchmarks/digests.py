"""What a training run computes, as digests: equal digests at two commits mean equal numbers.

    python tests/benchmarks/digests.py --config=configs/umre.py [--config.KEY=VALUE ...]

Printed are digests of the parameters at the start, of the first batches of training and validation,
and of the compiled programs of a step and of a prediction (names of source lines left out). On one
machine a run is a function of these. Takes the flags of `remote_jax.main`.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

BATCHES = 40


def digest(parts: Iterable[bytes]) -> str:
    """The first 16 hexadecimal digits of their SHA-256."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:16]


def contents(arrays: Mapping[str, object]) -> Iterable[bytes]:
    """Names, types, shapes and bytes of arrays."""
    import numpy as np

    from remote_jax.data.batches.repeats import KEY

    for name in sorted(set(arrays) - {KEY}):  # no model reads it
        array = np.ascontiguousarray(arrays[name])
        yield f"{name} {array.dtype} {array.shape}".encode()
        yield array.tobytes()


def program(compiled: str) -> Iterable[bytes]:
    """A compiled program without what says where in the source it comes from.

    These are tables of files, functions and lines, before the program or after it.
    """
    tables = r"\n(?:FileNames|FunctionNames|FileLocations|StackFrames)(?:\n\d.*)*"
    yield re.sub(r", metadata=\{[^}]*\}|" + tables, "", compiled).encode()


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from remote_jax import main as front_door
    from remote_jax.commands import arguments
    from remote_jax.data.batches import pipeline
    from remote_jax.data.batches.repeats import Repeats
    from remote_jax.runtime import sharding
    from remote_jax.task import make_task
    from remote_jax.training.evaluation import make_predict
    from remote_jax.training.optimizer import frozen, make_optimizer, make_step
    from remote_jax.training.plan import Plan
    from remote_jax.training.state import TrainState, split

    front_door.quiet()
    command = arguments.parse(sys.argv, __doc__ or "")
    if command is None:
        return
    config, task = command.config, make_task(command.config)
    with tempfile.TemporaryDirectory() as workdir:
        task.prepare(Path(workdir), anew=True)
        model = task.model(nnx.Rngs(config.seed))
    skeleton, params = split(model)
    print("parameters ", digest(contents(params)))

    data = task.dataset("train")
    plan = Plan.from_config(config.train, len(data) / config.train.batch_size)
    settings = {"seed": config.seed, "steps": plan.total, "batch_size": config.train.batch_size}
    settings["buckets"] = task.buckets("train")
    batches = list(islice(pipeline.train_batches(data, **settings), BATCHES))
    print("training   ", digest(part for batch in batches for part in contents(batch)))
    unseen = pipeline.eval_batches(
        task.dataset("validation"),
        batch_size=config.train.eval_batch_size,
        buckets=task.buckets("validation"),
    )
    asked = list(islice(unseen, BATCHES))
    print("validation ", digest(part for batch in asked for part in contents(batch)))

    optimizer, _ = make_optimizer(config.train, plan.total)
    mesh = sharding.make_mesh(config.mesh)
    kept = frozen(config.train)
    step = make_step(task, skeleton, optimizer, config.seed, mesh, kept=kept)
    state = jax.eval_shape(
        lambda p: TrainState(p, optimizer.init(p), jnp.zeros((), jnp.int32)), params
    )
    print("step       ", digest(program(step.lower(state, batches[0]).compile().as_text())))
    predict = make_predict(task, skeleton, mesh)
    shared = jax.eval_shape(predict.shared, params)
    sent = Repeats(mesh)(asked[0])
    compiled = predict.batch.function.lower(params, shared, sent).compile()
    print("prediction ", digest(program(compiled.as_text())))


if __name__ == "__main__":
    main()
