"""What a preparation did, in numbers: the table that is printed at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from remote_jax.prepare.run import Outcome
from remote_jax.reporting.results import Table

COUNTS = ("posts", "asked", "kept", "found", "refused", "unparsed", "failed")
"""Of a step: posts it was for, those that a model was asked about now and those whose answer was
kept from before, what was found, parts of answers and whole answers that are left out, and posts
without an answer."""


class Summary:
    """Counts outcomes as they come.

    Attributes:
        posts, rejected: those that were prepared, and those that were left out.
    """

    def __init__(self, steps: Sequence[str], price: tuple[float, float] | None = None):
        """Starts at zero.

        Args:
            steps: names, in the order of the table.
            price: of a million tokens that a model reads, and of as many that it writes.
        """
        self.posts = self.rejected = 0
        self._steps, self._price = steps, price
        self._counts: Counter[tuple[str, str]] = Counter()
        self._tokens: Counter[tuple[str, bool]] = Counter()

    def add(self, outcome: Outcome) -> None:
        if isinstance(outcome.post, str):
            self.rejected += 1
            return
        self.posts += 1
        for part in outcome.parts:
            numbers = {
                "posts": 1,
                "asked": part.asked,
                "kept": not part.asked and not part.failed,
                "found": part.found,
                "refused": len(part.refused),
                "unparsed": bool(part.unparsed),
                "failed": bool(part.failed),
            }
            for name, number in numbers.items():
                self._counts[part.step, name] += number
            for kind in ("prompt_tokens", "completion_tokens"):
                self._tokens[kind, part.asked] += part.answer.get(kind, 0)

    @property
    def incomplete(self) -> int:
        """Posts that are left out, and answers that are not there or cannot be used."""
        missing = ("unparsed", "failed")
        return self.rejected + sum(self._counts[s, n] for s in self._steps for n in missing)

    def __str__(self) -> str:
        rows = [[step, *(self._counts[step, name] for name in COUNTS)] for step in self._steps]
        lines = [str(Table("Steps", ("step", *COUNTS), rows))]
        lines.append(f"\n{self.posts:,} posts are prepared, {self.rejected:,} are left out.")
        if self._tokens.total():
            lines += [self._cost("Asked now", True), self._cost("Kept from before", False)]
        return "\n".join(lines)

    def _cost(self, when: str, asked: bool) -> str:
        read, written = (self._tokens[x, asked] for x in ("prompt_tokens", "completion_tokens"))
        cost = ""
        if self._price is not None:
            total = (read * self._price[0] + written * self._price[1]) / 1e6
            cost = f", which is {total:,.4f} at the price given"
        return f"{when}: {read:,} tokens read and {written:,} written{cost}."
