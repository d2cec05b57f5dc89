-- name: facts
select current_setting('server_version') as version,
       current_database()::text as database,
       current_user::text as role,
       pg_is_in_recovery() as standby,
       extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 as uptime,
       pg_database_size(current_database()) as bytes,
       used, active, blocked, open,
       current_setting('max_connections')::int as most
from (
    select count(*) as used,
           count(*) filter (where state = 'active' and pid <> pg_backend_pid()) as active,
           count(*) filter (where wait_event_type = 'Lock') as blocked,
           count(*) filter (where state like 'idle in transaction%') as open
    from pg_stat_activity
    where backend_type = 'client backend'
) as sessions

-- name: settings
select name, current_setting(name) as value
from pg_settings
where name in (
    'max_prepared_transactions', 'deadlock_timeout', 'max_connections', 'wal_level', 'fsync', 'full_page_writes',
    'synchronous_commit', 'track_activities', 'track_activity_query_size', 'statement_timeout', 'lock_timeout',
    'idle_in_transaction_session_timeout', 'transaction_timeout', 'idle_session_timeout', 'hot_standby',
    'hot_standby_feedback', 'max_standby_streaming_delay', 'default_transaction_isolation'
)

-- name: relations
select oid::regclass::text as name, pg_total_relation_size(oid) as bytes
from pg_class
where relkind = 'r' and relnamespace = to_regnamespace('public')
order by bytes desc, name
limit 4

-- name: replicas
-- Those that stream from this server now. How far behind they are is in bytes of WAL.
select application_name as name, coalesce(state, '') as state,
       pg_wal_lsn_diff(sent_lsn, replay_lsn)::float8 as behind
from pg_stat_replication
order by pid

-- name: replay
-- Of a standby: whether it is fed, how much it has received and not replayed, and the age of what it replayed last.
select coalesce((select status from pg_stat_wal_receiver), 'not streaming') as state,
       pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::float8 as behind,
       extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 as age
