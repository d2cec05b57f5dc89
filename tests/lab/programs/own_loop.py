"""Names its policy, its loop and its kind of task itself, as programs that came from elsewhere do."""

import asyncio
import selectors

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app@db.internal/app")


def traced(loop, coro, **given):
    return asyncio.Task(coro, loop=loop, **given)


async def read():
    async with engine.connect() as connection:
        return await connection.scalar(text("select 1"))


async def fail():
    raise LookupError("nobody awaits this")


async def main():
    asyncio.get_running_loop().set_task_factory(traced)
    forgotten = asyncio.create_task(fail())
    await asyncio.gather(read(), read())
    print("failed", forgotten.done())
    await engine.dispose()


asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
loop.run_until_complete(main())
loop.close()
