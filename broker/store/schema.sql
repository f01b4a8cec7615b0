-- The schema all migrations add up to, without partitions of months. Made by `make reference`; never applied:
-- databases are made by migrations, and a test proves that theirs is this one.

create table attempt (
    id uuid not null,
    delivery_id uuid not null,
    number integer not null,
    claim bigint not null,
    correlation text not null,
    started_at timestamp with time zone not null,
    finished_at timestamp with time zone,
    outcome text not null default ''::text,
    reason text not null default ''::text,
    digest bytea not null,
    duration_ms integer,
    constraint attempt_pkey PRIMARY KEY (id)
);
CREATE INDEX attempt_correlation ON public.attempt USING btree (correlation);
CREATE INDEX attempt_delivery ON public.attempt USING btree (delivery_id, number);

create table callback (
    id uuid not null,
    destination text not null,
    endpoint text not null,
    correlation text not null,
    replay_key text not null,
    received_at timestamp with time zone not null,
    headers jsonb not null,
    body bytea not null,
    status text not null,
    delivery_id uuid,
    note text not null default ''::text,
    constraint callback_status_check CHECK ((status = ANY (ARRAY['new'::text, 'handled'::text, 'parked'::text]))),
    constraint callback_pkey PRIMARY KEY (id)
);
CREATE INDEX callback_delivery ON public.callback USING btree (delivery_id) WHERE (delivery_id IS NOT NULL);
CREATE INDEX callback_parked ON public.callback USING btree (correlation) WHERE (status = 'parked'::text);
CREATE UNIQUE INDEX callback_replay ON public.callback USING btree (destination, replay_key) WHERE (replay_key <> ''::text);
CREATE INDEX callback_status ON public.callback USING btree (status, received_at) WHERE (status <> 'handled'::text);

create table channel (
    destination text not null,
    clinic_oid text not null default ''::text,
    heard_at timestamp with time zone,
    served_at timestamp with time zone,
    released_at timestamp with time zone,
    silent_since timestamp with time zone,
    silent_count integer not null default 0,
    constraint channel_pkey PRIMARY KEY (destination, clinic_oid)
);

create table clinic (
    oid text not null,
    title text not null,
    region text not null,
    ogrn text not null default ''::text,
    inn text not null default ''::text,
    oms boolean not null default false,
    mcod text not null default ''::text,
    status text not null,
    remd_link text not null default 'unknown'::text,
    client_entity_id text not null default ''::text,
    storage text not null default 'broker'::text,
    card jsonb not null default '{}'::jsonb,
    created_at timestamp with time zone not null,
    updated_at timestamp with time zone not null,
    kpp text not null default ''::text,
    file_url text not null default ''::text,
    file_key bytea,
    constraint clinic_remd_link_check CHECK ((remd_link = ANY (ARRAY['unknown'::text, 'requested'::text, 'confirmed'::text]))),
    constraint clinic_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'closed'::text]))),
    constraint clinic_storage_check CHECK ((storage = ANY (ARRAY['broker'::text, 'clinic'::text]))),
    constraint clinic_pkey PRIMARY KEY (oid)
);
CREATE INDEX clinic_ogrn ON public.clinic USING btree (ogrn) WHERE (ogrn <> ''::text);

create table clinic_param (
    clinic_oid text not null,
    destination text not null,
    name text not null,
    value text not null,
    constraint clinic_param_clinic_oid_fkey FOREIGN KEY (clinic_oid) REFERENCES clinic(oid),
    constraint clinic_param_pkey PRIMARY KEY (clinic_oid, destination, name)
);

create table clinic_partner (
    clinic_oid text not null,
    partner_id text not null,
    since timestamp with time zone not null,
    constraint clinic_partner_clinic_oid_fkey FOREIGN KEY (clinic_oid) REFERENCES clinic(oid),
    constraint clinic_partner_partner_id_fkey FOREIGN KEY (partner_id) REFERENCES partner(id),
    constraint clinic_partner_pkey PRIMARY KEY (clinic_oid, partner_id)
);
CREATE INDEX clinic_partner_partner ON public.clinic_partner USING btree (partner_id);

