"""From runs and steps to what a page shows: pure functions to frozen dataclasses. No Flask, no database, no clock."""
