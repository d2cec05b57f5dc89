"""Many tasks, of which a semaphore lets two at a time have a session."""

import asyncio

from bank import Visit
from bank import new_session

two = asyncio.Semaphore(2)


async def visit(name):
    async with two:
        async with new_session() as session:
            session.add(Visit(visitor=name))
            await session.commit()


async def main():
    await asyncio.gather(*(asyncio.create_task(visit(f"visit {n}"), name=f"visit {n}") for n in range(3)))


if __name__ == "__main__":
    asyncio.run(main())
