"""Ends its process before there is any event loop."""

import os

os._exit(3)
