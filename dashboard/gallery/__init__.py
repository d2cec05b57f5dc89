"""Every page in every state, from made-up values: to look at while working on them, and for tests."""
