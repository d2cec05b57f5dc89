"""The fix for what is sent while it is read: the session goes when the answer is complete."""

from __future__ import annotations

from asgi_middleware import SQLAlchemyMiddleware
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from models import User
from session import session
from sqlalchemy import select

app = FastAPI()
app.add_middleware(SQLAlchemyMiddleware)


async def lines():
    result = await session.execute(select(User).order_by(User.id))
    for user in result.scalars():
        yield f"{user.id},{user.name}\n"


@app.get("/users.csv")
async def download():
    return StreamingResponse(lines(), media_type="text/csv")
