-- name: states
-- What is known of every destination.
select id, paused, paused_by, paused_reason, paused_at, failures, open_until, last_success_at, last_failure_at,
       last_failure from destination

-- name: ensure
-- Make configured destinations known.
insert into destination (id) select unnest($1::text[]) on conflict do nothing

-- name: pause
-- Stop sending to a destination, with who and why; paused already, it stands since then, and an adapter overrules nobody.
insert into destination as d (id, paused, paused_by, paused_reason, paused_at) values ($1, true, $2, $3, $4)
on conflict (id) do update
set paused = true, paused_at = case when d.paused then d.paused_at else $4 end,
    paused_by = case when d.paused and $2 = 'adapter' then d.paused_by else $2 end,
    paused_reason = case when d.paused and $2 = 'adapter' then d.paused_reason else $3 end

-- name: extend_paused
-- Give the time a destination stood paused back to the deadlines of what waited for it, to be sent or asked about.
with waiting as materialized (
    select v.id, $2 - greatest(d.paused_at, v.status_at) as lost
    from delivery v join destination d on d.id = v.destination
    where d.id = $1 and d.paused and v.status in ('queued', 'awaiting_result')
    order by v.id for update of v
)
update delivery v set deadline_at = v.deadline_at + w.lost from waiting w where v.id = w.id and w.lost > interval '0'

-- name: resume
-- Send again.
update destination set paused = false, paused_by = $2, paused_reason = '', paused_at = null where id = $1

-- name: breaker
-- Show people what the breaker of a worker sees.
update destination
set failures = $2, open_until = $3, last_failure = case when $4 = '' then last_failure else $4 end,
    last_failure_at = case when $4 = '' then last_failure_at else $5 end,
    last_success_at = case when $4 = '' then $5 else last_success_at end
where id = $1

-- name: routing
-- The active routing table.
select version, body from routing_table where active

-- name: add_routing
-- Keep a new version of the routing table.
insert into routing_table (body, created_at, created_by) values ($1, $2, $3) returning version

-- name: deactivate_routing
-- Take the active version out of force.
update routing_table set active = false where active

-- name: activate_routing
-- Put a version into force.
update routing_table set active = true where version = $1 returning version

-- name: id_get
-- What a destination was told already.
select value from id_map where destination = $1 and clinic_oid = $2 and key_hash = $3

-- name: id_put
-- Remember what a destination was told.
insert into id_map (destination, clinic_oid, key_hash, value) values ($1, $2, $3, $4)
on conflict (destination, clinic_oid, key_hash) do update set value = excluded.value

-- name: add_callback
-- Keep a callback raw before it is acknowledged; a repeated message is kept once.
insert into callback (id, destination, endpoint, correlation, replay_key, received_at, headers, body, status)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'new')
on conflict do nothing returning id

-- name: remember_peer_message
-- Remember a verified message; the digest of what was remembered first, and whether that is this one. Old ones go by the way.
with gone as (
  delete from peer_message where (destination, message) in (
    select destination, message from peer_message where kept_until < $5 order by kept_until limit 50 for update skip locked
  )
)
insert into peer_message as known (destination, message, digest, kept_until) values ($1, $2, $3, $4)
on conflict (destination, message) do update set digest = known.digest
returning digest = $3 as same, xmax = 0 as first

-- name: callback_sizes
-- How large these stored callbacks are, before they are loaded.
select id, octet_length(body) as size from callback where id = any ($1::uuid[])

-- name: callback
-- A stored callback.
select id, destination, endpoint, correlation, headers, body, status, received_at from callback where id = $1

-- name: settle_callbacks
-- Note what callbacks were: handled (of which delivery) or parked.
update callback c set status = u.status, delivery_id = u.delivery_id, note = u.note
from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[]) as u (id, status, delivery_id, note) where c.id = u.id

-- name: relay_claim
-- Lease the relay of a partner: one relay per partner at a time.
insert into relay (partner_id, leased_until, claim) values ($1, clock_timestamp() + $2::interval, 1)
on conflict (partner_id) do update set leased_until = excluded.leased_until, claim = relay.claim + 1
where relay.leased_until is null or relay.leased_until < clock_timestamp()
returning tx::text as tx, id, claim

-- name: relay_advance
-- Remember how far a partner was told, and keep the lease; only while the claim matches.
update relay set tx = $3::text::xid8, id = $4, leased_until = clock_timestamp() + $5::interval, why = $6
where partner_id = $1 and claim = $2 returning partner_id

-- name: relay_release
-- Give the relay of a partner back.
update relay set leased_until = null, why = $3 where partner_id = $1 and claim = $2

-- name: relay_logins
-- Everybody who may read receipts: a queue each, before the first event.
select distinct partner_id, mode from credential where revoked_at is null

-- name: relay_behind
-- Partners with visible events behind their relay's position, and nobody relaying them.
select p.id as partner_id
from partner p left join relay r on r.partner_id = p.id
cross join lateral (  -- for each partner by itself: together they would let the whole journal be read
    select 1 from journal j
    where j.partner_id = p.id and j.feed
      and (j.tx, j.id) > (coalesce(r.tx, '0'::xid8), coalesce(r.id, '00000000-0000-0000-0000-000000000000'::uuid))
      and j.tx < pg_snapshot_xmin(pg_current_snapshot())
    limit 1) untold
where r.leased_until is null or r.leased_until < clock_timestamp()
