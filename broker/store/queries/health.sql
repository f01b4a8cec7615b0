-- name: server
-- What the self-check asks of PostgreSQL: version, the settings durability rests on, and its clock.
select current_setting('server_version_num')::int as version, current_setting('server_version') as version_text,
       current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
       current_setting('full_page_writes') as full_page_writes, clock_timestamp() as clock
