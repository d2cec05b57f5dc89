"""Says something as C code does, in two pieces, and dies."""

import asyncio
import os
import signal
import time


async def main():
    os.write(2, b"one line in ")
    time.sleep(0.3)  # long enough for the first piece to be read
    os.write(2, b"two pieces\n")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main())
