"""The training loop and its parts; a system implements the protocol in `remote_jax.task`."""
