"""The same in one statement: nothing is gained by sending three."""

import asyncio

from models import Part, engine
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

PARTS = [("frame", 1), ("wheels", 1), ("bell", 2)]


async def main():
    async with AsyncSession(engine) as session:
        await session.execute(insert(Part).values([{"name": name, "customer": customer} for name, customer in PARTS]))
        try:
            await session.commit()
        except IntegrityError:
            print("the order is refused")


if __name__ == "__main__":
    asyncio.run(main())
