"""Leaves things in the server that are no part of its schema."""

import asyncio

import asyncpg


async def main():
    one = await asyncpg.connect("postgresql://app@db.internal/app")
    await one.execute("create role interlock_guest")
    await one.execute("create table public.left_here (id int)")
    await one.execute("alter database postgres set interlock.word = 'left'")
    await one.execute("alter system set work_mem = '5MB'")
    await one.execute("select lo_create(0)")
    async with one.transaction():
        await one.execute("create role interlock_never")
        await one.execute("drop role interlock_never")
    await one.close()


asyncio.run(main())
