-- name: sessions
-- Oldest first, so that a row keeps its place for as long as it lives. Ages are the server's own: clocks differ.
-- Who blocks whom is asked only for those that wait for a lock; 0 stands for a prepared transaction.
select pid,
       to_char(backend_start at time zone 'UTC', 'YYYYMMDDHH24MISSUS') as began,
       backend_type as kind,
       coalesce(datname, '') as database,
       coalesce(usename, '') as role,
       coalesce(application_name, '') as application,
       coalesce(host(client_addr), '') as client,
       coalesce(state, '') as state,
       coalesce(wait_event_type, '') as wait_type,
       coalesce(wait_event, '') as wait_event,
       extract(epoch from clock_timestamp() - state_change)::float8 as state_age,
       extract(epoch from clock_timestamp() - xact_start)::float8 as xact_age,
       left(coalesce(query, ''), 2000) as query,
       case when wait_event_type = 'Lock' then pg_blocking_pids(pid) else '{}'::int[] end as blocked_by,
       backend_xid is not null as wrote,
       clock_timestamp() as now
from pg_stat_activity
order by backend_start nulls first, pid
