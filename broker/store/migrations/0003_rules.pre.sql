-- The rule book: official packs and dictionaries as they were imported, and every state of what is in force.

create table rule_artefact (
    digest text primary key,
    form text not null check (form in ('pack', 'dictionary')),
    name text not null,
    version text not null,
    title text not null,
    source text not null,
    summary jsonb not null,
    body bytea not null,
    imported_at timestamptz not null,
    imported_by text not null
);
alter table rule_artefact alter column body set storage external;
create index rule_artefact_name on rule_artefact (form, name, imported_at);

create table rulebook (
    revision integer generated always as identity primary key,
    based_on integer not null,
    status text not null check (status in ('proposed', 'active', 'past', 'withdrawn')),
    act text not null,
    what text not null,
    reason text not null,
    body jsonb not null,
    proposed_at timestamptz not null,
    proposed_by text not null,
    decided_at timestamptz,
    decided_by text not null default ''
);
create unique index rulebook_active on rulebook (status) where status = 'active';
create index rulebook_proposed on rulebook (based_on) where status = 'proposed';
