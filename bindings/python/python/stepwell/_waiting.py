"""Waiting for the engine from a coroutine, without blocking its loop and bound to none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from stepwell._native import Pending

P = ParamSpec("P")
T = TypeVar("T")


async def acknowledged(pending: Pending) -> None:
    """Returns when `pending` is acknowledged. If the caller is cancelled, the write goes on."""
    loop = asyncio.get_running_loop()
    while True:
        woken = asyncio.Event()
        if pending.poll(partial(loop.call_soon_threadsafe, woken.set)):
            return
        await woken.wait()


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `call` returns in another thread, as it may block."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, partial(call, *args, **kwargs))
