-- РЭМД as it behaves in the field: silent inbound channels, links refused by one destination, answers nobody described,
-- and the nightly reconciliation with the registry.

create table clinic_unlinked (
    clinic_oid text not null references clinic (oid),
    destination text not null,
    since timestamptz not null,
    primary key (clinic_oid, destination)
);

-- One row per way a system calls us: the destination's own (clinic_oid '') and each clinic's own endpoint.
create table channel (
    destination text not null,
    clinic_oid text not null default '',
    heard_at timestamptz,
    served_at timestamptz,
    released_at timestamptz,
    silent_since timestamptz,
    silent_count integer not null default 0,
    primary key (destination, clinic_oid)
);

create table unknown_answer (
    destination text not null,
    code text not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    times integer not null default 1,
    document_id uuid,
    settled_at timestamptz,
    settled_by text not null default '',
    primary key (destination, code)
);

-- Parked answers are looked at again when an attempt they speak of is there.
create index callback_parked on callback (correlation) where status = 'parked';

-- What failed for want of our file, to be tried when a file was taken again.
create index delivery_file on delivery (destination) where status = 'queued' and state ? 'file';

create table reconciliation (
    id uuid primary key,
    destination text not null,
    clinic_oid text not null,
    day date not null,
    round integer not null,
    since timestamptz not null,
    until timestamptz not null,
    status text not null check (status in ('planned', 'done', 'failed')),
    planned_at timestamptz not null,
    planned_by text not null,
    finished_at timestamptz,
    ours integer not null default 0,
    theirs integer not null default 0,
    differences integer not null default 0,
    note text not null default '',
    unique (destination, clinic_oid, day, round)
);
create index reconciliation_recent on reconciliation (destination, planned_at);

create table reconciliation_difference (
    reconciliation_id uuid not null references reconciliation (id) on delete cascade,
    kind text not null check (kind in ('missing_there', 'unknown_here', 'not_recorded', 'number_differs')),
    local_uid text not null,
    number_here text not null default '',
    number_there text not null default '',
    document_id uuid,
    primary key (reconciliation_id, kind, local_uid)
);
