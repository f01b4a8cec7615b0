-- name: insert
-- Open deliveries chosen by routing.
insert into delivery (id, document_id, partner_id, clinic_oid, mode, destination, required, rule, status, local_uid,
                      set_key, version, created_at, status_at, deadline_at, next_attempt_at,
                      term_from, term_marks, term_next, term_days, term_provisional)
select u.id, u.document_id, u.partner_id, u.clinic_oid, u.mode, u.destination, u.required, u.rule, 'queued',
       u.local_uid, u.set_key, u.version, u.created_at, u.created_at, u.deadline_at, u.created_at,
       u.term_from, case when u.term_from is not null then array[u.term_half, u.term_most, u.term_ends] end, u.term_half,
       u.term_days, u.term_provisional
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::text[],
            $9::text[], $10::text[], $11::int[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
            $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::int[], $19::bool[])
    as u (id, document_id, partner_id, clinic_oid, mode, destination, required, rule, local_uid, set_key, version,
          created_at, deadline_at, term_from, term_half, term_most, term_ends, term_days, term_provisional)
on conflict (document_id, destination) do nothing
returning id

-- name: states
-- Deliveries as decisions see them.
select id, document_id, destination, clinic_oid as clinic, mode, required, status, attempt, local_uid, set_key, version,
       created_at, status_at, deadline_at, reason, stage, message_id, state, sent_at, warned_at
from delivery where id = any ($1::uuid[])

-- name: states_for_change
-- The same, locked in one order: what is decided on them is written before anybody else decides.
select id, document_id, destination, clinic_oid as clinic, mode, required, status, attempt, local_uid, set_key, version,
       created_at, status_at, deadline_at, reason, stage, message_id, state, sent_at, warned_at
from delivery where id = any ($1::uuid[]) order by id for update

-- name: states_of_document
-- All deliveries of a document, locked likewise.
select id, document_id, destination, clinic_oid as clinic, mode, required, status, attempt, local_uid, set_key, version,
       created_at, status_at, deadline_at, reason, stage, message_id, state, sent_at, warned_at
from delivery where document_id = $1 order by id for update

-- name: how_unrouted
-- Where a document without deliveries stands, and whether its partner withdrew it.
select d.status, exists (
    select 1 from journal j
    where j.document_id = d.id and j.event = 'document.failed' and j.body ->> 'reason' = $2) as withdrawn
from document d where d.id = $1

-- name: documents_of
-- Which documents these deliveries belong to.
select id, document_id from delivery where id = any ($1::uuid[])

-- name: siblings
-- All deliveries of these documents: what the document's status follows from.
select document_id, id, required, status from delivery where document_id = any ($1::uuid[])

-- name: lock_sets
-- Serialise the start of deliveries of one set at one destination.
select pg_advisory_xact_lock(hashtextextended(k, 0)) from unnest($1::text[]) as k order by k

-- name: predecessors
-- Earlier versions of the same set that are not finished at the destination, and the same document under other
-- signatures: older, or tried already whichever is older (two doors may have numbered them in either order).
-- Each set is looked up by itself: whatever else waits, however much, is not read. "is true" keeps a condition from
-- choosing the index: plans made while the tables are empty take any.
select v.id as successor, p.id::text as id, p.status, p.attempt, false as same, null::jsonb as receipt
from delivery v cross join lateral (
    select o.id, o.status, o.attempt from delivery o
    where o.destination = v.destination and o.clinic_oid = v.clinic_oid and o.mode = v.mode
        and o.set_key = v.set_key and o.set_key <> '' and o.version < v.version
        and (o.status in ('queued', 'held', 'sending', 'awaiting_result')) is true
    offset 0) p
where v.id = any ($1::uuid[]) and (v.set_key <> '') is true
union all
select v.id, d.id::text, null, 0, false, null
from delivery v cross join lateral (
    select o.id from document o
    where o.clinic_oid = v.clinic_oid and o.set_key = v.set_key and o.set_key <> '' and o.mode = v.mode
        and o.version < v.version and (o.status in ('accepted', 'validated')) is true
    offset 0) d
