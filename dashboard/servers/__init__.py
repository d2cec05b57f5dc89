"""PostgreSQL: the embedded servers, the lab and its replica, and what a look at a server tells."""
