"""The same, one part after the other: one connection, one transaction, one COMMIT."""

import asyncio

from models import Part, engine
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession


async def main():
    async with AsyncSession(engine) as session:
        for name, customer in (("frame", 1), ("wheels", 1), ("bell", 2)):
            await session.execute(insert(Part).values(name=name, customer=customer))
        try:
            await session.commit()
        except IntegrityError:
            print("the order is refused")


if __name__ == "__main__":
    asyncio.run(main())
