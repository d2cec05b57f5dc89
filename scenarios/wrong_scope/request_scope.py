"""The fix that stays close: the scope is the request, in a context variable, which is the same in all of its tasks."""

from __future__ import annotations

from contextvars import ContextVar
from uuid import uuid4

from fastapi import FastAPI
from models import User
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import async_scoped_session
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import sessionmaker

request_id: ContextVar[str] = ContextVar("request_id")

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)
session = async_scoped_session(sessionmaker(engine, class_=AsyncSession), scopefunc=request_id.get)


class SessionMiddleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        token = request_id.set(str(uuid4()))
        try:
            await self.app(scope, receive, send)
        finally:
            await session.remove()
            request_id.reset(token)


app = FastAPI()
app.add_middleware(SessionMiddleware)


@app.get("/users/{user_id}")
async def find_user(user_id: int):
    result = await session.execute(select(User).where(User.id == user_id))
    return {"name": result.scalars().one().name}
