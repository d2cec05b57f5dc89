"""What fails on the connection of an earlier loop is tried again, on one more loop, while the error is being handled."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop", pool_size=1, max_overflow=0)


async def work():
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


def main():
    asyncio.run(work())
    try:
        asyncio.run(work())
    except RuntimeError:
        asyncio.run(work())


if __name__ == "__main__":
    main()
