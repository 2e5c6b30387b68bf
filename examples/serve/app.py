"""A service around the live model: requests that come together are predicted together.

    UNDRIFT=path/to/workspace python examples/serve/app.py

listens on 127.0.0.1:8000. On any other address (HOST) it wants a token (TOKEN), which requests send as
``Authorization: Bearer TOKEN``. After a promotion or rollback it serves the other version without a restart.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request

import undrift as ud
from undrift.errors import UndriftError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
AT_ONCE = 256  # rows that are predicted together, at most
WAITING = 1_000  # requests that wait, at most: more are refused with 503


@dataclass
class Waiting:
    """A request that waits for its predictions."""

    rows: list[dict[str, Any]]
    answer: asyncio.Future[dict[str, Any]]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.rows[0])


def made(workspace: str, token: str = "") -> FastAPI:
    """The service over a workspace; ``token`` is what requests must send, nothing where it is empty."""

    @asynccontextmanager
    async def life(app: FastAPI):
        app.state.champion = await asyncio.to_thread(ud.live, workspace)
        app.state.queue = asyncio.Queue(WAITING)
        worker = asyncio.create_task(work(app))
        yield
        worker.cancel()
        await asyncio.to_thread(app.state.champion.close)

    app = FastAPI(lifespan=life)

    @app.post("/predict")
    async def predict(request: Request, rows: list[dict[str, Any]]) -> dict[str, Any]:
        given = request.headers.get("authorization", "")
        if token and not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "send Authorization: Bearer TOKEN")
        if not 0 < len(rows) <= AT_ONCE:
            raise HTTPException(422, f"send 1 to {AT_ONCE} rows")
        if any(row.keys() != rows[0].keys() for row in rows):
            raise HTTPException(422, "send rows that all have the same keys")
        waiting = Waiting(rows, asyncio.get_running_loop().create_future())
        try:
            app.state.queue.put_nowait(waiting)
        except asyncio.QueueFull:
            raise HTTPException(503, "too many requests wait") from None
        return await waiting.answer

    @app.get("/health")
    async def health() -> dict[str, Any]:
        champion = app.state.champion
        return {"version": champion.version, "spooled": champion.spooled, "dropped": champion.dropped}

    return app


async def work(app: FastAPI) -> None:
    """Predict whatever waits, again and again: while one call runs, the next ones gather."""
    aside: list[Waiting] = []
    while True:
        some = [aside.pop() if aside else await app.state.queue.get()]
        while not app.state.queue.empty() and sum(len(one.rows) for one in some) < AT_ONCE:
            one = app.state.queue.get_nowait()
            if one.keys != some[0].keys:  # together, each would lend the other its columns
                aside.append(one)
                break
            some.append(one)
        try:
            version, said = await asyncio.to_thread(ask, app.state.champion, some)
        except Exception as error:  # noqa: BLE001 - whatever a client sent, the next requests are answered
            await one_by_one(app, some, error)
            continue
        at = 0
        for one in some:
            settle(one, version, said[at : at + len(one.rows)])
            at += len(one.rows)


async def one_by_one(app: FastAPI, some: list[Waiting], error: Exception) -> None:
    """Requests of which at least one cannot be predicted: that one fails, the others do not."""
    for one in some:
        try:
            version, said = (
                await asyncio.to_thread(ask, app.state.champion, [one]) if len(some) > 1 else fail(error)
            )
            settle(one, version, said)
        except Exception as own:  # noqa: BLE001 - the reason goes to the client
            if not one.answer.done():
                known = isinstance(own, UndriftError)
                text = str(own) if known else "these rows cannot be read"
                one.answer.set_exception(HTTPException(422, text))


def fail(error: Exception) -> Any:
    raise error


def ask(champion: ud.Live, some: list[Waiting]) -> tuple[int, list[Any]]:
    """The version that serves, and one prediction for each row of some requests."""
    found = champion.answer([row for one in some for row in one.rows])
    return found.version, found.predictions.tolist()


def settle(one: Waiting, version: int, said: list[Any]) -> None:
    if not one.answer.done():
        one.answer.set_result({"version": version, "predictions": said})


def main() -> None:
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    token = os.environ.get("TOKEN", "")
    if host not in LOOPBACK and len(token) < 16:
        raise SystemExit(f"{host} is not loopback: set TOKEN, 16 characters or more.")
    app = made(os.environ.get("UNDRIFT", "."), "" if host in LOOPBACK and not token else token)
    uvicorn.run(app, host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main()
