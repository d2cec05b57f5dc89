"""Has no event loop."""

print("hello")
