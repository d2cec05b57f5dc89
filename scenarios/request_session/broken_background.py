"""A mail that is sent after the answer, with the session that every other piece of code uses too."""

from __future__ import annotations

from fastapi import BackgroundTasks
from fastapi import FastAPI
from middleware import SQLAlchemyMiddleware
from models import User
from session import session
from sqlalchemy import select

app = FastAPI()
app.add_middleware(SQLAlchemyMiddleware)


async def get_user(user_id):
    result = await session.execute(select(User).where(User.id == user_id))
    return result.scalars().one()


async def welcome(user_id):
    user = await get_user(user_id)
    print(f"welcome, {user.name}")


@app.get("/users/{user_id}")
async def find_user(user_id: int, background: BackgroundTasks):
    user = await get_user(user_id)
    background.add_task(welcome, user_id)
    return {"name": user.name}
