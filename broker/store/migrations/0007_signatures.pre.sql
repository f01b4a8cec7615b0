-- What was established of each signature, and by which trust snapshot: for receipts and the clock of the term.

alter table report add column signatures jsonb not null default '[]';
alter table report add column signed_at timestamptz;
alter table report add column trust text not null default '';
