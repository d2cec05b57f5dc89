"""Three queries of one request at once, to answer sooner."""

from __future__ import annotations

import asyncio

from models import User
from session import Transactional
from session import begin_request
from session import session
from sqlalchemy import select


@Transactional()
async def find_user():
    result = await session.execute(select(User).where(User.id == 1))
    return result.scalars().one().name


async def main():
    begin_request()
    await asyncio.gather(
        asyncio.create_task(find_user(), name="first"),
        asyncio.create_task(find_user(), name="second"),
        asyncio.create_task(find_user(), name="third"),
    )


if __name__ == "__main__":
    asyncio.run(main())
