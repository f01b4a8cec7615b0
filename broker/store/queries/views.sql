-- name: document
-- One document as its partner and the operator see it.
select d.id, d.partner_id, d.clinic_oid, d.region, d.mode, d.door, d.type, d.kind, d.message_id, d.local_uid,
       d.document_number, d.status, d.received_at, d.status_at, d.digest, d.size, d.set_key, d.version, d.replaces,
       d.sequence, coalesce(r.signatures, '[]'::jsonb) as signatures
from document d left join report r on r.document_id = d.id where d.id = $1

-- name: deliveries
-- The deliveries of one document, with what stands before their whole destination: a pause, an open breaker, the silence
-- of the channel over which it calls about their clinic.
select v.id, v.destination, v.required, v.rule, v.status, v.reason, v.stage, v.attempt, v.next_attempt_at, v.receipt,
       v.findings, v.created_at, v.status_at, v.sent_at, v.deadline_at, v.message_id, d.paused, d.open_until,
       d.last_failure, exists (
           select 1 from channel c
           where c.destination = v.destination and c.silent_since is not null
             and c.clinic_oid = case when exists (
                     select 1 from clinic_param p where p.clinic_oid = v.clinic_oid and p.destination = v.destination
                       and p.name = 'reply_to' and p.value <> '') then v.clinic_oid else '' end) as silent
from delivery v left join destination d on d.id = v.destination
where v.document_id = $1 order by v.destination

-- name: report
-- The validation report of one document.
select body::text as body, made_at from report where document_id = $1

-- name: documents
-- A page of documents, newest first; empty filters match all.
select d.id, d.partner_id, d.clinic_oid, d.mode, d.door, d.type, d.kind, d.message_id, d.local_uid, d.document_number,
       d.status, d.received_at, d.status_at, d.size
from document d
where ($1::text = '' or d.partner_id = $1) and ($2::text = '' or d.clinic_oid = $2) and ($3::text = '' or d.kind = $3)
  and ($4::text = '' or d.status = $4) and ($5::timestamptz is null or d.received_at >= $5)
  and ($6::timestamptz is null or d.received_at < $6) and ($7::uuid is null or d.id < $7)
  and ($9::text = '' or d.mode = $9)
order by d.id desc limit $8

-- name: find
-- Documents by anything a person may hold: id, message id, localUid, document number, or a receipt's number.
-- Each way has its own index; message ids are looked for under every partner, whose number is small.
with hits as (
    select d.id from document d where d.id = $3::uuid
    union select d.id from document d where d.local_uid = lower($1)
    union (select d.id from document d where d.document_number = $1 and d.document_number <> ''
           order by d.id desc limit $2)
    union select s.document_id from partner p, (values ('test'), ('production')) as m (mode), submission s
          where s.partner_id = p.id and s.mode = m.mode and s.key = $1
    union select v.document_id from delivery v where v.receipt ->> 'emdrId' = $1 and v.receipt is not null
    union select v.document_id from delivery v where v.id = $3::uuid
)
select d.id, d.partner_id, d.clinic_oid, d.mode, d.door, d.type, d.kind, d.message_id, d.local_uid, d.document_number,
       d.status, d.received_at, d.status_at, d.size
from document d where d.id = any (array(select h.id from hits h order by h.id desc limit $2))
order by d.id desc

-- name: refusals
-- Refusals at the doors, newest first, optionally of one partner or with one code.
select id, at, partner_id, clinic_oid, body::text as body from journal
where event = 'submission.refused' and ($1::text = '' or partner_id = $1)
  and ($2::text = '' or body ->> 'code' = $2)
order by id desc limit $3

-- name: destinations
-- What waits at every destination, by status, with the oldest; the failures' reasons of the last hour.
select v.destination, v.status, count(*)::bigint as count, min(v.status_at) as oldest
from delivery v
where v.status in ('queued', 'held', 'sending', 'awaiting_result') or v.status_at > $1
group by v.destination, v.status order by v.destination, v.status

-- name: waiting
-- Waiting deliveries of a destination with why they wait and when they are tried next, and what stands before all.
select v.id, v.document_id, v.clinic_oid, v.status, v.reason, v.stage, v.attempt, v.next_attempt_at, v.status_at,
       v.created_at, v.deadline_at, d.paused, d.open_until, d.last_failure, exists (
           select 1 from channel c
           where c.destination = v.destination and c.silent_since is not null
             and c.clinic_oid = case when exists (
                     select 1 from clinic_param p where p.clinic_oid = v.clinic_oid and p.destination = v.destination
                       and p.name = 'reply_to' and p.value <> '') then v.clinic_oid else '' end) as silent
from delivery v left join destination d on d.id = v.destination
where v.destination = $1 and v.status in ('queued', 'held', 'sending', 'awaiting_result')
order by v.created_at limit $2

-- name: troubles
-- Why deliveries of a destination are refused or dead, most frequent first, since an instant.
select reason, status, count(*)::bigint as count from delivery
where destination = $1 and status in ('rejected', 'dead', 'held') and status_at > $2
group by reason, status order by count desc limit 20

-- name: callbacks
-- Parked callbacks: state systems told us of something we did not send.
select id, destination, endpoint, correlation, received_at, note from callback
where status = 'parked' order by received_at desc limit $1


-- name: retryable
-- Deliveries an operator may queue again: by id, destination, reason and status; empty filters match all.
select id, document_id, destination, clinic_oid, status, reason, status_at from delivery
where status in ('rejected', 'dead', 'held', 'cancelled') and (cardinality($1::uuid[]) = 0 or id = any ($1))
  and ($2::text = '' or destination = $2) and ($3::text = '' or reason = $3) and ($4::text = '' or status = $4)
order by status_at limit $5
