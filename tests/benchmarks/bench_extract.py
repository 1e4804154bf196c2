"""Extracting by workers of Ray that are killed at random, beside one process: posts and seconds.

    python tests/benchmarks/bench_extract.py RUN --posts=20000 --kills=10 --folder=FOLDER

RUN is a run of REMOTE. Posts are of one generated world (`remote_jax.remote.sample.posts`), some of
them again under other ids where more are asked for than `--distinct`. One process extracts from all
of them; then workers do, of which some are killed. Printed are: whether each post is there once,
how many posts have the same relations and by how much probabilities differ, posts a second of
both, and how much the memory of the process that asks for the work grows once all workers run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from remote_jax.data.extracted import ExtractedPost, read_extracted
from remote_jax.remote.sample.posts.write import POSTS, write_posts


def make_posts(folder: Path, posts: int, distinct: int) -> Path:
    """A file of posts, beside their pictures."""
    if not (folder / POSTS).exists():
        write_posts(folder, posts=min(posts, distinct), seed=0)
    lines = (folder / POSTS).read_text("utf-8").splitlines()
    path = folder / f"posts-{posts}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(posts):
            row = json.loads(lines[number % len(lines)])
            file.write(json.dumps({**row, "id": f"{row['id']}-{number}"}) + "\n")
    return path


def workers_of(process: int) -> list[int]:
    """Processes of Ray's actors below a process."""
    found = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1:]
    rows = [line.split(None, 2) for line in found]
    below, size = {process}, 0
    while len(below) > size:
        size = len(below)
        below |= {int(pid) for pid, parent, _ in rows if int(parent) in below}
    actors = ("ray::MapWorker", "ray::_MapWorker", "ray::Map")
    return [int(pid) for pid, _, args in rows if int(pid) in below and args.startswith(actors)]


class Killer(threading.Thread):
    """Kills workers at random moments, and notes how much memory this process has."""

    def __init__(self, kills: int, between: float):
        super().__init__(daemon=True)
        self.left, self.between = kills, between
        self.killed, self.memory = 0, list[int]()
        self.over = threading.Event()

    def run(self) -> None:
        chance = random.Random(0)
        due = time.monotonic() + self.between
        while not self.over.wait(0.5):
            self.memory.append(memory())
            if self.left and time.monotonic() >= due and (found := workers_of(os.getpid())):
                try:
                    os.kill(chance.choice(found), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.left, self.killed = self.left - 1, self.killed + 1
                due = time.monotonic() + chance.uniform(0.5, 1.5) * self.between


def memory() -> int:
    """Bytes that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def extracted(path: Path, run: str, output: Path, *more: str) -> float:
    """Seconds that the command takes in this process."""
    from remote_jax.main import main

    began = time.monotonic()
    assert (
        main(["remote-jax", "extract", str(path), f"--run={run}", f"--output={output}", *more]) == 0
    )
    return time.monotonic() - began


def compare(one: Path, other: Path, posts: int) -> str:
    """How far two folders of extracted posts say the same."""
    first = {post.id: post for post in read_extracted(one)}
    counts = Counter(post.id for post in read_extracted(other))
    same, triplets, largest = 0, 0, 0.0
    for post in read_extracted(other):
        mine, yours = (_triplets(each) for each in (first[post.id], post))
        same, triplets = same + (mine.keys() == yours.keys()), triplets + len(mine)
        largest = max([largest, *(abs(mine[k] - yours[k]) for k in mine.keys() & yours.keys())])
    once = len(counts) == posts and set(counts.values()) == {1}
    return (
        f"each post once: {once}; same triplets: {same:,} of {posts:,} posts ({triplets:,}); "
        f"largest difference of a probability: {largest:.1g}"
    )


def _triplets(post: ExtractedPost) -> dict[tuple[int, int, str], float]:
    return {(one.head, one.tail, one.relation): one.probability for one in post.triplets}


def main(argv: Sequence[str]) -> int:
    """Runs the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="folder of a run of REMOTE")
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--distinct", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--shard", type=int, default=256)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--folder", type=Path, required=True, help="for posts and outputs")
    options = parser.parse_args(list(argv))
    path = make_posts(options.folder / "posts", options.posts, options.distinct)
    one, many = options.folder / "one", options.folder / "many"
    shard = f"--shard={options.shard}"
    alone = extracted(path, options.run, one, shard)
    print(f"one process: {options.posts / alone:.1f} posts/s", flush=True)
    killer = Killer(options.kills, alone / (2 * options.kills + 2) if options.kills else 0.0)
    killer.start()
    together = extracted(path, options.run, many, shard, "--ray", f"--workers={options.workers}")
    killer.over.set()
    killer.join()
    print(
        f"{options.workers} workers, {killer.killed} killed: {options.posts / together:.1f} posts/s"
    )
    print(f"throughput: {alone / together:.2f} of one process")
    half = len(killer.memory) // 2
    grown = max(killer.memory[half:]) - max(killer.memory[:half])
    print(f"memory of the driver, second half against first: {grown / 2**20:+.1f} MiB")
    print(compare(one, many, options.posts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
