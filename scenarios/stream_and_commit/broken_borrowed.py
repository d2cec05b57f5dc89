"""A newsletter, fifty subscribers at a time; what has gone out is committed. Meanwhile somebody else moves house."""

from __future__ import annotations

import asyncio

from shop import Subscriber
from shop import new_session
from sqlalchemy import select
from sqlalchemy import update


async def send_newsletter():
    async with new_session() as session:
        everybody = await session.stream_scalars(select(Subscriber).order_by(Subscriber.id))
        async for portion in everybody.partitions(50):
            for subscriber in portion:
                subscriber.sent = True
            await session.commit()
            await ask_another_service()  # the mail server, to send these


async def move(number, address):
    async with new_session() as session:
        await session.execute(update(Subscriber).where(Subscriber.id == number).values(address=address))
        await ask_another_service()  # whether there is such an address
        await session.commit()


async def ask_another_service():
    await asyncio.sleep(1)


async def main():
    newsletter = asyncio.create_task(send_newsletter(), name="newsletter")
    await asyncio.sleep(0.5)
    moving = asyncio.create_task(move(1, "2 New Street"), name="ben")
    await asyncio.wait([newsletter, moving])


if __name__ == "__main__":
    asyncio.run(main())
