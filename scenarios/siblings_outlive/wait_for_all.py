"""The fix that keeps the sessions where they are: wait for all parts, and look at their errors after that."""

from __future__ import annotations

import asyncio

from models import Product
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


class NotFoundError(Exception):
    pass


async def show_product(session, name):
    result = await session.execute(select(Product).where(Product.name == name))
    if result.scalars().first() is None:
        raise NotFoundError(name)


async def show_prices(session):
    result = await session.execute(select(Product.price).order_by(Product.price))
    return result.scalars().all()


async def show_page(name):
    async with AsyncSession(engine) as first, AsyncSession(engine) as second:
        outcomes = await asyncio.gather(
            asyncio.create_task(show_product(first, name), name="product"),
            asyncio.create_task(show_prices(second), name="prices"),
            return_exceptions=True,
        )
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def main():
    try:
        await asyncio.create_task(show_page("sofa"), name="page")
    except NotFoundError:
        print("404 Not Found")


if __name__ == "__main__":
    asyncio.run(main())
