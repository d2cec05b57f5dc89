"""One session for one task, and a middleware that removes it: but the middleware runs in another task."""

from __future__ import annotations

from asyncio import current_task

from fastapi import FastAPI
from models import User
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import async_scoped_session
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import sessionmaker
from starlette.middleware.base import BaseHTTPMiddleware

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)
session = async_scoped_session(sessionmaker(engine, class_=AsyncSession), scopefunc=current_task)


class SessionMiddleware(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        try:
            return await call_next(request)
        finally:
            await session.remove()


app = FastAPI()
app.add_middleware(SessionMiddleware)


@app.get("/users/{user_id}")
async def find_user(user_id: int):
    result = await session.execute(select(User).where(User.id == user_id))
    return {"name": result.scalars().one().name}