create table clinic_unlinked (
    clinic_oid text not null,
    destination text not null,
    since timestamp with time zone not null,
    constraint clinic_unlinked_clinic_oid_fkey FOREIGN KEY (clinic_oid) REFERENCES clinic(oid),
    constraint clinic_unlinked_pkey PRIMARY KEY (clinic_oid, destination)
);

create table content (
    document_id uuid not null,
    body bytea storage external not null,
    canonical bytea storage external,
    constraint content_pkey PRIMARY KEY (document_id)
) partition by RANGE (document_id);

create table credential (
    key_id text not null,
    partner_id text not null,
    mode text not null,
    secret_hash bytea not null,
    created_at timestamp with time zone not null,
    revoked_at timestamp with time zone,
    constraint credential_mode_check CHECK ((mode = ANY (ARRAY['test'::text, 'production'::text]))),
    constraint credential_partner_id_fkey FOREIGN KEY (partner_id) REFERENCES partner(id),
    constraint credential_pkey PRIMARY KEY (key_id)
);
CREATE INDEX credential_partner ON public.credential USING btree (partner_id);

create table delivery (
    id uuid not null,
    document_id uuid not null,
    partner_id text not null,
    clinic_oid text not null,
    mode text not null,
    destination text not null,
    required boolean not null,
    rule text not null,
    status text not null,
    reason text not null default ''::text,
    stage text not null default ''::text,
    attempt integer not null default 0,
    claim bigint not null default 0,
    message_id uuid,
    state jsonb not null default '{}'::jsonb,
    local_uid text not null,
    set_key text not null default ''::text,
    version integer not null default 1,
    created_at timestamp with time zone not null,
    status_at timestamp with time zone not null,
    sent_at timestamp with time zone,
    deadline_at timestamp with time zone not null,
    next_attempt_at timestamp with time zone,
    warned_at timestamp with time zone,
    receipt jsonb,
    findings jsonb,
    term_from timestamp with time zone,
    term_marks timestamp with time zone[],
    term_told smallint not null default 0,
    term_next timestamp with time zone,
    term_days smallint,
    term_provisional boolean,
    constraint delivery_pkey PRIMARY KEY (id),
    constraint delivery_document_id_destination_key UNIQUE (document_id, destination)
);
CREATE INDEX delivery_destination ON public.delivery USING btree (destination, status, status_at);
CREATE INDEX delivery_file ON public.delivery USING btree (destination) WHERE ((status = 'queued'::text) AND (state ? 'file'::text));
CREATE INDEX delivery_local_uid ON public.delivery USING btree (lower(local_uid), destination);
CREATE INDEX delivery_order ON public.delivery USING btree (destination, clinic_oid, set_key) WHERE (set_key <> ''::text);
CREATE INDEX delivery_receipt ON public.delivery USING btree (((receipt ->> 'emdrId'::text))) WHERE (receipt IS NOT NULL);
CREATE INDEX delivery_term_live ON public.delivery USING btree (clinic_oid, term_told) WHERE ((term_told > 0) AND (status = ANY (ARRAY['queued'::text, 'held'::text, 'sending'::text, 'awaiting_result'::text])));
CREATE INDEX delivery_term_next ON public.delivery USING btree (term_next) WHERE (term_next IS NOT NULL);

create table destination (
    id text not null,
    paused boolean not null default false,
    paused_by text not null default ''::text,
    paused_reason text not null default ''::text,
    paused_at timestamp with time zone,
    failures integer not null default 0,
    open_until timestamp with time zone,
    last_success_at timestamp with time zone,
    last_failure_at timestamp with time zone,
    last_failure text not null default ''::text,
    constraint destination_pkey PRIMARY KEY (id)
);

