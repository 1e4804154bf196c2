"""Packages and where they live; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["remote_jax", "remote_jax.*"]), "remote_jax.third_party"],
    package_dir={"remote_jax.third_party": "third_party"},
    package_data={"remote_jax.third_party": ["NOTICE", "**/*.txt"]},
)
