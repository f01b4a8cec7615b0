-- name: plan
-- Plan the comparison of every active, linked clinic (or of one, $2) with a destination's registry for a day; once per
-- round: a round planned already is left as it is.
with whom as (
    select c.oid from clinic c
    where ($2 = '' and c.status = 'active' and c.remd_link = 'confirmed' or c.oid = $2)
      and ($2 <> '' or not exists (
          select 1 from clinic_unlinked u where u.clinic_oid = c.oid and u.destination = $1))
), planned as (
    insert into reconciliation (id, destination, clinic_oid, day, round, since, until, status, planned_at, planned_by)
    select gen_random_uuid(), $1, w.oid, $3::date, case when $4::boolean then 0 else 1 + coalesce((
               select max(r.round) from reconciliation r
               where r.destination = $1 and r.clinic_oid = w.oid and r.day = $3), 0) end,
           $5, $6, 'planned', $7, $8
    from whom w
    on conflict do nothing
    returning id, clinic_oid
)
insert into task (queue, lane, subject, priority, due_at, why)
select $9, p.clinic_oid, p.id, case when $4 then 2 else 0 end, $7, '' from planned p
returning id, queue, subject

-- name: is_planned
-- Was the nightly round of a day planned for this destination?
select exists (select 1 from reconciliation where destination = $1 and day = $2::date and round = 0)

-- name: load
-- One comparison to be made.
select id, destination, clinic_oid, since, until, status from reconciliation where id = $1

-- name: ours
-- What we call registered at a destination for a clinic since an instant (РЭМД registers before it tells us).
select v.document_id, lower(v.local_uid) as local_uid, coalesce(v.receipt ->> 'emdrId', '') as number,
       coalesce((v.receipt ->> 'registeredAt')::timestamptz, v.status_at) as registered_at, v.stage
from delivery v
where v.destination = $1 and v.clinic_oid = $2 and v.status = 'registered' and v.status_at >= $3

-- name: known
-- Where deliveries with these localUids stand at a destination, the best of each.
select distinct on (lower(v.local_uid)) lower(v.local_uid) as local_uid, v.status, v.document_id,
       coalesce(v.receipt ->> 'emdrId', '') as number
from delivery v
where lower(v.local_uid) = any ($2::text[]) and v.destination = $1
order by lower(v.local_uid), v.status <> 'registered', v.status not in ('queued', 'held', 'sending', 'awaiting_result')

-- name: finish
-- Write what came of a comparison.
update reconciliation
set status = $2, finished_at = $3, ours = $4, theirs = $5, differences = $6, note = $7
where id = $1 and status = 'planned' returning destination, clinic_oid

-- name: differences
-- Write the differences themselves.
insert into reconciliation_difference (reconciliation_id, kind, local_uid, number_here, number_there, document_id)
select $1, u.* from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[])
    as u (kind, local_uid, number_here, number_there, document_id)
on conflict do nothing

-- name: latest
-- The last comparison of every clinic with a destination since an instant; those that differ first.
select * from (
    select distinct on (destination, clinic_oid) id, destination, clinic_oid, day, since, until, status, planned_at,
           planned_by, finished_at, ours, theirs, differences, note
    from reconciliation where planned_at >= $1 and ($2 = '' or destination = $2)
    order by destination, clinic_oid, planned_at desc, round desc
) r
order by r.differences desc, r.status, r.destination, r.clinic_oid limit $3

-- name: standing
-- What the last finished comparisons of every clinic say, by destination: differences, clinics, failures, still planned.
select destination, sum(differences)::int as differences, count(*) filter (where differences > 0)::int as clinics,
       count(*) filter (where status = 'failed')::int as failed, max(finished_at) as finished_at
from (
    select distinct on (destination, clinic_oid) destination, clinic_oid, differences, status, finished_at
    from reconciliation where planned_at >= $1 and status <> 'planned'
    order by destination, clinic_oid, planned_at desc, round desc
) r
group by destination order by destination

-- name: details
-- The differences of comparisons.
select d.reconciliation_id, r.destination, r.clinic_oid, d.kind, d.local_uid, d.number_here, d.number_there, d.document_id
from reconciliation_difference d join reconciliation r on r.id = d.reconciliation_id
where d.reconciliation_id = any ($1::uuid[])
order by r.destination, r.clinic_oid, d.kind, d.local_uid limit $2
