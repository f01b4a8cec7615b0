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
          v.reason, v.status

-- name: rows
-- Registrations and their terms in a period of acceptance, oldest first; ``late`` keeps only those over their term.
select d.id, d.clinic_oid, d.region, d.partner_id, d.mode, d.kind, d.local_uid, d.document_number, d.received_at, r.signed_at,
       v.destination, v.status, v.status_at, v.reason, v.sent_at, v.term_from, v.term_marks[3] as term_ends, v.term_told,
       v.receipt ->> 'emdrId' as emdr_id,
       case when v.status = 'registered'
            then coalesce((v.receipt ->> 'registeredAt')::timestamptz, v.status_at) end as registered_at
from document d
join delivery v on v.document_id = d.id and v.term_marks is not null
left join report r on r.document_id = d.id
where d.received_at >= $1 and d.received_at < $2 and d.id >= $10 and d.id < $11
  and ($3::text = '' or d.clinic_oid = $3) and ($4::text = '' or d.partner_id = $4) and ($5::text = '' or d.mode = $5)
  and ($6::uuid is null or d.id > $6)
  and (not $7::bool or coalesce(
        case when v.status = 'registered' then coalesce((v.receipt ->> 'registeredAt')::timestamptz, v.status_at)
             when v.status in ('rejected', 'dead', 'cancelled') then v.status_at end, $8) > v.term_marks[3])
order by d.id limit $9

-- name: counts
-- What runs out of its term now, by clinic: over it, and past four fifths.
select clinic_oid, count(*) filter (where term_told = 3)::bigint as over,
       count(*) filter (where term_told = 2)::bigint as most
from delivery
where term_told > 0 and status in ('queued', 'held', 'sending', 'awaiting_result') and ($1::text = '' or clinic_oid = $1)
group by clinic_oid order by 2 desc, 1
