-- name: seen_submissions
-- What the message gates remember: the document first kept under each key.
select s.partner_id, s.mode, s.key, s.document_id, s.fingerprint, d.status
from unnest($1::text[], $2::text[], $3::text[]) as k (partner_id, mode, key)
join submission s using (partner_id, mode, key)
join document d on d.id = s.document_id

-- name: seen_identities
-- What the localUid gates remember, and whether that document was registered (taken by a ГИС alone it is not).
select i.clinic_oid, i.mode, i.local_uid, i.document_id, i.fingerprint, i.content_fingerprint, d.status,
       exists (select 1 from delivery v where v.document_id = d.id and v.status = 'registered')
           as registered
from unnest($1::text[], $2::text[], $3::text[]) as k (clinic_oid, mode, local_uid)
join identity i using (clinic_oid, mode, local_uid)
join document d on d.id = i.document_id

-- name: lock_identities
-- Let resubmissions of one document decide one after another; in one order, so that two batches never deadlock.
select i.document_id
from unnest($1::text[], $2::text[], $3::text[]) as k (clinic_oid, mode, local_uid)
join identity i using (clinic_oid, mode, local_uid)
order by i.clinic_oid, i.mode, i.local_uid
for update of i

-- name: point_submissions
-- New message ids carried documents we already have: they point to the first ones.
insert into submission (partner_id, mode, key, document_id, fingerprint)
select * from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bytea[]) as u (partner_id, mode, key, id, print)
order by u.partner_id, u.mode, u.key

-- name: take_over_identities
-- The same content with new signatures: the gate now remembers the resubmission.
update identity i set document_id = p.document_id, fingerprint = p.fingerprint
from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bytea[])
    as p (clinic_oid, mode, local_uid, document_id, fingerprint)
where i.clinic_oid = p.clinic_oid and i.mode = p.mode and i.local_uid = p.local_uid

-- name: accept
-- Keep accepted documents whole, all of them or nothing: gates, rows, the one sealed copy of each body, first events and
-- tasks. No row comes back when one was seen before (unless the caller knows: $24); another process in between is a
-- unique violation. Gates are taken in order, messages first, so that batches never deadlock; a resubmission has its
-- localUid gate already.
with seen as (
    select not $24 and (
        exists (select 1 from submission s
                join unnest($2::text[], $5::text[], $9::text[]) as k (partner_id, mode, key) using (partner_id, mode, key))
        or exists (select 1 from identity i
                   join unnest($3::text[], $5::text[], $10::text[]) as k (clinic_oid, mode, local_uid)
                   using (clinic_oid, mode, local_uid))) as any
), messages as (
    insert into submission (partner_id, mode, key, document_id, fingerprint)
    select u.partner_id, u.mode, u.key, u.id, u.fingerprint
    from unnest($2::text[], $5::text[], $9::text[], $1::uuid[], $18::bytea[])
        as u (partner_id, mode, key, id, fingerprint), seen
    where not seen.any
    order by u.partner_id, u.mode, u.key
    returning document_id
), identities as (
    insert into identity (clinic_oid, mode, local_uid, document_id, content_fingerprint, fingerprint)
    select u.clinic_oid, u.mode, u.local_uid, u.id, u.content_fingerprint, u.fingerprint
    from unnest($3::text[], $5::text[], $10::text[], $1::uuid[], $19::bytea[], $18::bytea[], $17::uuid[])
        as u (clinic_oid, mode, local_uid, id, content_fingerprint, fingerprint, replaces), seen
    where not seen.any and u.replaces is null and (select count(*) from messages) >= 0
    order by u.clinic_oid, u.mode, u.local_uid
    returning document_id
), documents as (
    insert into document (id, partner_id, clinic_oid, region, mode, door, type, kind, message_id, local_uid,
                          document_number, status, received_at, status_at, digest, size, set_key, version, replaces,
                          sequence)
    select u.id, u.partner_id, u.clinic_oid, u.region, u.mode, u.door, u.type, u.kind, u.message_id, u.local_uid,
           u.document_number, 'accepted', u.received_at, u.received_at, u.digest, u.size, u.set_key, u.version,
           u.replaces, 1
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::bytea[], $14::int[], $15::text[],
                $16::int[], $17::uuid[])
        as u (id, partner_id, clinic_oid, region, mode, door, type, kind, message_id, local_uid, document_number,
              received_at, digest, size, set_key, version, replaces), seen
    where not seen.any and (select count(*) from identities) >= 0
), contents as (
    insert into content (document_id, body)
    select u.id, u.body from unnest($1::uuid[], $20::bytea[]) as u (id, body), seen where not seen.any
), events as (
    insert into journal (id, document_id, sequence, event, at, partner_id, clinic_oid, feed, body)
    select u.id, u.document_id, 1, $23, u.at, u.partner_id, u.clinic_oid, true, u.body::jsonb
    from unnest($21::uuid[], $1::uuid[], $12::timestamptz[], $2::text[], $3::text[], $22::text[])
        as u (id, document_id, at, partner_id, clinic_oid, body), seen
    where not seen.any
)
insert into task (queue, lane, subject, priority, due_at, why)
select $25, u.lane, u.subject, 0, u.due_at, ''
from unnest($3::text[], $1::uuid[], $12::timestamptz[]) as u (lane, subject, due_at), seen
where not seen.any
returning id, queue

