"""A session for each task, and gather."""

import asyncio

from bank import Visit
from bank import new_session


async def visit(name):
    async with new_session() as session:
        session.add(Visit(visitor=name))
        await session.commit()


async def main():
    await asyncio.gather(*(asyncio.create_task(visit(f"visit {n}"), name=f"visit {n}") for n in range(3)))


if __name__ == "__main__":
    asyncio.run(main())
