import asyncio

from models import Account
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

engine = create_async_engine("postgresql+asyncpg://bank:secret@db.internal/bank")


async def deposit(amount):
    async with AsyncSession(engine) as session:
        account = await session.get(Account, 1, with_for_update=True)
        account.balance += amount
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(deposit(10), name="ten"),
        asyncio.create_task(deposit(20), name="twenty"),
    )


if __name__ == "__main__":
    asyncio.run(main())
