"""A web application with everything that a request may do: middleware, dependency, body, stream, background task, error."""

import asyncio
import time

from fastapi import BackgroundTasks
from fastapi import FastAPI
from fastapi import HTTPException
from fastapi import Request
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.middleware.base import BaseHTTPMiddleware

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")


class Tell(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-seen"] = request.headers.get("x-user", "nobody")
        return response


app = FastAPI()
app.add_middleware(Tell)


@app.on_event("startup")
async def start():
    async with engine.begin() as connection:
        await connection.execute(text("select 1"))
    print("started")


@app.on_event("shutdown")
async def stop():
    await engine.dispose()
    print("stopped")


async def thank(name):
    print("deposited by", name)


@app.post("/deposit/{account}")
async def deposit(account: int, request: Request, background: BackgroundTasks, twice: bool = False):
    amount = int(await request.body()) * (2 if twice else 1)
    async with engine.begin() as connection:
        row = await connection.execute(
            text("update account set balance = balance + :amount where id = :id returning balance"),
            {"amount": amount, "id": account},
        )
        balance = row.scalar_one()
    background.add_task(thank, request.headers["x-user"])
    return {"balance": balance}


@app.get("/slow")
async def slow():
    async def parts():
        for number in range(3):
            await asyncio.sleep(1.0)
            yield f"{number}\n"

    return StreamingResponse(parts())


@app.get("/thread")
def thread():
    time.sleep(0.05)
    return "this runs in a thread"


@app.get("/boom")
async def boom():
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("boom") from error


@app.get("/refused")
async def refused():
    raise HTTPException(status_code=418, detail="no coffee")
