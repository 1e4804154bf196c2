"""Packages and where they live; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

BESIDE = {
    "remote_jax.configs": "configs",
    "remote_jax.configs.pipelines": "configs/pipelines",
    "remote_jax.third_party": "third_party",
}
"""Packages of an installation that stand beside `remote_jax/` in the repository."""

setup(
    packages=[*find_packages(include=["remote_jax", "remote_jax.*"]), *BESIDE],
    package_dir=BESIDE,
    package_data={
        "remote_jax.third_party": ["NOTICE", "**/*.txt"],
        "remote_jax": ["py.typed"],
        "remote_jax.prepare.mllm": ["prompts/*.md"],
        "remote_jax.report.page": ["*.css", "*.html", "*.js"],
        "remote_jax.annotate.server.page": ["*.css", "*.html", "*.js", "*.svg"],
    },
)
