"""Whose features rows are, over generated layouts of graphs: matched, refused, or astray.

    python tests/benchmarks/feature_layouts.py [--layouts=2000] [--seed=0]

Prints how many layouts ended how, by the way that entities are named and the way that rows are
attached. Exits 1 if a row went to another entity.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "roam" / "data")]

from graph_layouts import ATTACHED, NAMINGS, Layout, layouts, outcome  # noqa: E402

ENDS = ("matched", "refused", "astray")


def main() -> int:
    """Runs the layouts and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layouts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    ends: Counter[tuple[str, str, str]] = Counter()
    reasons: Counter[str] = Counter()
    examples = []

    @seed(flags.seed)
    @settings(
        max_examples=flags.layouts,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(layouts())
    def run(made: Layout) -> None:
        with tempfile.TemporaryDirectory() as folder:
            found, why = outcome(made, Path(folder))
        ends[made.naming, made.attached, found] += 1
        reasons[f"{found}: {re.sub(r'[^ ]*/|[0-9]+', '', why)[:110]}"] += 1
        if found == "astray":
            examples.append((made, why))

    run()
    print(f"{sum(ends.values()):,} layouts, seed {flags.seed}")
    print(f"{'entities named':16}{'rows attached by':20}" + "".join(f"{end:>9}" for end in ENDS))
    for naming in NAMINGS:
        for attached in ATTACHED:
            counts = [ends[naming, attached, end] for end in ENDS]
            if any(counts):
                print(f"{naming:16}{attached:20}" + "".join(f"{count:9,}" for count in counts))
    totals = [sum(count for key, count in ends.items() if key[2] == end) for end in ENDS]
    print(f"{'all':36}" + "".join(f"{count:9,}" for count in totals))
    for reason, count in reasons.most_common(25):
        print(f"{count:6,}  {reason}")
    for made, why in examples[:3]:
        print(f"ASTRAY {why}: {made}")
    return 1 if totals[2] else 0


if __name__ == "__main__":
    sys.exit(main())
