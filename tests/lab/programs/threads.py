"""Waits for a thread, then for a group of tasks of which one fails."""

import asyncio
import time


async def fail():
    await asyncio.sleep(1)
    raise ValueError("one of the group")


async def main():
    print(await asyncio.to_thread(lambda: time.sleep(0.2) or "from a thread"))
    tasks = [asyncio.create_task(asyncio.sleep(n + 2), name=f"sleeper {n}") for n in range(5)]
    tasks.append(asyncio.create_task(fail(), name="fail"))
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    print(sorted(task.get_name() for task in done), [task.get_name() for task in pending])
    for task in pending:
        task.cancel()


asyncio.run(main())
