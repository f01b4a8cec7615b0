-- name: heard
-- A system called us over this channel, and perhaps took a file ($4).
insert into channel as c (destination, clinic_oid, heard_at, served_at)
values ($1, $2, $3, case when $4::boolean then $3::timestamptz end)
on conflict (destination, clinic_oid) do update
set heard_at = greatest(c.heard_at, $3), silent_since = null, silent_count = 0,
    served_at = case when $4 then greatest(c.served_at, $3) else c.served_at end

-- name: silent_since
-- Since when a channel is silent, locked until what is said of it is written.
select silent_since from channel where destination = $1 and clinic_oid = $2 for update

-- name: release
-- An operator decided to go on in spite of the silence of every channel of a destination: they are counted anew from now.
with before as materialized (
    select destination, clinic_oid, silent_since from channel
    where destination = $1 and silent_since is not null for update
)
update channel c set silent_since = null, silent_count = 0, released_at = $2
from before b where c.destination = b.destination and c.clinic_oid = b.clinic_oid
returning c.clinic_oid, b.silent_since

-- name: silent_now
-- How many documents were accepted since the system was heard last ($6) and wait longer than allowed ($4: accepted
-- before): all of the destination but clinics with endpoints of their own ($2 = ''), or those of one. Counted up to $5.
select count(*) as documents, min(q.status_at) as since
from (
    select v.status_at
    from delivery v
    where v.destination = $1 and v.status = 'awaiting_result' and v.status_at <= $4 and v.status_at > $6::timestamptz
      and ($2 = '' and not v.clinic_oid = any ($3::text[]) or v.clinic_oid = $2)
    order by v.status_at limit $5
) q

-- name: floors
-- Since when each channel of a destination would be silent: its last call, or an operator's decision to go on.
select clinic_oid, greatest(heard_at, released_at) as floor from channel where destination = $1

-- name: fall_silent
-- Note that a channel is silent, unless it is known already or was heard a moment ago.
insert into channel as c (destination, clinic_oid, silent_since, silent_count) values ($1, $2, $3, $4)
on conflict (destination, clinic_oid) do update set silent_since = $3, silent_count = $4
where c.silent_since is null and (c.heard_at is null or c.heard_at < $5)
returning c.destination

-- name: silent
-- Every silent channel.
select destination, clinic_oid, silent_since, silent_count, heard_at from channel where silent_since is not null

-- name: endpoints
-- Clinics with an endpoint of their own at a destination: its calls about them come that way.
select clinic_oid from clinic_param where destination = $1 and name = 'reply_to' and value <> ''

-- name: clinic_of_document
-- Whose document was served.
select clinic_oid from document where id = $1

-- name: clinic_of_correlation
-- Whose document a verdict is about.
select v.clinic_oid from attempt a join delivery v on v.id = a.delivery_id
where a.correlation = $1 and v.destination = $2 limit 1

-- name: give_back
-- Give the time a channel was silent back to the deadlines of what waited for it ($2: of one clinic, or of all but $3).
with waiting as materialized (
    select v.id, $5 - greatest($4::timestamptz, v.status_at) as lost from delivery v
    where v.destination = $1 and v.status in ('queued', 'awaiting_result')
      and ($2 = '' and not v.clinic_oid = any ($3::text[]) or v.clinic_oid = $2)
    order by v.id for update of v
)
update delivery v set deadline_at = v.deadline_at + w.lost from waiting w where v.id = w.id and w.lost > interval '0'

-- name: file_again
-- Files are taken from us again: what failed for want of one is tried now.
with mine as materialized (
    select v.id from delivery v
    join channel c on c.destination = v.destination
        and (c.clinic_oid = v.clinic_oid or c.clinic_oid = '' and not v.clinic_oid = any ($3::text[]))
    where v.destination = $1 and v.status = 'queued' and v.state ? 'file' and v.next_attempt_at > $2
      and c.served_at > v.status_at
    order by v.id limit 1000 for update of v
), sooner as (
    update task t set due_at = $2 from mine m where t.subject = m.id returning t.subject
)
update delivery v set next_attempt_at = $2 from sooner s where v.id = s.subject
returning v.id

-- name: reopen
-- Parked answers whose attempt is there after all: to be read again, each with a task. The newest $4 are looked at.
with found as materialized (
    select c.id, c.destination from callback c
    where c.id in (
        select p.id
        from (select id, correlation, destination from callback
              where status = 'parked' order by received_at desc limit $4) p
        where exists (
            select 1 from attempt a join delivery v on v.id = a.delivery_id
            where a.correlation = p.correlation and v.destination = p.destination))
      and c.status = 'parked'
    order by c.received_at limit $1 for update of c skip locked
), opened as (
    update callback c set status = 'new', note = '' from found f where c.id = f.id returning c.id, c.destination
)
insert into task (queue, lane, subject, priority, due_at, why)
select $2, o.destination, o.id, 1, $3, 'callback.reopened' from opened o
returning id, queue, subject

-- name: ages
-- How long what was sent waits for its answer, by destination and rung ($2: the ladder in ascending order).
select v.destination, width_bucket($1 - v.sent_at, $2::interval[]) as rung, count(*) as deliveries
from delivery v
where v.status in ('queued', 'held', 'sending', 'awaiting_result') and v.sent_at is not null
group by 1, 2 order by 1, 2

-- name: oldest
-- Who waits longest at a destination for the answer to what was sent.
select v.id, v.document_id, v.clinic_oid, v.status, v.reason, v.sent_at, v.deadline_at
from delivery v
where v.destination = $1 and v.status in ('queued', 'held', 'sending', 'awaiting_result') and v.sent_at is not null
order by v.sent_at limit $2

-- name: unlink_clinic
-- A destination says that a clinic is not linked: its deliveries there are held until an operator confirms the link.
insert into clinic_unlinked (clinic_oid, destination, since) select c, d, $3 from unnest($1::text[], $2::text[]) as u (c, d)
where exists (select 1 from clinic where oid = c)
on conflict do nothing

-- name: relink_clinic
-- An operator confirmed the link.
delete from clinic_unlinked where clinic_oid = $1 returning destination

-- name: note_unknown
-- Keep a code nobody has described; returns it the first time only.
insert into unknown_answer as u (destination, code, first_at, last_at, document_id) values ($1, $2, $3, $3, $4)
on conflict (destination, code) do update set last_at = $3, times = u.times + 1
returning (xmax = 0) as first

-- name: unknown
-- Codes nobody has described, the newest first.
select destination, code, first_at, last_at, times, document_id, settled_at, settled_by from unknown_answer
where settled_at is null or $1::boolean order by settled_at nulls first, last_at desc limit 200

-- name: settle_unknown
-- An operator has seen to a code.
update unknown_answer set settled_at = $3, settled_by = $4 where destination = $1 and code = $2 and settled_at is null
returning code
