"""The same, and whoever failed is tried again afterwards, in a session of its own."""

from __future__ import annotations

import asyncio

from shop import Invitation
from shop import new_session


async def invite(session, name):
    session.add(Invitation(name=name))
    await session.commit()


async def main():
    names = ["ann", "ben", "cleo"]
    async with new_session() as session:
        outcomes = await asyncio.gather(
            *[asyncio.create_task(invite(session, name), name=f"invite {name}") for name in names],
            return_exceptions=True,
        )
    for name, outcome in zip(names, outcomes):
        if isinstance(outcome, Exception):
            async with new_session() as session:
                await invite(session, name)


if __name__ == "__main__":
    asyncio.run(main())
