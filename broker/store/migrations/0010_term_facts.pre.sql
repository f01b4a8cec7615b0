-- Of a term to register: how many working days it has, and whether a year without a published calendar was met in
-- reckoning it; null where the term was reckoned before this was kept.

alter table delivery add column term_days smallint;
alter table delivery add column term_provisional boolean;
