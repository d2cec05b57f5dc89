"""A TaskGroup whose tasks have sessions of their own."""

import asyncio

from bank import Visit
from bank import new_session


async def visit(name):
    async with new_session() as session, session.begin():
        session.add(Visit(visitor=name))


async def main():
    async with asyncio.TaskGroup() as group:
        for n in range(3):
            group.create_task(visit(f"visit {n}"), name=f"visit {n}")


if __name__ == "__main__":
    asyncio.run(main())
