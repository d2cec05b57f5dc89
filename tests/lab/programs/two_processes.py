"""Waits for processes that it began: one that answers, and one that takes longer than a moment."""

import asyncio
import sys


async def main():
    echo = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(input().upper())", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    print((await echo.communicate(b"hello\n"))[0].decode().strip())
    slow = await asyncio.create_subprocess_exec("sleep", "4")
    print("slow", await slow.wait())


asyncio.run(main())
