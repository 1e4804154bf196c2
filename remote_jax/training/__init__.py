"""The training loop and what it is made of; systems meet it through `remote_jax.task`."""
