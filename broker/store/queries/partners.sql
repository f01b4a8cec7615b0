-- name: credential
-- A credential by its key id, with the instant from which it is revoked.
select key_id, partner_id, mode, secret_hash, revoked_at from credential where key_id = $1

-- name: credentials_of
-- Credentials of a partner in a mode that were not replaced long ago (the AMQP login names only the partner).
select key_id, partner_id, mode, secret_hash, revoked_at from credential
where partner_id = $1 and mode = $2 and (revoked_at is null or revoked_at > created_at)

-- name: clinics
-- Clinics with their parameters by destination.
select c.oid, c.title, c.region, c.ogrn, c.inn, c.oms, c.mcod, c.status, c.remd_link, c.client_entity_id, c.storage,
       coalesce((select jsonb_object_agg(p.destination, p.params) from (
           select destination, jsonb_object_agg(name, value) as params from clinic_param
           where clinic_oid = c.oid group by destination) p), '{}') as params,
       array(select u.destination from clinic_unlinked u where u.clinic_oid = c.oid order by 1) as unlinked
from clinic c where c.oid = any ($1::text[])

-- name: links
-- Clinics a partner may speak for.
select clinic_oid from clinic_partner where partner_id = $1

-- name: insert_partner
-- Make a partner known; harmless when it is.
insert into partner (id, title, created_at) values ($1, $2, $3)
on conflict (id) do update set title = excluded.title

-- name: insert_credential
-- Keep the keyed hash of a new secret.
insert into credential (key_id, partner_id, mode, secret_hash, created_at) values ($1, $2, $3, $4, $5)
on conflict (key_id) do nothing

-- name: revoke_credentials
-- Revoke every other credential of a partner in a mode from an instant on (after a grace, or at once).
update credential set revoked_at = $4
where partner_id = $1 and mode = $2 and key_id <> $3 and (revoked_at is null or revoked_at > $4)

-- name: upsert_clinic
-- Make a clinic known or change what is known of it.
insert into clinic (oid, title, region, ogrn, inn, oms, mcod, status, remd_link, client_entity_id, storage, card,
                    created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
on conflict (oid) do update
set title = excluded.title, region = excluded.region, ogrn = excluded.ogrn, inn = excluded.inn, oms = excluded.oms,
    mcod = excluded.mcod, status = excluded.status, remd_link = excluded.remd_link,
    client_entity_id = excluded.client_entity_id, storage = excluded.storage, card = excluded.card,
    updated_at = excluded.updated_at

-- name: link
-- Let a partner speak for a clinic.
insert into clinic_partner (clinic_oid, partner_id, since) values ($1, $2, $3) on conflict do nothing

-- name: set_param
-- Set a clinic's parameter for a destination.
insert into clinic_param (clinic_oid, destination, name, value) values ($1, $2, $3, $4)
on conflict (clinic_oid, destination, name) do update set value = excluded.value

-- name: set_status
-- Suspend, resume or close a clinic.
update clinic set status = $2, updated_at = $3 where oid = $1 returning oid

-- name: set_link
-- Record the state of a clinic's link in РЭМД.
update clinic set remd_link = $2, updated_at = $3 where oid = $1 returning oid

-- name: partners
-- Every partner with its clinics.
select p.id, p.title, p.created_at, coalesce(array_agg(l.clinic_oid order by l.clinic_oid)
       filter (where l.clinic_oid is not null), '{}') as clinics
from partner p left join clinic_partner l on l.partner_id = p.id group by p.id order by p.id

-- name: patch_clinic
-- Change what an operator may change of a clinic; absent values stay.
update clinic
set title = coalesce($2, title), oms = coalesce($3, oms), mcod = coalesce($4, mcod),
    client_entity_id = coalesce($5, client_entity_id), storage = coalesce($6, storage),
    remd_link = coalesce($7, remd_link), card = card || coalesce($8::jsonb, '{}'), updated_at = $9
where oid = $1 returning oid

-- name: drop_param
-- Forget a clinic's parameter for a destination.
delete from clinic_param where clinic_oid = $1 and destination = $2 and name = $3

-- name: clinic_card
-- A clinic's card as onboarding left it, and its partners.
select c.oid, c.kpp, c.file_url, c.card, c.created_at, c.updated_at, coalesce((select array_agg(l.partner_id order by l.partner_id)
       from clinic_partner l where l.clinic_oid = c.oid), '{}') as partners
from clinic c where c.oid = $1

-- name: clinic_list
-- Clinics for people: status, link, partners.
select c.oid, c.title, c.region, c.oms, c.status, c.remd_link, c.updated_at,
       array(select u.destination from clinic_unlinked u where u.clinic_oid = c.oid order by 1) as unlinked,
       coalesce((select array_agg(l.partner_id order by l.partner_id) from clinic_partner l
                 where l.clinic_oid = c.oid), '{}') as partners
from clinic c
where ($1::text = '' or c.oid like $1 || '%' or c.title ilike '%' || $1 || '%')
  and ($2::text = '' or c.status = $2) and ($3::text = '' or c.remd_link = $3)
order by c.region, c.title limit $4

-- name: partner
-- A partner by its id.
select id, title from partner where id = $1

-- name: partner_credentials
-- A partner's credentials for people: key ids only.
select key_id, mode, created_at, revoked_at from credential where partner_id = $1 order by created_at desc limit 20
