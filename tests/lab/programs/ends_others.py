"""An operator's task ends the session of another, who is idle, and cancels the statement of a third, who waits."""

import asyncio

import asyncpg

DSN = "postgresql://app@db.internal/app"


async def waits(other):
    try:
        await other.execute("select pg_advisory_lock(42)")
    except asyncpg.QueryCanceledError as error:
        return str(error)


async def main():
    operator, idle, other = [await asyncpg.connect(DSN) for _ in range(3)]
    await operator.execute("select pg_advisory_lock(42)")
    pids = [await one.fetchval("select pg_backend_pid()") for one in (idle, other)]
    waiting = asyncio.create_task(waits(other))
    await asyncio.sleep(0.1)
    await operator.fetchval("select pg_terminate_backend($1)", pids[0])
    await operator.fetchval("select pg_cancel_backend($1)", pids[1])
    print(await waiting, idle.is_closed())
    for one in (operator, other):
        await one.close()


asyncio.run(main())