-- name: tickets
-- What the tickets of these documents say.
select id, status, received_at, digest, mode, message_id from document where id = any ($1::uuid[])

-- name: first_ticket
-- The ticket a partner was given for these very bytes under this message id.
select d.id, d.status, d.received_at, d.digest, d.mode
from submission s join document d on d.id = s.document_id
where s.partner_id = $1 and s.mode = $2 and s.key = $3 and s.fingerprint = $4

-- name: statuses
-- Where these documents stand (the waiting doors ask).
select id, status from document where id = any ($1::uuid[])

-- name: sizes
-- How large these documents are, before they are loaded.
select id, size from document where id = any ($1::uuid[])

-- name: for_work
-- Documents with their sealed content, for the steps.
select d.id, d.partner_id, d.clinic_oid, d.region, d.mode, d.type, d.kind, d.message_id, d.local_uid,
       d.document_number, d.status, d.received_at, d.digest, d.set_key, d.version, d.replaces, d.crashes, c.body,
       c.canonical
from document d join content c on c.document_id = d.id
where d.id = any ($1::uuid[])

-- name: previous_versions
-- Of each document the latest one of its set that came before it and was not refused.
select d.id, p.local_uid, p.version, p.kind
from document d
cross join lateral (
    select o.local_uid, o.version, o.kind from document o
    where o.clinic_oid = d.clinic_oid and o.set_key = d.set_key and o.set_key <> '' and o.mode = d.mode and o.id < d.id
      and o.status in ('validated', 'routed', 'completed', 'failed')
    order by o.version desc, o.id desc limit 1
) p
where d.id = any ($1::uuid[]) and d.set_key <> ''

-- name: count_crash
-- Remember that a document broke or stalled its compute process; returns how often so far.
update document set crashes = crashes + 1 where id = $1 returning crashes

-- name: lock
-- Take the documents' locks in order, so that their events are numbered in the order of their commits.
select pg_advisory_xact_lock(k) from unnest($1::bigint[]) as k order by k

-- name: advance
-- Move documents on and number their next events; returns the last number and what an event must name.
update document d
set sequence = d.sequence + u.events, status = coalesce(u.status, d.status),
    status_at = case when u.status is null or u.status = d.status then d.status_at else u.at end
from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[]) as u (id, events, status, at)
where d.id = u.id
returning d.id, d.sequence, d.partner_id, d.clinic_oid, d.mode, d.message_id, d.local_uid, d.status, d.type

-- name: first_under
-- A document as its repeat is told of it, and whether this partner was told of its acceptance under this message id.
select d.status, d.local_uid, d.clinic_oid,
       exists (select 1 from journal j
               where j.document_id = d.id and j.partner_id = $2 and j.event = $3 and j.feed
                 and j.body ->> 'messageId' = $4) as told
from document d where d.id = $1

-- name: insert_journal
-- Write events; the transaction's number orders them in the feed.
insert into journal (id, document_id, delivery_id, sequence, event, at, partner_id, clinic_oid, actor, feed, body)
select u.id, u.document_id, u.delivery_id, u.sequence, u.event, u.at, u.partner_id, u.clinic_oid, u.actor, u.feed,
       u.body::jsonb
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[], $7::text[], $8::text[],
            $9::text[], $10::bool[], $11::text[])
    as u (id, document_id, delivery_id, sequence, event, at, partner_id, clinic_oid, actor, feed, body)

-- name: feed
-- A partner's events after a cursor, in commit order; transactions still open hide what comes after them.
select j.tx::text as tx, j.id, j.body::text as body, j.event
from journal j
where j.partner_id = $1 and j.feed and (j.tx, j.id) > ($2::text::xid8, $3::uuid)
  and j.tx < pg_snapshot_xmin(pg_current_snapshot()) and ($5::text = '' or j.body ->> 'mode' = $5)
order by j.tx, j.id
limit $4

-- name: document_events
-- Everything the journal holds of one document, in order; repeats told outside its numbers have no sequence.
select id, event, at, sequence, delivery_id, actor, feed, body::text as body
from journal where document_id = $1 order by tx, id

-- name: keep_reports
-- Keep the reports of validated documents; a later one replaces an earlier one.
insert into report (document_id, made_at, body, signatures, signed_at, trust)
select u.id, u.at, u.body::jsonb, u.signatures::jsonb, u.signed_at, u.trust
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
     as u (id, at, body, signatures, signed_at, trust)
on conflict (document_id) do update set made_at = excluded.made_at, body = excluded.body,
       signatures = excluded.signatures, signed_at = excluded.signed_at, trust = excluded.trust

-- name: keep_canonicals
-- Keep the sealed canonical form and what routing and ordering need of it.
update content c set canonical = u.canonical
from unnest($1::uuid[], $2::bytea[]) as u (id, canonical) where c.document_id = u.id

-- name: keep_facts
-- Correct what intake could only peek at.
update document d set set_key = u.set_key, version = u.version,
       document_number = case when u.number = '' then d.document_number else u.number end
from unnest($1::uuid[], $2::text[], $3::int[], $4::text[]) as u (id, set_key, version, number) where d.id = u.id
  and (d.set_key <> u.set_key or d.version <> u.version or (u.number <> '' and d.document_number <> u.number))
