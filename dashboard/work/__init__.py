"""The worker: jobs, and the runs and explorations that it plays."""
