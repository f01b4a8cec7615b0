-- name: routes
-- Every destination with what waits for it, since when, and what it answered lately ($1 now, $2 since).
select d.id, d.paused, d.paused_by, d.paused_reason, d.paused_at, d.failures, d.open_until, d.last_success_at,
       d.last_failure_at, d.last_failure, s.silent_since, s.silent_count, l.waiting, l.due, l.awaiting, l.held, l.oldest, l.oldest_due,
       l.oldest_awaiting, r.done, r.failed,
       greatest((select max(status_at) from delivery where destination = d.id and status = 'registered'),
                (select max(status_at) from delivery where destination = d.id and status = 'delivered'),
                (select max(status_at) from delivery where destination = d.id and status = 'rejected'),
                (select max(status_at) from delivery where destination = d.id and status = 'awaiting_result'))
           as last_answer_at
from destination d, lateral (
    select min(c.silent_since) as silent_since, coalesce(sum(c.silent_count), 0)::int as silent_count
    from channel c where c.destination = d.id and c.silent_since is not null
) s, lateral (
    select count(*) filter (where v.status in ('queued', 'sending')) as waiting,
           count(*) filter (where v.status = 'queued' and v.next_attempt_at <= $1) as due,
           count(*) filter (where v.status = 'awaiting_result') as awaiting,
           count(*) filter (where v.status = 'held') as held,
           min(v.created_at) filter (where v.status in ('queued', 'sending')) as oldest,
           min(v.next_attempt_at) filter (where v.status = 'queued' and v.next_attempt_at <= $1) as oldest_due,
           min(v.status_at) filter (where v.status = 'awaiting_result') as oldest_awaiting
    from delivery v
    where v.destination = d.id and v.status in ('queued', 'held', 'sending', 'awaiting_result')
) l, lateral (
    select count(*) filter (where v.status in ('registered', 'delivered')) as done,
           count(*) filter (where v.status in ('rejected', 'dead')) as failed
    from delivery v
    where v.destination = d.id and v.status in ('registered', 'delivered', 'rejected', 'dead') and v.status_at > $2
) r
order by d.id

-- name: reasons
-- Why deliveries wait for another try or were refused since an instant, by destination, most frequent first.
select d.id as destination, r.status, r.reason, r.text, r.count
from destination d, lateral (
    select v.status, v.reason, coalesce(left(v.findings -> 0 ->> 'message', 160), '') as text, count(*) as count
    from delivery v
    where v.destination = d.id and (
        (v.status in ('rejected', 'dead') and v.status_at > $1)
        or (v.status = 'queued' and v.attempt > 0 and v.reason <> ''))
    group by 1, 2, 3
) r
order by d.id, r.count desc

-- name: held
-- What is held, by destination and reason, for how many clinics and since when.
select d.id as destination, h.reason, h.deliveries, h.clinics, h.oldest
from destination d, lateral (
    select v.reason, count(*) as deliveries, count(distinct v.clinic_oid) as clinics, min(v.status_at) as oldest
    from delivery v where v.destination = d.id and v.status = 'held' group by v.reason
) h
order by d.id, h.deliveries desc

-- name: arrivals
-- What came through the doors since an instant, of the newest documents (the key is in time order).
select door, status, count(*) as count
from (select door, status, received_at from document order by id desc limit $2) n
where received_at > $1 group by door, status

-- name: refusals_since
-- How many submissions were refused at the doors since an instant, by code, of the newest refusals.
select code, count(*) as count
from (select body ->> 'code' as code, at from journal where event = 'submission.refused' order by id desc limit $2) n
where at > $1 group by code order by count desc

-- name: attention
-- What waits for a person.
select (select count(*) from registration where status = 'submitted') as registrations,
       (select count(*) from (select 1 from document where status = 'unroutable' limit 1000) u) as unroutable,
       (select count(*) from (select 1 from callback where status = 'parked' limit 1000) c) as callbacks,
       (select count(*) from (select 1 from journal where event = 'submission.parked' order by id desc limit 1000) s)
           as parked,
       (select count(*) from clinic c where status = 'active' and (remd_link <> 'confirmed'
           or exists (select 1 from clinic_unlinked u where u.clinic_oid = c.oid))) as unlinked,
       (select count(*) from unknown_answer where settled_at is null) as unknown_codes,
       r.differences, r.differing_clinics, r.uncompared,
       (select count(*) from file_request where answered_at is null) as files_awaited,
       (select min(first_at) from file_request where answered_at is null) as files_since,
       (select count(*) from delivery where term_told = 3
           and status in ('queued', 'held', 'sending', 'awaiting_result')) as overdue,
       (select count(*) from delivery where term_told = 2
           and status in ('queued', 'held', 'sending', 'awaiting_result')) as nearly_overdue,
       (select count(*) from task where queue = 'work.prepare' and why = 'operator.rules_unreadable') as unjudged,
       (select count(*) from task where queue = 'work.prepare' and why = 'operator.trust_unreadable') as untrusted,
       (select count(*) from rulebook where status = 'proposed'
           and based_on = coalesce((select revision from rulebook where status = 'active'), 0)) as proposals
from (
    select coalesce(sum(differences), 0)::int as differences,
           count(*) filter (where differences > 0) as differing_clinics,
           count(*) filter (where status = 'failed') as uncompared
    from (
        select distinct on (destination, clinic_oid) differences, status from reconciliation
        where planned_at >= $1 and status <> 'planned'
        order by destination, clinic_oid, planned_at desc, round desc
    ) l
) r

-- name: acts
-- What operators did lately.
select at, actor, event, clinic_oid, document_id, body::text as body from journal
where event = any ($1::text[]) order by id desc limit $2