where v.id = any ($1::uuid[]) and (v.set_key <> '') is true
union all
select v.id, p.id::text, p.status, p.attempt, true, p.receipt
from delivery v cross join lateral (
    select o.id, o.status, o.attempt, o.receipt from delivery o
    where lower(o.local_uid) = lower(v.local_uid) and (o.destination = v.destination) is true
        and o.clinic_oid = v.clinic_oid and o.mode = v.mode and o.id <> v.id
        and (o.status in ('queued', 'held', 'sending', 'awaiting_result', 'registered', 'delivered')) is true
        and (o.document_id < v.document_id or o.attempt > 0)
    offset 0) p
where v.id = any ($1::uuid[])
union all
select v.id, d.id::text, null, 0, true, null
from delivery v cross join lateral (
    select o.id from document o
    where o.local_uid = v.local_uid and (o.clinic_oid = v.clinic_oid) is true and o.mode = v.mode
        and o.id < v.document_id and (o.status in ('accepted', 'validated')) is true
    offset 0) d
where v.id = any ($1::uuid[])

-- name: begin
-- Mark deliveries as being sent: the attempt is counted and its message id known before the first byte leaves.
-- Only where the task is still claimed by us, whose lease begins anew: who slept past it must not send beside its
-- successor, and nobody may take it for lost while the call lasts. Deliveries are locked before tasks, like everywhere.
-- Both are found by their own numbers alone: a plan made while the tables are empty would walk through all there are later.
with mine as materialized (
    select v.id, u.message_id, u.claim, u.at, u.task
    from delivery v
    join unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::bigint[])
        as u (id, message_id, claim, at, task) on u.id = v.id
    where v.id = any ($1::uuid[]) and (v.status = 'queued') is true
    order by v.id for update of v
), kept as (
    update task t set leased_until = clock_timestamp() + $6::interval
    from unnest($5::bigint[], $3::bigint[]) as u (id, claim)
    where t.id = any ($5::bigint[]) and t.id + 0 = u.id and t.claim = u.claim and u.id = any (array(select task from mine))
    returning t.id
)
update delivery v
set status = 'sending', attempt = v.attempt + 1, message_id = u.message_id, claim = u.claim, status_at = u.at,
    sent_at = coalesce(v.sent_at, u.at), next_attempt_at = null, reason = ''
from mine u
where v.id = any ($1::uuid[]) and v.id = u.id and u.task in (select id from kept)
returning v.id, v.attempt

-- name: put_off
-- Look at a claimed delivery again later, and say on its row why and when; only where the claim still matches.
with mine as materialized (
    select v.id from delivery v where v.id = $1 and v.status = 'queued' for update
), later as (
    update task t set due_at = $4, leased_until = null, why = $5
    from mine m where t.id = $2 and t.claim = $3 and t.subject = m.id
    returning t.subject
)
update delivery v set reason = $5, next_attempt_at = $4 from later l where v.id = l.subject

-- name: insert_attempts
-- Write the attempt rows that a callback may find before our own answer does.
insert into attempt (id, delivery_id, number, claim, correlation, started_at, digest)
select u.id, u.delivery_id, u.number, u.claim, u.id::text, u.at, u.digest
from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::timestamptz[], $6::bytea[])
    as u (id, delivery_id, number, claim, at, digest)

-- name: end_attempts
-- Write what came of attempts.
update attempt a
set finished_at = coalesce(a.finished_at, u.at), outcome = u.outcome, reason = u.reason,
    duration_ms = coalesce(u.duration, a.duration_ms),
    correlation = case when u.correlation = '' then a.correlation else u.correlation end
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::int[], $6::text[])
    as u (id, at, outcome, reason, duration, correlation)
