-- Verified messages of state systems that may not come again before their time has run out.
create table peer_message (
    destination text not null,
    message bytea not null,
    digest bytea not null,
    kept_until timestamptz not null,
    primary key (destination, message)
);
create index peer_message_kept_until on peer_message (kept_until);
