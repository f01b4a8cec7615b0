-- name: put
-- Make an operator known or change the password and role.
insert into operator (login, password_hash, role, created_at) values ($1, $2, $3, $4)
on conflict (login) do update set password_hash = excluded.password_hash, role = excluded.role

-- name: get
-- An operator by login.
select login, password_hash, role from operator where login = $1

-- name: open_session
-- Begin a session.
insert into session (token_hash, login, csrf, created_at, seen_at) values ($1, $2, $3, $4, $4)

-- name: session
-- A session that was used since an instant, with its operator; using it keeps it alive.
update session s set seen_at = $2 from operator o
where s.token_hash = $1 and s.seen_at > $3 and s.created_at > $4 and o.login = s.login
returning o.login, o.role, s.csrf

-- name: peek_session
-- The same without keeping it alive: what refreshes by itself is no use.
select o.login, o.role, s.csrf from session s join operator o on o.login = s.login
where s.token_hash = $1 and s.seen_at > $3 and s.created_at > $4 and $2::timestamptz is not null

-- name: forget_sessions
-- Drop sessions that are over.
delete from session where seen_at <= $1 or created_at <= $2

-- name: close_session
-- End a session.
delete from session where token_hash = $1
