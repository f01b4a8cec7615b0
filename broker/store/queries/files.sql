-- name: walk
-- Documents after an id as the rule of keeping sees them (or the one named); those of which nothing is left are passed by.
select d.id, d.clinic_oid, d.local_uid, d.kind, d.status, d.status_at, d.size, f.depth,
       c.file_key is not null and c.file_url <> '' as endpoint,
       coalesce(c.storage = 'clinic', false) as clinic_keeps,
       coalesce(c.status <> 'closed', false)
           and exists (select 1 from clinic_partner l join credential k using (partner_id)
                       where l.clinic_oid = d.clinic_oid and (k.revoked_at is null or k.revoked_at > $4))
           and not exists (select 1 from file_request r
                           where r.clinic_oid = d.clinic_oid and r.answered_at is null and r.first_at < $5)
           as clinic_serves,
       coalesce((select jsonb_agg(jsonb_build_object('status', v.status, 'at', v.status_at,
                                                     'registeredAt', v.receipt ->> 'registeredAt',
                                                     'storeTill', v.receipt ->> 'storeTillDate'))
                 from delivery v where v.document_id = d.id), '[]') as deliveries
from document d
left join clinic c on c.oid = d.clinic_oid
left join file_fate f on f.document_id = d.id
where d.id > $1 and ($3::uuid is null or d.id = $3) and f.depth is distinct from 'all'
order by d.id limit $2

-- name: sealed
-- The sealed content of a document.
select body from content where document_id = $1

-- name: let_go
-- Put what is left in the place of a document's content.
update content set body = $2, canonical = null where document_id = $1

-- name: keep_fate
-- Remember who let the bytes go, and why.
insert into file_fate (document_id, clinic_oid, why, depth, purged_at, purged_by) values ($1, $2, $3, $4, $5, $6)
on conflict (document_id) do update set why = excluded.why, depth = excluded.depth, purged_at = excluded.purged_at,
       purged_by = excluded.purged_by

-- name: fates
-- What became of the bytes of these documents.
select document_id, why, depth, purged_at, purged_by from file_fate where document_id = any ($1::uuid[])

-- name: fates_of_deliveries
-- Which of these deliveries are of documents whose bytes were let go.
select v.id from delivery v join file_fate f on f.document_id = v.document_id where v.id = any ($1::uuid[])

-- name: give_back
-- Keep what a clinic handed back, for a while.
insert into returned_file (document_id, body, returned_at, kept_until) values ($1, $2, $3, $4)
on conflict (document_id) do update set body = excluded.body, returned_at = excluded.returned_at,
       kept_until = excluded.kept_until

-- name: returned
-- What a clinic handed back, while it is kept.
select body from returned_file where document_id = $1 and (kept_until is null or kept_until > $2)

-- name: drop_returned
-- Forget what was handed back and kept long enough.
delete from returned_file where kept_until < $1

-- name: drop_returned_of
-- Forget what was handed back of one document.
delete from returned_file where document_id = $1

-- name: answer_requests
-- A document's file is at hand: nobody waits for it any more.
update file_request set answered_at = $2 where document_id = $1 and answered_at is null

-- name: ask
-- Note that a state system asked in vain. The row comes back when the clinic is to be told now: the first time, and again
-- when it was told before $5.
insert into file_request as r (document_id, destination, clinic_oid, reason, first_at, last_at, told_at)
select d.id, $2, d.clinic_oid, $3, $4, $4, $4 from document d where d.id = $1
on conflict (document_id, destination) do update
set reason = excluded.reason, last_at = excluded.last_at,
    times = case when r.answered_at is null then r.times + 1 else 1 end,
    first_at = case when r.answered_at is null then r.first_at else excluded.first_at end,
    told_at = case when r.answered_at is null and r.told_at > $5 then r.told_at else excluded.told_at end,
    answered_at = null
returning r.told_at = $4 as tell, r.first_at, (select d.status from document d where d.id = r.document_id) as status

-- name: requests
-- Files state systems wait for (or waited for: $2), of one clinic or of all, the oldest first.
select r.document_id, r.destination, r.clinic_oid, coalesce(c.title, '') as title, r.reason, r.first_at, r.last_at,
       r.times, r.told_at, r.answered_at
from file_request r left join clinic c on c.oid = r.clinic_oid
where ($1::text = '' or r.clinic_oid = $1) and ($2::boolean or r.answered_at is null)
order by r.answered_at is not null, r.first_at limit $3

-- name: requests_of
-- What was asked in vain of one document.
select destination, reason, first_at, last_at, times, told_at, answered_at from file_request where document_id = $1
order by first_at

-- name: waiting
-- How many files are waited for, over all clinics, and since when.
select count(*) as files, min(first_at) as since, count(distinct clinic_oid) as clinics
from file_request where answered_at is null

-- name: purged
-- What was let go, by reason, since an instant.
select why, depth, count(*) as documents, max(purged_at) as last_at from file_fate where purged_at >= $1
group by why, depth order by why, depth

-- name: endpoint
-- Where a clinic is asked for its files, and the sealed key the questions are signed with.
select oid, file_url, file_key from clinic where oid = $1 and file_url <> '' and file_key is not null and status <> 'closed'

-- name: set_endpoint
-- Set or forget where a clinic is asked for its files.
update clinic set file_url = $2, file_key = $3, updated_at = $4 where oid = $1 returning oid

-- name: holding
-- A document whose file is handed back: what its bytes must be, and whether ours were let go.
select d.id, d.digest, d.size, d.clinic_oid, f.depth from document d left join file_fate f on f.document_id = d.id
where d.id = $1
