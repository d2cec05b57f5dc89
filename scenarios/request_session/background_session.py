"""The fix for what runs after the answer: it opens a session where the work is done, and closes it there."""

from __future__ import annotations

from fastapi import BackgroundTasks
from fastapi import FastAPI
from middleware import SQLAlchemyMiddleware
from models import User
from session import session
from session import session_factory
from sqlalchemy import select

app = FastAPI()
app.add_middleware(SQLAlchemyMiddleware)


async def get_user(session, user_id):
    result = await session.execute(select(User).where(User.id == user_id))
    return result.scalars().one()


async def welcome(user_id):
    async with session_factory() as own:
        user = await get_user(own, user_id)
        print(f"welcome, {user.name}")


@app.get("/users/{user_id}")
async def find_user(user_id: int, background: BackgroundTasks):
    user = await get_user(session, user_id)
    background.add_task(welcome, user_id)
    return {"name": user.name}
