"""The fix without a registry: FastAPI opens a session for each request, hands it over and closes it."""

from __future__ import annotations

from fastapi import Depends
from fastapi import FastAPI
from models import User
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)
make_session = sessionmaker(engine, class_=AsyncSession)
app = FastAPI()


async def get_session():
    async with make_session() as session:
        yield session


@app.get("/users/{user_id}")
async def find_user(user_id: int, session: AsyncSession = Depends(get_session)):
    result = await session.execute(select(User).where(User.id == user_id))
    return {"name": result.scalars().one().name}
