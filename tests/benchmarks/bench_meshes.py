"""Each system on eight simulated devices, data=2, fsdp=2, tensor=2, beside one device.

    python tests/benchmarks/bench_meshes.py

Prints the largest difference of losses (relative) and of parameters after twenty steps with the
same seed and global batch; 1e-5 and 1e-4 is what floating point may do. Minutes a system.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import meshes


def main(systems: list[str]) -> None:
    """Runs the systems named, or all."""
    for system in systems or meshes.SYSTEMS:
        with tempfile.TemporaryDirectory() as folder:
            one, eight = Path(folder) / "one", Path(folder) / "eight"
            meshes.train(system, 1, one)
            meshes.train(system, 8, eight, **meshes.MESH)
            loss, by_name = meshes.differences(one, eight)
            name = max(by_name, key=by_name.__getitem__)
            told = f"losses {loss:.1e}, parameters {by_name[name]:.1e} ({name})"
            print(f"{system}: {told}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
