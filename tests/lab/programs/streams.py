"""Uses its standard streams as programs do that want more of them than print()."""

import asyncio
import faulthandler
import io
import logging
import subprocess
import sys


async def main():
    sys.stdout.buffer.write("grüße, ".encode())
    sys.stdout.write("text and bytes in one line\n")
    sys.stdout.buffer.write(b"half of an \xc3")
    sys.stdout.buffer.write(b"\xa4\n")
    print("to stderr", file=sys.stderr, flush=True)
    print("the real one", file=sys.__stdout__)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("handled: %(message)s"))
    logging.getLogger("app").addHandler(handler)
    logging.getLogger("app").warning("by a handler")
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)
    subprocess.run([sys.executable, "-c", "print('from a child')"], stdout=sys.stdout, check=True)
    print(sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.name)
    await asyncio.sleep(1)
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    print("buffered until the end", end="")


asyncio.run(main())
