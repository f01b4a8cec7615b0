-- name: lock
-- Let processes that start together note one exception one after another.
select pg_advisory_xact_lock(hashtextextended('destination.exception|' || $1, 0))

-- name: last
-- The reason of an exception as it was noted last; empty: it was taken back.
select body ->> 'reason' from journal
where event = $1 and body ->> 'destination' = $2 and body ->> 'parameter' = $3
order by id desc limit 1
