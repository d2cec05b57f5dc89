"""An order of three parts, written at once through one session; then one commit for all of them."""

import asyncio

from models import Part, engine
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession


async def write(session, name, customer):
    await session.execute(insert(Part).values(name=name, customer=customer))


async def main():
    async with AsyncSession(engine) as session:
        await asyncio.gather(
            asyncio.create_task(write(session, "frame", 1), name="frame"),
            asyncio.create_task(write(session, "wheels", 1), name="wheels"),
            asyncio.create_task(write(session, "bell", 2), name="bell"),  # there is no customer 2: found out at COMMIT
        )
        try:
            await session.commit()
        except IntegrityError:
            print("the order is refused")


if __name__ == "__main__":
    asyncio.run(main())
