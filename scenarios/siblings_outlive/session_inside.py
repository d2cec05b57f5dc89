"""The fix: each task opens its session itself, so nobody else closes it."""

from __future__ import annotations

import asyncio

from models import Product
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


class NotFoundError(Exception):
    pass


async def show_product(name):
    async with AsyncSession(engine) as session:
        result = await session.execute(select(Product).where(Product.name == name))
        if result.scalars().first() is None:
            raise NotFoundError(name)


async def show_prices():
    async with AsyncSession(engine) as session:
        result = await session.execute(select(Product.price).order_by(Product.price))
        return result.scalars().all()


async def show_page(name):
    await asyncio.gather(
        asyncio.create_task(show_product(name), name="product"),
        asyncio.create_task(show_prices(), name="prices"),
    )


async def main():
    try:
        await asyncio.create_task(show_page("sofa"), name="page")
    except NotFoundError:
        print("404 Not Found")


if __name__ == "__main__":
    asyncio.run(main())
