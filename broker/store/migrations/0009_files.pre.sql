-- Files for years: whose bytes were let go and why, what clinics handed back for a while, what state systems asked for in vain,
-- and where a clinic that keeps its own files is asked for them.

alter table clinic add column file_url text not null default '';
alter table clinic add column file_key bytea;

create table file_fate (
    document_id uuid primary key,
    clinic_oid text not null,
    why text not null,
    depth text not null check (depth in ('file', 'all')),
    purged_at timestamptz not null,
    purged_by text not null
);
create index file_fate_clinic on file_fate (clinic_oid, purged_at);

create table returned_file (
    document_id uuid primary key,
    body bytea not null,
    returned_at timestamptz not null,
    kept_until timestamptz
);
alter table returned_file alter column body set storage external;
create index returned_file_kept_until on returned_file (kept_until) where kept_until is not null;

create table file_request (
    document_id uuid not null,
    destination text not null,
    clinic_oid text not null,
    reason text not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    times integer not null default 1,
    told_at timestamptz,
    answered_at timestamptz,
    primary key (document_id, destination)
);
create index file_request_open on file_request (clinic_oid, first_at) where answered_at is null;