create table document (
    id uuid not null,
    partner_id text not null,
    clinic_oid text not null,
    region text not null,
    mode text not null,
    door text not null,
    type text not null,
    kind text not null,
    message_id text not null,
    local_uid text not null,
    document_number text not null default ''::text,
    status text not null,
    received_at timestamp with time zone not null,
    status_at timestamp with time zone not null,
    digest bytea not null,
    size integer not null,
    set_key text not null default ''::text,
    version integer not null default 1,
    replaces uuid,
    sequence integer not null default 0,
    crashes smallint not null default 0,
    constraint document_mode_check CHECK ((mode = ANY (ARRAY['test'::text, 'production'::text]))),
    constraint document_pkey PRIMARY KEY (id)
) partition by RANGE (id);
CREATE INDEX document_clinic ON ONLY public.document USING btree (clinic_oid, id);
CREATE INDEX document_local_uid ON ONLY public.document USING btree (local_uid);
CREATE INDEX document_number ON ONLY public.document USING btree (document_number, id) WHERE (document_number <> ''::text);
CREATE INDEX document_partner ON ONLY public.document USING btree (partner_id, id);
CREATE INDEX document_set ON ONLY public.document USING btree (clinic_oid, set_key) WHERE (set_key <> ''::text);
CREATE INDEX document_status ON ONLY public.document USING btree (status, id);

create table file_fate (
    document_id uuid not null,
    clinic_oid text not null,
    why text not null,
    depth text not null,
    purged_at timestamp with time zone not null,
    purged_by text not null,
    constraint file_fate_depth_check CHECK ((depth = ANY (ARRAY['file'::text, 'all'::text]))),
    constraint file_fate_pkey PRIMARY KEY (document_id)
);
CREATE INDEX file_fate_clinic ON public.file_fate USING btree (clinic_oid, purged_at);

create table file_request (
    document_id uuid not null,
    destination text not null,
    clinic_oid text not null,
    reason text not null,
    first_at timestamp with time zone not null,
    last_at timestamp with time zone not null,
    times integer not null default 1,
    told_at timestamp with time zone,
    answered_at timestamp with time zone,
    constraint file_request_pkey PRIMARY KEY (document_id, destination)
);
CREATE INDEX file_request_open ON public.file_request USING btree (clinic_oid, first_at) WHERE (answered_at IS NULL);

create table id_map (
    destination text not null,
    clinic_oid text not null,
    key_hash bytea not null,
    value text not null,
    constraint id_map_pkey PRIMARY KEY (destination, clinic_oid, key_hash)
);

create table identity (
    clinic_oid text not null,
    mode text not null,
    local_uid text not null,
    document_id uuid not null,
    content_fingerprint bytea not null,
    fingerprint bytea not null,
    constraint identity_pkey PRIMARY KEY (clinic_oid, mode, local_uid)
);

create table journal (
    id uuid not null,
    tx xid8 not null default pg_current_xact_id(),
    document_id uuid,
    delivery_id uuid,
    sequence integer,
    event text not null,
    at timestamp with time zone not null,
    partner_id text not null default ''::text,
    clinic_oid text not null default ''::text,
    actor text not null default ''::text,
    feed boolean not null,
    body jsonb not null,
    constraint journal_pkey PRIMARY KEY (id)
) partition by RANGE (id);
CREATE INDEX journal_document ON ONLY public.journal USING btree (document_id, sequence);
CREATE INDEX journal_event ON ONLY public.journal USING btree (event, id);
CREATE INDEX journal_feed ON ONLY public.journal USING btree (partner_id, tx, id) WHERE feed;

create table migration (
    number integer not null,
    phase text not null,
    name text not null,
    checksum text not null,
    applied_at timestamp with time zone not null default now(),
    constraint migration_pkey PRIMARY KEY (number, phase)
);

create table operator (
    login text not null,
    password_hash text not null,
    role text not null,
    created_at timestamp with time zone not null,
    constraint operator_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'admin'::text]))),
    constraint operator_pkey PRIMARY KEY (login)
);

