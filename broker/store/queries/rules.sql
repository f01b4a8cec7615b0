-- name: keep_artefact
-- Keep an imported pack or dictionary; the same bytes are kept once, under the name of who brought them first.
insert into rule_artefact (digest, form, name, version, title, source, summary, body, imported_at, imported_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (digest) do nothing returning digest

-- name: artefacts
-- What was imported, newest first, without the bytes.
select digest, form, name, version, title, source, summary, octet_length(body) as size, imported_at, imported_by
from rule_artefact where form = $1 order by imported_at desc, digest limit $2

-- name: artefact
-- One imported thing whose digest begins so, without the bytes.
select digest, form, name, version, title, source, summary, octet_length(body) as size, imported_at, imported_by
from rule_artefact where form = $1 and starts_with(digest, $2) limit 2

-- name: artefact_bodies
-- The bytes of imported things.
select digest, form, body from rule_artefact where digest = any($1::text[])

-- name: book
-- The revision in force.
select revision, based_on, status, act, what, reason, body, proposed_at, proposed_by, decided_at, decided_by
from rulebook where status = 'active'

-- name: book_number
-- The number of the revision in force.
select revision from rulebook where status = 'active'

-- name: revision
-- One revision.
select revision, based_on, status, act, what, reason, body, proposed_at, proposed_by, decided_at, decided_by
from rulebook where revision = $1

-- name: revisions
-- The newest revisions.
select revision, based_on, status, act, what, reason, body, proposed_at, proposed_by, decided_at, decided_by
from rulebook order by revision desc limit $1

-- name: lock_book
-- Let one change of the book happen at a time.
lock table rulebook in share row exclusive mode

-- name: add_revision
-- Keep a new state of the book, proposed or decided at once.
insert into rulebook (based_on, status, act, what, reason, body, proposed_at, proposed_by, decided_at, decided_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning revision

-- name: retire_book
-- Take the revision in force out of force.
update rulebook set status = 'past' where status = 'active'

-- name: decide_revision
-- Put a proposed revision into force, or withdraw it.
update rulebook set status = $2, decided_at = $3, decided_by = $4 where revision = $1
