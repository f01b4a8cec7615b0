-- name: claim
-- Lease up to $2 due tasks of a queue, round-robin between lanes (clinics), new work before retries and resends.
-- Lanes in $5 are left out, or are the only ones ($6). Each priority is looked up by itself: what is due later, however much, is not read.
with recursive lanes as (
    (select lane from task where queue = $1 order by lane limit 1)
    union all
    select (select t.lane from task t where t.queue = $1 and t.lane > l.lane order by t.lane limit 1)
    from lanes l where l.lane is not null
), due as (
    select c.id, l.lane, c.priority, c.due_at
    from lanes l, unnest(array[0, 1, 2]::smallint[]) as p (priority), lateral (
        select t.id, t.priority, t.due_at
        from task t
        where t.queue = $1 and t.lane = l.lane and t.priority = p.priority and t.due_at <= $3
          and (t.leased_until is null or t.leased_until < clock_timestamp())
        order by t.due_at, t.id
        limit $2
    ) c
    where l.lane is not null and (l.lane = any ($5::text[])) = $6::boolean
), candidates as (
    select id from (
        select id, priority, row_number() over (partition by lane order by priority, due_at, id) as turn from due
    ) d
    order by priority, turn, id
    limit $2
), locked as (
    select t.id from task t join candidates c using (id)
    where t.leased_until is null or t.leased_until < clock_timestamp()
    for update of t skip locked
)
update task t
set claim = t.claim + 1, attempts = t.attempts + 1, leased_until = clock_timestamp() + $4::interval
from locked where t.id = locked.id
returning t.id, t.queue, t.lane, t.subject, t.priority, t.due_at, t.claim, t.attempts, t.why

-- name: insert
-- Put tasks on the list: parallel arrays of queue, lane, subject, priority, due, why.
insert into task (queue, lane, subject, priority, due_at, why)
select * from unnest($1::text[], $2::text[], $3::uuid[], $4::smallint[], $5::timestamptz[], $6::text[])
returning id, queue

-- name: finish
-- Take tasks off the list where the claim still matches; returns those that were ours.
delete from task t using unnest($1::bigint[], $2::bigint[]) as mine (id, claim)
where t.id = any ($1::bigint[]) and t.id + 0 = mine.id and t.claim = mine.claim
returning t.id

-- name: postpone
-- Give tasks back to be due later, with the reason shown to people; only where the claim still matches.
update task t set due_at = mine.due_at, leased_until = null, why = mine.why, priority = mine.priority
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::smallint[])
    as mine (id, claim, due_at, why, priority)
where t.id = any ($1::bigint[]) and t.id + 0 = mine.id and t.claim = mine.claim
returning t.id

-- name: drop_subjects
-- Take every task of these subjects off the list (a delivery became final or held).
delete from task where subject = any ($1::uuid[])

-- name: extend
-- Keep leases longer while the work goes on; only where the claim still matches.
update task t set leased_until = clock_timestamp() + $3::interval
from unnest($1::bigint[], $2::bigint[]) as mine (id, claim)
where t.id = any ($1::bigint[]) and t.id + 0 = mine.id and t.claim = mine.claim

-- name: release
-- Give leases back untouched and uncounted (a clean stop, an open breaker).
update task t set leased_until = null, attempts = t.attempts - 1
from unnest($1::bigint[], $2::bigint[]) as mine (id, claim)
where t.id = any ($1::bigint[]) and t.id + 0 = mine.id and t.claim = mine.claim

-- name: due
-- Which queues have due, unclaimed tasks, and how many (the sweeper announces them again).
select queue, count(*)::bigint as depth, min(due_at) as oldest
from task where due_at <= $1 and (leased_until is null or leased_until < clock_timestamp())
group by queue

-- name: depths
-- Every queue with what waits, what is due, the oldest, and what is leased.
select queue, count(*)::bigint as waiting, count(*) filter (where due_at <= $1)::bigint as due,
       min(due_at) filter (where due_at <= $1) as oldest_due,
       count(*) filter (where leased_until >= clock_timestamp())::bigint as leased
from task group by queue order by queue

-- name: ask_again
-- An operator has a document examined again: once, and only while it stands where the operator saw it.
insert into task (queue, lane, subject, due_at, why)
select $2, d.clinic_oid, d.id, $3, $4 from document d
where d.id = $1 and d.status = $5 and not exists (select 1 from task t where t.subject = d.id and t.queue = $2)
returning id, queue
