-- name: claim
-- Deliveries whose next share of the term is used up, each told once; those far behind are told all they missed at once.
with due as materialized (
    select id from delivery where term_next <= $1 order by term_next limit $2 for update skip locked
)
update delivery v
set term_told = least(array_length(v.term_marks, 1),
                      (select count(*) from unnest(v.term_marks) m where m <= $1))::smallint,
    term_next = (select min(m) from unnest(v.term_marks) m where m > $1)
from due d where v.id = d.id
returning v.id, v.document_id, v.partner_id, v.clinic_oid, v.destination, v.term_told as told, v.term_marks as marks,
          v.reason, v.status, v.term_provisional as provisional

-- name: rows
-- Registrations and their terms in a period of acceptance, oldest first; $7 keeps those over their term (late) or
-- registered within it (in_time).
select d.id, d.clinic_oid, d.region, d.partner_id, d.mode, d.kind, d.local_uid, d.document_number, d.received_at, r.signed_at,
       v.id as delivery_id, v.destination, v.status, v.status_at, v.reason, v.sent_at, v.term_from,
       v.term_marks[3] as term_ends, v.term_told, v.term_days, v.term_provisional, v.receipt ->> 'emdrId' as emdr_id,
       n.registered_at
from document d
join delivery v on v.document_id = d.id and v.term_marks is not null
left join report r on r.document_id = d.id
cross join lateral (
    select case when v.status = 'registered'
                then coalesce((v.receipt ->> 'registeredAt')::timestamptz, v.status_at) end as registered_at) n
where d.received_at >= $1 and d.received_at < $2 and d.id >= $10 and d.id < $11
  and ($3::text = '' or d.clinic_oid = $3) and ($4::text = '' or d.partner_id = $4) and ($5::text = '' or d.mode = $5)
  and ($6::uuid is null or d.id > $6)
  and ($7::text <> 'in_time' or n.registered_at <= v.term_marks[3])
  and ($7::text <> 'late' or coalesce(
        n.registered_at, case when v.status in ('rejected', 'dead', 'cancelled') then v.status_at end, $8) > v.term_marks[3])
order by d.id limit $9

-- name: stood
-- What the journal has of these documents' ways since $2: when a delivery went on after it stood, when a system took it.
select delivery_id, event, at, body ->> 'stoodSince' as since, body ->> 'stoodAs' as stood, body ->> 'stoodFor' as reason
from journal
where document_id = any ($1::uuid[]) and id >= $2 and event in ('delivery.resumed', 'delivery.awaiting')
order by at

-- name: attempts
-- When these deliveries were sent and answered, and what the answer was.
select delivery_id, started_at, finished_at, outcome from attempt where delivery_id = any ($1::uuid[]) order by started_at

-- name: closed_roads
-- When these destinations were paused and let go since $2, by whom, and when their calls to us stopped and came again.
select event, at, clinic_oid, actor, body ->> 'act' as act, body ->> 'destination' as destination
from journal
where event = any (array['operator.acted', 'destination.inbound_silent', 'destination.inbound_heard']) and id >= $2
  and (event <> 'operator.acted' or body ->> 'act' in ('pause', 'resume')) and body ->> 'destination' = any ($1::text[])
order by id

-- name: own_channels
-- Clinics with an endpoint of their own at these destinations.
select destination, clinic_oid from clinic_param
where destination = any ($1::text[]) and name = 'reply_to' and value <> ''

-- name: counts
-- What runs out of its term now, by clinic: over it, and past four fifths.
select clinic_oid, count(*) filter (where term_told = 3)::bigint as over,
       count(*) filter (where term_told = 2)::bigint as most
from delivery
where term_told > 0 and status in ('queued', 'held', 'sending', 'awaiting_result') and ($1::text = '' or clinic_oid = $1)
group by clinic_oid order by 2 desc, 1