create table partner (
    id text not null,
    title text not null,
    created_at timestamp with time zone not null,
    constraint partner_id_check CHECK ((id ~ '^[a-z0-9-]{3,40}$'::text)),
    constraint partner_pkey PRIMARY KEY (id)
);

create table peer_message (
    destination text not null,
    message bytea not null,
    digest bytea not null,
    kept_until timestamp with time zone not null,
    constraint peer_message_pkey PRIMARY KEY (destination, message)
);
CREATE INDEX peer_message_kept_until ON public.peer_message USING btree (kept_until);

create table reconciliation (
    id uuid not null,
    destination text not null,
    clinic_oid text not null,
    day date not null,
    round integer not null,
    since timestamp with time zone not null,
    until timestamp with time zone not null,
    status text not null,
    planned_at timestamp with time zone not null,
    planned_by text not null,
    finished_at timestamp with time zone,
    ours integer not null default 0,
    theirs integer not null default 0,
    differences integer not null default 0,
    note text not null default ''::text,
    constraint reconciliation_status_check CHECK ((status = ANY (ARRAY['planned'::text, 'done'::text, 'failed'::text]))),
    constraint reconciliation_pkey PRIMARY KEY (id),
    constraint reconciliation_destination_clinic_oid_day_round_key UNIQUE (destination, clinic_oid, day, round)
);
CREATE INDEX reconciliation_recent ON public.reconciliation USING btree (destination, planned_at);

create table reconciliation_difference (
    reconciliation_id uuid not null,
    kind text not null,
    local_uid text not null,
    number_here text not null default ''::text,
    number_there text not null default ''::text,
    document_id uuid,
    constraint reconciliation_difference_kind_check CHECK ((kind = ANY (ARRAY['missing_there'::text, 'unknown_here'::text, 'not_recorded'::text, 'number_differs'::text]))),
    constraint reconciliation_difference_reconciliation_id_fkey FOREIGN KEY (reconciliation_id) REFERENCES reconciliation(id) ON DELETE CASCADE,
    constraint reconciliation_difference_pkey PRIMARY KEY (reconciliation_id, kind, local_uid)
);

create table registration (
    id uuid not null,
    partner_id text not null default ''::text,
    clinic_oid text not null,
    ogrn text not null default ''::text,
    status text not null,
    form jsonb not null default '{}'::jsonb,
    comment text not null default ''::text,
    decided_by text not null default ''::text,
    created_at timestamp with time zone not null,
    updated_at timestamp with time zone not null,
    title text not null default ''::text,
    kpp text not null default ''::text,
    region text not null default ''::text,
    sealed bytea not null default '\x'::bytea,
    token_hash bytea,
    mode text not null default 'production'::text,
    constraint registration_mode_check CHECK ((mode = ANY (ARRAY['test'::text, 'production'::text]))),
    constraint registration_status_check CHECK ((status = ANY (ARRAY['submitted'::text, 'returned'::text, 'rejected'::text, 'approved'::text]))),
    constraint registration_pkey PRIMARY KEY (id)
);
CREATE INDEX registration_ogrn ON public.registration USING btree (ogrn) WHERE (status = ANY (ARRAY['submitted'::text, 'returned'::text]));
CREATE UNIQUE INDEX registration_open ON public.registration USING btree (clinic_oid) WHERE (status = ANY (ARRAY['submitted'::text, 'returned'::text]));
CREATE INDEX registration_status ON public.registration USING btree (status, created_at);
CREATE UNIQUE INDEX registration_token ON public.registration USING btree (token_hash) WHERE (token_hash IS NOT NULL);

create table relay (
    partner_id text not null,
    tx xid8 not null default '0'::xid8,
    id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
    leased_until timestamp with time zone,
    claim bigint not null default 0,
    why text not null default ''::text,
    constraint relay_pkey PRIMARY KEY (partner_id)
);

