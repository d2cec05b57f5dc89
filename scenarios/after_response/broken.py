"""A visit, written down after the answer, with the session of the request."""

from __future__ import annotations

from database import get_session
from fastapi import BackgroundTasks
from fastapi import Depends
from fastapi import FastAPI
from models import User
from models import Visit
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

app = FastAPI()


async def record_visit(session, name):
    session.add(Visit(visitor=name))
    await session.commit()
    count = await session.scalar(select(func.count()).select_from(Visit))
    print(f"{name} was here, visit {count}")


@app.get("/users/{user_id}")
async def find_user(user_id: int, background: BackgroundTasks, session: AsyncSession = Depends(get_session)):
    user = await session.get(User, user_id)
    background.add_task(record_visit, session, user.name)
    return {"name": user.name}
