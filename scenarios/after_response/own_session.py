"""The fix: each session lives in a block, and what runs after the answer gets a name and opens one of its own."""

from __future__ import annotations

from database import make_session
from fastapi import BackgroundTasks
from fastapi import FastAPI
from models import User
from models import Visit
from sqlalchemy import func
from sqlalchemy import select

app = FastAPI()


async def record_visit(name):
    async with make_session() as session:
        session.add(Visit(visitor=name))
        await session.commit()
        count = await session.scalar(select(func.count()).select_from(Visit))
    print(f"{name} was here, visit {count}")


@app.get("/users/{user_id}")
async def find_user(user_id: int, background: BackgroundTasks):
    async with make_session() as session:
        user = await session.get(User, user_id)
        name = user.name
    background.add_task(record_visit, name)
    return {"name": name}