create table report (
    document_id uuid not null,
    made_at timestamp with time zone not null,
    body jsonb not null,
    signatures jsonb not null default '[]'::jsonb,
    signed_at timestamp with time zone,
    trust text not null default ''::text,
    constraint report_pkey PRIMARY KEY (document_id)
) partition by RANGE (document_id);

create table returned_file (
    document_id uuid not null,
    body bytea storage external not null,
    returned_at timestamp with time zone not null,
    kept_until timestamp with time zone,
    constraint returned_file_pkey PRIMARY KEY (document_id)
);
CREATE INDEX returned_file_kept_until ON public.returned_file USING btree (kept_until) WHERE (kept_until IS NOT NULL);

create table routing_table (
    version integer not null generated always as identity,
    body jsonb not null,
    created_at timestamp with time zone not null,
    created_by text not null,
    active boolean not null default false,
    constraint routing_table_pkey PRIMARY KEY (version)
);
CREATE UNIQUE INDEX routing_table_active ON public.routing_table USING btree (active) WHERE active;

create table rule_artefact (
    digest text not null,
    form text not null,
    name text not null,
    version text not null,
    title text not null,
    source text not null,
    summary jsonb not null,
    body bytea storage external not null,
    imported_at timestamp with time zone not null,
    imported_by text not null,
    constraint rule_artefact_form_check CHECK ((form = ANY (ARRAY['pack'::text, 'dictionary'::text]))),
    constraint rule_artefact_pkey PRIMARY KEY (digest)
);
CREATE INDEX rule_artefact_name ON public.rule_artefact USING btree (form, name, imported_at);

create table rulebook (
    revision integer not null generated always as identity,
    based_on integer not null,
    status text not null,
    act text not null,
    what text not null,
    reason text not null,
    body jsonb not null,
    proposed_at timestamp with time zone not null,
    proposed_by text not null,
    decided_at timestamp with time zone,
    decided_by text not null default ''::text,
    constraint rulebook_status_check CHECK ((status = ANY (ARRAY['proposed'::text, 'active'::text, 'past'::text, 'withdrawn'::text]))),
    constraint rulebook_pkey PRIMARY KEY (revision)
);
CREATE UNIQUE INDEX rulebook_active ON public.rulebook USING btree (status) WHERE (status = 'active'::text);
CREATE INDEX rulebook_proposed ON public.rulebook USING btree (based_on) WHERE (status = 'proposed'::text);

create table session (
    token_hash bytea not null,
    login text not null,
    csrf text not null,
    created_at timestamp with time zone not null,
    seen_at timestamp with time zone not null,
    constraint session_login_fkey FOREIGN KEY (login) REFERENCES operator(login) ON DELETE CASCADE,
    constraint session_pkey PRIMARY KEY (token_hash)
);

create table submission (
    partner_id text not null,
    mode text not null,
    key text not null,
    document_id uuid not null,
    fingerprint bytea not null,
    constraint submission_pkey PRIMARY KEY (partner_id, mode, key)
);

create table task (
    id bigint not null generated always as identity,
    queue text not null,
    lane text not null default ''::text,
    subject uuid not null,
    priority smallint not null default 0,
    due_at timestamp with time zone not null,
    claim bigint not null default 0,
    leased_until timestamp with time zone,
    attempts integer not null default 0,
    why text not null default ''::text,
    constraint task_pkey PRIMARY KEY (id)
);
CREATE INDEX task_due ON public.task USING btree (queue, lane, priority, due_at, id);
CREATE INDEX task_subject ON public.task USING btree (subject);

create table unknown_answer (
    destination text not null,
    code text not null,
    first_at timestamp with time zone not null,
    last_at timestamp with time zone not null,
    times integer not null default 1,
    document_id uuid,
    settled_at timestamp with time zone,
    settled_by text not null default ''::text,
    constraint unknown_answer_pkey PRIMARY KEY (destination, code)
);
