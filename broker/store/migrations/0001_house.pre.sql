-- The house: one work list, documents, their content, gates, journal, deliveries, partners, clinics.
-- PostgreSQL 15 or later, no extensions. Business time comes as a parameter; only leases use the database clock.

create table partner (
    id text primary key check (id ~ '^[a-z0-9-]{3,40}$'),
    title text not null,
    created_at timestamptz not null
);

create table credential (
    key_id text primary key,
    partner_id text not null references partner (id),
    mode text not null check (mode in ('test', 'production')),
    secret_hash bytea not null,
    created_at timestamptz not null,
    revoked_at timestamptz
);
create index credential_partner on credential (partner_id);

create table clinic (
    oid text primary key,
    title text not null,
    region text not null,
    ogrn text not null default '',
    inn text not null default '',
    oms boolean not null default false,
    mcod text not null default '',
    status text not null check (status in ('active', 'suspended', 'closed')),
    remd_link text not null default 'unknown' check (remd_link in ('unknown', 'requested', 'confirmed')),
    client_entity_id text not null default '',
    storage text not null default 'broker' check (storage in ('broker', 'clinic')),
    card jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table clinic_partner (
    clinic_oid text not null references clinic (oid),
    partner_id text not null references partner (id),
    since timestamptz not null,
    primary key (clinic_oid, partner_id)
);
create index clinic_partner_partner on clinic_partner (partner_id);

create table clinic_param (
    clinic_oid text not null references clinic (oid),
    destination text not null,
    name text not null,
    value text not null,
    primary key (clinic_oid, destination, name)
);

create table registration (
    id uuid primary key,
    partner_id text not null default '',
    clinic_oid text not null,
    ogrn text not null default '',
    status text not null check (status in ('submitted', 'returned', 'rejected', 'approved')),
    form jsonb not null,
    comment text not null default '',
    decided_by text not null default '',
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index registration_status on registration (status, created_at);
create unique index registration_open on registration (clinic_oid) where status in ('submitted', 'returned');

create table operator (
    login text primary key,
    password_hash text not null,
    role text not null check (role in ('viewer', 'operator', 'admin')),
    created_at timestamptz not null
);

create table session (
    token_hash bytea primary key,
    login text not null references operator (login) on delete cascade,
    csrf text not null,
    created_at timestamptz not null,
    seen_at timestamptz not null
);

create table document (
    id uuid not null,
    partner_id text not null,
    clinic_oid text not null,
    region text not null,
    mode text not null check (mode in ('test', 'production')),
    door text not null,
    type text not null,
    kind text not null,
    message_id text not null,
    local_uid text not null,
    document_number text not null default '',
    status text not null,
    received_at timestamptz not null,
    status_at timestamptz not null,
    digest bytea not null,
    size integer not null,
    set_key text not null default '',
    version integer not null default 1,
    replaces uuid,
    sequence integer not null default 0,
    crashes smallint not null default 0,
    primary key (id)
) partition by range (id);
create table document_default partition of document default;
create index document_partner on document (partner_id, id);
create index document_clinic on document (clinic_oid, id);
create index document_status on document (status, id);
create index document_local_uid on document (local_uid);
create index document_set on document (clinic_oid, set_key) where set_key <> '';

create table content (
    document_id uuid not null,
    body bytea not null,
    canonical bytea,
    primary key (document_id)
) partition by range (document_id);
alter table content alter column body set storage external;
alter table content alter column canonical set storage external;
create table content_default partition of content default;

create table report (
    document_id uuid not null,
    made_at timestamptz not null,
    body jsonb not null,
    primary key (document_id)
) partition by range (document_id);
create table report_default partition of report default;

-- The identity gates: unpartitioned, they do not expire.
create table submission (
    partner_id text not null,
    mode text not null,
    key text not null,
    document_id uuid not null,
    fingerprint bytea not null,
    primary key (partner_id, mode, key)
);

create table identity (
    clinic_oid text not null,
    mode text not null,
    local_uid text not null,
    document_id uuid not null,
    content_fingerprint bytea not null,
    fingerprint bytea not null,
    primary key (clinic_oid, mode, local_uid)
);

create table journal (
    id uuid not null,
    tx xid8 not null default pg_current_xact_id(),
    document_id uuid,
    delivery_id uuid,
    sequence integer,
    event text not null,
    at timestamptz not null,
    partner_id text not null default '',
    clinic_oid text not null default '',
    actor text not null default '',
    feed boolean not null,
    body jsonb not null,
    primary key (id)
) partition by range (id);
create table journal_default partition of journal default;
create index journal_feed on journal (partner_id, tx, id) where feed;
create index journal_document on journal (document_id, sequence);
create index journal_event on journal (event, id);

create table delivery (
    id uuid primary key,
    document_id uuid not null,
    partner_id text not null,
    clinic_oid text not null,
    mode text not null,
    destination text not null,
    required boolean not null,
    rule text not null,
    status text not null,
    reason text not null default '',
    stage text not null default '',
    attempt integer not null default 0,
    claim bigint not null default 0,
    message_id uuid,
    state jsonb not null default '{}',
    local_uid text not null,
    set_key text not null default '',
    version integer not null default 1,
    created_at timestamptz not null,
    status_at timestamptz not null,
    sent_at timestamptz,
    deadline_at timestamptz not null,
    next_attempt_at timestamptz,
    warned_at timestamptz,
    receipt jsonb,
    findings jsonb,
    unique (document_id, destination)
);
create index delivery_destination on delivery (destination, status, status_at);
create index delivery_order on delivery (destination, clinic_oid, set_key) where set_key <> '';
create index delivery_local_uid on delivery (lower(local_uid), destination);
create index delivery_receipt on delivery ((receipt ->> 'emdrId')) where receipt is not null;

create table attempt (
    id uuid primary key,
    delivery_id uuid not null,
    number integer not null,
    claim bigint not null,
    correlation text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    outcome text not null default '',
    reason text not null default '',
    digest bytea not null,
    duration_ms integer
);
create index attempt_delivery on attempt (delivery_id, number);
create index attempt_correlation on attempt (correlation);

create table callback (
    id uuid primary key,
    destination text not null,
    endpoint text not null,
    correlation text not null,
    replay_key text not null,
    received_at timestamptz not null,
    headers jsonb not null,
    body bytea not null,
    status text not null check (status in ('new', 'handled', 'parked')),
    delivery_id uuid,
    note text not null default ''
);
create unique index callback_replay on callback (destination, replay_key) where replay_key <> '';
create index callback_status on callback (status, received_at) where status <> 'handled';
create index callback_delivery on callback (delivery_id) where delivery_id is not null;

-- The one work list: outbox, retry schedule, polling and dead letters at once.
create table task (
    id bigint generated always as identity primary key,
    queue text not null,
    lane text not null default '',
    subject uuid not null,
    priority smallint not null default 0,
    due_at timestamptz not null,
    claim bigint not null default 0,
    leased_until timestamptz,
    attempts integer not null default 0,
    why text not null default ''
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create index task_due on task (queue, lane, priority, due_at, id);
create index task_subject on task (subject);

create table destination (
    id text primary key,
    paused boolean not null default false,
    paused_by text not null default '',
    paused_reason text not null default '',
    paused_at timestamptz,
    failures integer not null default 0,
    open_until timestamptz,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure text not null default ''
);

create table routing_table (
    version integer generated always as identity primary key,
    body jsonb not null,
    created_at timestamptz not null,
    created_by text not null,
    active boolean not null default false
);
create unique index routing_table_active on routing_table (active) where active;

create table relay (
    partner_id text primary key,
    tx xid8 not null default '0',
    id uuid not null default '00000000-0000-0000-0000-000000000000',
    leased_until timestamptz,
    claim bigint not null default 0,
    why text not null default ''
);

create table id_map (
    destination text not null,
    clinic_oid text not null,
    key_hash bytea not null,
    value text not null,
    primary key (destination, clinic_oid, key_hash)
);
