"""Configs that ship with the project, one file a benchmark; installed as `remote_jax.configs`."""
