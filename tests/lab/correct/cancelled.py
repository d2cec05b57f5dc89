"""A task that is cancelled in mid-transaction: its session rolls back, and the others go on."""

import asyncio

from bank import Visit
from bank import new_session


async def visit(name, kept):
    async with new_session() as session:
        session.add(Visit(visitor=name))
        await session.flush()
        if not kept:
            await asyncio.Event().wait()
        await session.commit()


async def main():
    stays = asyncio.create_task(visit("visit 1", True), name="visit 1")
    goes = asyncio.create_task(visit("visit 2", False), name="visit 2")
    await stays
    await asyncio.sleep(60)
    goes.cancel()
    await asyncio.wait([goes])


if __name__ == "__main__":
    asyncio.run(main())
