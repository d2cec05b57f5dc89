"""The fix for things that are independent of each other: each task has a session, and its own success or failure."""

from __future__ import annotations

import asyncio

from shop import Invitation
from shop import new_session


async def invite(name):
    async with new_session() as session:
        session.add(Invitation(name=name))
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(invite("ann"), name="ann"),
        asyncio.create_task(invite("ben"), name="ben"),
        asyncio.create_task(invite("cleo"), name="cleo"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
