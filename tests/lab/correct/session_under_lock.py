"""One session for all, one at a time under a lock; whoever has it commits before the next one does."""

import asyncio

from bank import Visit
from bank import new_session


async def main():
    alone = asyncio.Lock()
    async with new_session() as session:

        async def visit(name):
            async with alone:
                session.add(Visit(visitor=name))
                await session.commit()

        await asyncio.gather(*(asyncio.create_task(visit(f"visit {n}"), name=f"visit {n}") for n in range(3)))


if __name__ == "__main__":
    asyncio.run(main())
