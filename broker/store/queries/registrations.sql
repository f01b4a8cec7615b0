-- name: lock
-- One application is taken or decided at a time: the checks for duplicates must hold at the commit.
select pg_advisory_xact_lock(2026, 8)

-- name: open_same
-- Open applications with the same OID or the same ОГРН.
select id, clinic_oid, ogrn, kpp, partner_id, token_hash, status from registration
where status in ('submitted', 'returned') and (clinic_oid = $1 or ogrn = $2)

-- name: clinics_same
-- Clinics with the same OID or the same ОГРН, and whether the applicant speaks for them already.
select c.oid, c.ogrn, c.kpp,
       exists (select 1 from clinic_partner l where l.clinic_oid = c.oid and l.partner_id = $3) as ours
from clinic c where (c.oid = $1 or (c.ogrn = $2 and c.ogrn <> '')) and c.status <> 'closed'

-- name: open_anonymous
-- How many applications without a partner wait: their number is bounded.
select count(*) from registration where status in ('submitted', 'returned') and partner_id = ''

-- name: insert
-- Keep a new application.
insert into registration (id, partner_id, clinic_oid, ogrn, kpp, region, title, status, sealed, token_hash, mode,
                          created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, 'submitted', $8, $9, $10, $11, $11)

-- name: replace
-- The applicant sends a mended form: it waits for the operator again.
update registration
set ogrn = $2, kpp = $3, region = $4, title = $5, sealed = $6, status = 'submitted', updated_at = $7
where id = $1 and status in ('submitted', 'returned')

-- name: get
-- One application.
select id, partner_id, clinic_oid, ogrn, kpp, region, title, status, sealed, token_hash, mode, comment, decided_by,
       created_at, updated_at
from registration where id = $1

-- name: by_token
-- The open or decided application a read token belongs to.
select id from registration where token_hash = $1

-- name: page
-- Applications in a status (empty: all), the open ones first, then the newest.
select id, partner_id, clinic_oid, region, title, status, mode, comment, decided_by, created_at, updated_at
from registration where ($1::text = '' or status = $1) and ($2::text = '' or partner_id = $2)
order by (status = 'submitted') desc, updated_at desc limit $3

-- name: move
-- Write a decision.
update registration set status = $2, comment = $3, decided_by = $4, partner_id = $5, updated_at = $6 where id = $1

-- name: activate_clinic
-- Make the clinic of an approved application active; the link in РЭМД and a suspension stay as they are.
insert into clinic (oid, title, region, ogrn, inn, kpp, oms, mcod, status, remd_link, client_entity_id, card,
                    created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'active', $9, $10, $11, $12, $12)
on conflict (oid) do update
set title = excluded.title, region = excluded.region, ogrn = excluded.ogrn, inn = excluded.inn, kpp = excluded.kpp,
    oms = excluded.oms, mcod = excluded.mcod, card = clinic.card || excluded.card, updated_at = excluded.updated_at,
    status = case when clinic.status = 'closed' then 'active' else clinic.status end,
    remd_link = case when clinic.remd_link = 'unknown' then excluded.remd_link else clinic.remd_link end,
    client_entity_id = case when clinic.client_entity_id = '' then excluded.client_entity_id
                            else clinic.client_entity_id end

-- name: add_partner
-- Make the partner of an approved application known; an existing one keeps its title.
insert into partner (id, title, created_at) values ($1, $2, $3) on conflict (id) do nothing

-- name: has_credential
-- Whether a partner holds a live credential in a mode.
select exists (select 1 from credential where partner_id = $1 and mode = $2
               and (revoked_at is null or revoked_at > $3))
