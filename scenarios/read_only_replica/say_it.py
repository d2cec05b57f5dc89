"""The fix at the call: whoever knows that it writes says so, and the routing listens."""

from __future__ import annotations

import asyncio

from models import Product
from session import RoutingSession
from session import engines
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import sessionmaker


class AskableSession(RoutingSession):
    def get_bind(self, mapper=None, clause=None, bind=None, **kwargs):
        return bind or super().get_bind(mapper=mapper, clause=clause, **kwargs)


session_factory = sessionmaker(class_=AsyncSession, sync_session_class=AskableSession)

writer = {"bind": engines["writer"].sync_engine}


async def visit():
    async with session_factory() as session:
        await session.execute(text("insert into visit (product_id) values (1)"), bind_arguments=writer)
        await session.commit()


async def sell():
    async with session_factory() as session:
        query = select(Product).where(Product.id == 1).with_for_update()
        result = await session.execute(query, bind_arguments=writer)
        result.scalar_one().stock -= 1
        await session.commit()


async def draw_ticket():
    async with session_factory() as session:
        result = await session.execute(select(func.nextval("ticket")), bind_arguments=writer)
        return result.scalar_one()


async def main():
    await asyncio.gather(
        asyncio.create_task(visit(), name="visit"),
        asyncio.create_task(sell(), name="sell"),
        asyncio.create_task(draw_ticket(), name="ticket"),
    )


if __name__ == "__main__":
    asyncio.run(main())