where a.id = u.id

-- name: attempts
-- Every attempt of these deliveries, in order.
select id, delivery_id, number, correlation, started_at, finished_at, outcome, reason, duration_ms, digest
from attempt where delivery_id = any ($1::uuid[]) order by delivery_id, number

-- name: earlier_attempts
-- Message ids of former attempts of these deliveries and of the same document under other signatures, but for those of
-- which nothing was accepted, or that sent other bytes than the document has: a number they got is not this document's.
select a.delivery_id, a.id, a.started_at
from attempt a join delivery v on v.id = a.delivery_id join document d on d.id = v.document_id
where a.delivery_id = any ($1::uuid[]) and a.outcome not in ('Unavailable', 'Held', 'Rejected') and a.digest = d.digest
union all
select v.id, a.id, a.started_at
from delivery v
join delivery p on lower(p.local_uid) = lower(v.local_uid) and p.destination = v.destination
    and p.clinic_oid = v.clinic_oid and p.mode = v.mode and p.id <> v.id
join document d on d.id = v.document_id
join attempt a on a.delivery_id = p.id
where v.id = any ($1::uuid[]) and a.outcome not in ('Unavailable', 'Held', 'Rejected') and a.digest = d.digest
order by 3

-- name: by_correlation
-- The attempt with this correlation, its delivery, and whether an attempt before it (of the same document under other
-- signatures, too) with the very same bytes may have been accepted.
select a.delivery_id, a.id as message_id, exists (
    select 1
    from delivery p join attempt b on b.delivery_id = p.id
    where lower(p.local_uid) = lower(v.local_uid) and p.destination = v.destination
        and p.clinic_oid = v.clinic_oid and p.mode = v.mode
        and b.outcome not in ('Unavailable', 'Held', 'Rejected') and b.digest = a.digest
        and (b.started_at < a.started_at or b.delivery_id = a.delivery_id and b.number < a.number)) as repeated
from attempt a join delivery v on v.id = a.delivery_id
where a.correlation = $1 and v.destination = $2 order by a.started_at desc limit 1

-- name: apply
-- Write decisions about deliveries.
update delivery v
set status = u.status, reason = u.reason, stage = u.stage, status_at = case when v.status = u.status
        then v.status_at else u.at end,
    next_attempt_at = u.due_at, state = coalesce(u.state::jsonb, v.state), receipt = coalesce(u.receipt::jsonb, v.receipt),
    findings = case when u.status in ('registered', 'delivered') then u.findings::jsonb
        else coalesce(u.findings::jsonb, v.findings) end, deadline_at = coalesce(u.deadline_at, v.deadline_at),
    warned_at = coalesce(u.warned_at, v.warned_at),
    term_next = case when u.status in ('registered', 'delivered', 'rejected', 'dead', 'cancelled') then null
        else v.term_marks[v.term_told + 1] end
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[],
            $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[])
    as u (id, status, reason, stage, at, due_at, state, receipt, findings, deadline_at, warned_at)
where v.id = u.id

-- name: held
-- Held deliveries of a destination, optionally of one clinic or for one reason: what a release concerns. Those in doubt
-- only when they are named: sent again they may arrive twice.
select id, document_id, destination, clinic_oid, status_at, deadline_at, reason from delivery
where status = 'held' and ($1::text = '' or destination = $1) and ($2::text = '' or clinic_oid = $2)
  and (reason = $3::text or ($3 = '' and reason <> 'delivery.in_doubt'))
order by created_at limit $4

-- name: file_by_local_uid
-- The newest document with this localUid that was routed to the destination.
select document_id from delivery where lower(local_uid) = lower($1) and destination = $2
order by created_at desc limit 1

-- name: file_by_receipt
-- The document whose registration carries this number.
select document_id from delivery where receipt ->> 'emdrId' = $1 and destination = $2
order by created_at desc limit 1
