"""The fix for queries at once: each opens a session of its own, beside the request's."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from middleware import SQLAlchemyMiddleware
from models import User
from session import session_factory
from sqlalchemy import select

app = FastAPI()
app.add_middleware(SQLAlchemyMiddleware)


async def find_name(user_id):
    async with session_factory() as session:
        result = await session.execute(select(User).where(User.id == user_id))
        return result.scalars().one().name


@app.get("/names")
async def names():
    return await asyncio.gather(find_name(1), find_name(2), find_name(3))
