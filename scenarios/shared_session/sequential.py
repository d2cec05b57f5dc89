"""The fix that keeps one transaction: the request's session, one query after the other, one commit for all."""

from __future__ import annotations

import asyncio

from models import User
from models import Visit
from session import Transactional
from session import begin_request
from session import session
from sqlalchemy import select


@Transactional()
async def record_visits(names):
    for name in names:
        result = await session.execute(select(User).where(User.name == name))
        user = result.scalars().one()
        session.add(Visit(visitor=user.name))


async def main():
    begin_request()
    try:
        await record_visits(["ann", "ben", "cleo"])
    finally:
        await session.remove()


if __name__ == "__main__":
    asyncio.run(main())
