"""A scoped session whose scope is the task, removed at its end."""

import asyncio

from bank import Visit
from bank import new_session
from sqlalchemy.ext.asyncio import async_scoped_session

session = async_scoped_session(new_session, scopefunc=asyncio.current_task)


async def visit(name):
    try:
        session.add(Visit(visitor=name))
        await session.commit()
    finally:
        await session.remove()


async def main():
    await asyncio.gather(*(asyncio.create_task(visit(f"visit {n}"), name=f"visit {n}") for n in range(3)))


if __name__ == "__main__":
    asyncio.run(main())
