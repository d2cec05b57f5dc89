"""The fix that keeps them together: add all of them, and commit once, in one place."""

from __future__ import annotations

import asyncio

from shop import Invitation
from shop import new_session


async def main():
    async with new_session() as session:
        session.add_all([Invitation(name=name) for name in ("ann", "ben", "cleo")])
        await session.commit()


if __name__ == "__main__":
    asyncio.run(main())
