"""Dies of a signal, as a fault in C code would have it."""

import asyncio
import os
import signal


async def main():
    await asyncio.sleep(0.1)
    os.kill(os.getpid(), signal.SIGSEGV)


asyncio.run(main())
