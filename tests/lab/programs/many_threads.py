"""Threads that end in any order, and threads that ask the loop for the database and wait for it."""

import asyncio
import time

import asyncpg


def work(number):
    time.sleep(0.001 * (number * 7 % 5))
    return number


async def ask(number):
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    balance = await connection.fetchval("select balance from account where id = 1")
    await connection.close()
    return balance + number


def ask_from_thread(loop, number):
    return asyncio.run_coroutine_threadsafe(ask(number), loop).result()


async def one(number):
    print("done", await asyncio.to_thread(work, number))


async def main():
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(one(number) for number in range(8)))
    done, _ = await asyncio.wait({loop.run_in_executor(None, work, number) for number in range(8)})
    print(sorted(future.result() for future in done))
    print(await asyncio.gather(*(loop.run_in_executor(None, ask_from_thread, loop, number) for number in range(3))))


asyncio.run(main())
