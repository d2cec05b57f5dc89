"""Invite three people at once: each task adds its row to the session of the request, and commits."""

from __future__ import annotations

import asyncio

from shop import Invitation
from shop import new_session


async def invite(session, name):
    session.add(Invitation(name=name))
    await session.commit()


async def main():
    async with new_session() as session:
        await asyncio.gather(
            asyncio.create_task(invite(session, "ann"), name="ann"),
            asyncio.create_task(invite(session, "ben"), name="ben"),
            asyncio.create_task(invite(session, "cleo"), name="cleo"),
            return_exceptions=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
