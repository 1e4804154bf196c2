"""Pages of the site whose source is elsewhere in the repository."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "launch.md": "launch/README.md",
    "images/example.png": "remote_jax/remote/sample/example.png",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds each file to the site under its name there."""
    for name, source in ELSEWHERE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    return files
