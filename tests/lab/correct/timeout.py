"""A timeout around a whole transaction: whoever is too late rolls back, and starts over in a session of its own."""

import asyncio

from bank import Visit
from bank import new_session
from sqlalchemy import text


async def once(name, seconds):
    async with new_session() as session:
        session.add(Visit(visitor=name))
        await session.execute(text("select pg_sleep(0.01)"))
        await asyncio.sleep(seconds)
        await session.commit()


async def visit(name):
    try:
        await asyncio.wait_for(once(name, 60), 1)
    except asyncio.TimeoutError:
        await once(name, 0)


async def main():
    await asyncio.gather(*(asyncio.create_task(visit(f"visit {n}"), name=f"visit {n}") for n in range(2)))


if __name__ == "__main__":
    asyncio.run(main())
