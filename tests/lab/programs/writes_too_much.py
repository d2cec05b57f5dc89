"""Writes more at once than the run may hold."""

import asyncio

import asyncpg


async def main():
    connection = await asyncpg.connect("postgresql://app@db.internal/app")
    print(len(await connection.fetchval("select $1::text", "x" * 120_000_000)))


asyncio.run(main())
