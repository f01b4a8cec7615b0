-- Onboarding: an application is kept sealed (it names responsible persons); only what lists need stands in clear.

alter table registration alter column form set default '{}';
alter table registration add column title text not null default '';
alter table registration add column kpp text not null default '';
alter table registration add column region text not null default '';
alter table registration add column sealed bytea not null default '';
alter table registration add column token_hash bytea;
alter table registration add column mode text not null default 'production' check (mode in ('test', 'production'));
create unique index registration_token on registration (token_hash) where token_hash is not null;
create index registration_ogrn on registration (ogrn) where status in ('submitted', 'returned');

alter table clinic add column kpp text not null default '';
create index clinic_ogrn on clinic (ogrn) where ogrn <> '';

-- People search by the number on the paper.
create index document_number on document (document_number, id) where document_number <> '';
