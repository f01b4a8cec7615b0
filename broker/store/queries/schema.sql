-- name: schema_tables
-- Our tables but for partitions, with the key they are divided by.
select c.oid, c.relname::text as name, coalesce(pg_get_partkeydef(c.oid), '') as divided
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by c.relname

-- name: schema_columns
-- Columns in their order: type, whether null, default, and a storage that is not the type's own.
select a.attrelid as owner, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as filled,
       a.attidentity::text as identity, coalesce(pg_get_expr(d.adbin, d.adrelid), '') as value,
       case when a.attstorage <> t.typstorage then a.attstorage::text else '' end as storage
from pg_attribute a join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
where a.attrelid = any ($1::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum

-- name: schema_constraints
-- Primary keys, unique, foreign keys and checks (what is not null stands with its column).
select conrelid as owner, conname::text as name, pg_get_constraintdef(oid) as definition
from pg_constraint where conrelid = any ($1::oid[]) and contype in ('p', 'u', 'f', 'c', 'x')
order by conrelid, contype, conname

-- name: schema_indexes
-- Indexes that no constraint made.
select i.indrelid as owner, pg_get_indexdef(i.indexrelid) as definition
from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = any ($1::oid[]) and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)
order by i.indrelid, c.relname

-- name: schema_rest
-- Whatever else a migration may have made: views, sequences of nobody, functions, triggers, types.
select 'relation ' || relname || ' ' || relkind::text as line from pg_class c
where relnamespace = 'public'::regnamespace and relkind in ('v', 'm', 'S', 'f')
    and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'i')
union all select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace and prokind in ('f', 'p')
union all select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
where not tgisinternal and c.relnamespace = 'public'::regnamespace and not c.relispartition
union all select 'type ' || typname || ' ' || typtype::text from pg_type
where typnamespace = 'public'::regnamespace and typtype in ('e', 'd', 'r')
order by 1
