-- The term to register: where it starts, when each share of it is used up, how many were told, when the next is due.

alter table delivery add column term_from timestamptz;
alter table delivery add column term_marks timestamptz[];
alter table delivery add column term_told smallint not null default 0;
alter table delivery add column term_next timestamptz;
create index delivery_term_next on delivery (term_next) where term_next is not null;
create index delivery_term_live on delivery (clinic_oid, term_told)
    where term_told > 0 and status in ('queued', 'held', 'sending', 'awaiting_result');
