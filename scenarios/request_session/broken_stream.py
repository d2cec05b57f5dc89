"""A download, sent while it is being read."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from middleware import SQLAlchemyMiddleware
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
