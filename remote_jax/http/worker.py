"""One thread for what takes long, and how long a request waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from remote_jax.http.errors import later

T = TypeVar("T")


class Worker:
    """Does one thing at a time, in the order that they come.

    Args:
        name: of its thread.
        seconds: until whoever waits is told that it takes too long.
    """

    def __init__(self, name: str, seconds: float):
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, work: Callable[[], T]) -> T:
        """What `work` returns.

        Raises:
            HTTPException: 503, it takes too long. It goes on if it is begun, and is left undone if
                it is not.
        """
        done = asyncio.wrap_future(self._thread.submit(work))
        finished, _ = await asyncio.wait([done], timeout=self._seconds)
        if not finished:
            done.cancel()
            raise later(
                503,
                f"There was no answer within {self._seconds:g} seconds; ask for less at a time, or "
                "again in a while.",
            )
        return done.result()

    def close(self) -> None:
        """Takes no more work, and leaves undone what is not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)
