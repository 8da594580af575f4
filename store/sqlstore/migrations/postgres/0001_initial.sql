-- The schema is written as "postrider"; a store with another one replaces the
-- name. Times are microseconds since 1970, by this database's clock.

-- +goose Up

-- The one clock of all that is due or leased.
-- +goose StatementBegin
CREATE FUNCTION postrider.now_us() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint $$;
-- +goose StatementEnd

CREATE TABLE postrider.sequences (
	name  text COLLATE "C" NOT NULL PRIMARY KEY,
	value bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE postrider.settings (
	name  text COLLATE "C" NOT NULL PRIMARY KEY,
	value bytea NOT NULL
);

CREATE TABLE postrider.tenants (
	tenant   text COLLATE "C" NOT NULL PRIMARY KEY,
	revision bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE postrider.endpoints (
	tenant     text COLLATE "C" NOT NULL,
	id         text COLLATE "C" NOT NULL,
	revision   bigint NOT NULL,
	version    bigint NOT NULL,
	config     text NOT NULL,
	sealed     bytea,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	deleted_at bigint,
	dead_for   bigint,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX endpoints_dead ON postrider.endpoints (tenant, id) WHERE dead_for IS NOT NULL;
CREATE UNIQUE INDEX endpoints_revision ON postrider.endpoints (revision);
CREATE INDEX endpoints_tenant ON postrider.endpoints (tenant, revision);
CREATE INDEX endpoints_deleted ON postrider.endpoints (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE postrider.secrets (
	tenant      text COLLATE "C" NOT NULL,
	endpoint    text COLLATE "C" NOT NULL,
	id          text COLLATE "C" NOT NULL,
	scheme      text NOT NULL,
	sealed      bytea NOT NULL,
	fingerprint text NOT NULL,
	created_at  bigint NOT NULL,
	until       bigint,
	PRIMARY KEY (tenant, endpoint, id)
);

-- changed_at is when something happened that other processes must hear of. Nothing
-- else that is updated is in an index.
CREATE TABLE postrider.health (
	tenant          text COLLATE "C" NOT NULL,
	endpoint        text COLLATE "C" NOT NULL,
	failures        bigint NOT NULL,
	trips           bigint NOT NULL,
	last_success_at bigint,
	last_failure_at bigint,
	recovering_at   bigint,
	changed_at      bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, endpoint)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX health_changed ON postrider.health (changed_at) WHERE changed_at > 0;

-- One row per endpoint, from its first day. revision is the endpoint's, kept here
-- so that a gate is compared with it under this row's lock. next_at is the greatest
-- integer for a lane that has no parked rows, and one less for a lane that only a
-- change of its endpoint opens. owner is the epoch that may take from a lane with
-- ordered rows, or 0; after and again say how far it has come with them.
CREATE TABLE postrider.lanes (
	tenant   text COLLATE "C" NOT NULL,
	endpoint text COLLATE "C" NOT NULL,
	next_at  bigint NOT NULL,
	revision bigint NOT NULL,
	owner    bigint NOT NULL DEFAULT 0,
	after    text COLLATE "C" NOT NULL DEFAULT '',
	again    smallint NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, endpoint)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lanes_next ON postrider.lanes (next_at) WHERE owner = 0;
CREATE INDEX lanes_owner ON postrider.lanes (owner, next_at) WHERE owner <> 0;

-- What is limited in its rate: an endpoint's deliveries, under its id, and what a
-- tenant does. The next slot is free at free_at. Apart from lanes, whose rows are
-- locked by claims.
CREATE TABLE postrider.rates (
	tenant  text COLLATE "C" NOT NULL,
	name    text COLLATE "C" NOT NULL,
	free_at bigint NOT NULL,
	PRIMARY KEY (tenant, name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);

-- What tenants have used up of what they have for a time, which began at since.
CREATE TABLE postrider.quotas (
	tenant text COLLATE "C" NOT NULL,
	name   text COLLATE "C" NOT NULL,
	since  bigint NOT NULL,
	used   bigint NOT NULL,
	PRIMARY KEY (tenant, name, since)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX quotas_since ON postrider.quotas (since);

-- One row per pending delivery, and all that is known of it. owner is the epoch
-- that a row is leased to, or 0. It never moves within the table: what is updated
-- is in the conditions of its indexes, so every state is a new version of the row.
-- okey is "" for a delivery that keeps no order, and else "=" and its ordering key;
-- prio is the rank of its priority, batch the batch that it goes in.
CREATE SEQUENCE postrider.queue_seq;
CREATE TABLE postrider.queue (
	tenant     text COLLATE "C" NOT NULL,
	delivery   text COLLATE "C" NOT NULL,
	endpoint   text COLLATE "C" NOT NULL,
	event      text COLLATE "C" NOT NULL,
	seq        bigint NOT NULL,
	owner      bigint NOT NULL,
	claims     bigint NOT NULL,
	due        bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	attempts   integer NOT NULL,
	base       integer NOT NULL,
	crashes    integer NOT NULL,
	parked     smallint NOT NULL,
	started    smallint NOT NULL,
	prio       smallint NOT NULL DEFAULT 1,
	okey       text COLLATE "C" NOT NULL DEFAULT '',
	batch      text COLLATE "C",
	canceled   smallint NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, delivery)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
	autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_due ON postrider.queue (due, seq) WHERE owner = 0 AND parked = 0;
CREATE INDEX queue_lane ON postrider.queue (tenant, endpoint, prio, seq) WHERE owner = 0 AND parked = 1 AND batch IS NULL AND okey = '';
CREATE INDEX queue_key ON postrider.queue (tenant, endpoint, okey, seq) WHERE okey <> '';
CREATE INDEX queue_bound ON postrider.queue (tenant, endpoint, batch) WHERE owner = 0 AND batch IS NOT NULL;
CREATE INDEX queue_batch ON postrider.queue (tenant, batch) WHERE batch IS NOT NULL;
CREATE INDEX queue_owner ON postrider.queue (owner, delivery) WHERE owner <> 0;

-- Failed deliveries that hold up the later ones of their ordering key.
CREATE TABLE postrider.blocks (
	tenant     text COLLATE "C" NOT NULL,
	endpoint   text COLLATE "C" NOT NULL,
	okey       text COLLATE "C" NOT NULL,
	seq        bigint NOT NULL,
	delivery   text COLLATE "C" NOT NULL,
	created_at bigint NOT NULL,
	PRIMARY KEY (tenant, endpoint, okey, seq)
);
CREATE INDEX blocks_delivery ON postrider.blocks (delivery, tenant);
CREATE INDEX blocks_age ON postrider.blocks (created_at);

-- History is in partitions of a week, by the time in the id; see package postgres.
-- It is only ever added to, but for a redelivery, which takes its row back into
-- the queue. The ids of an event's deliveries are from first_delivery to last_delivery,
-- which is NULL for one: that leads to those in the queue, which has no index by event.
CREATE TABLE postrider.events (
	tenant          text COLLATE "C" NOT NULL,
	id              text COLLATE "C" NOT NULL,
	type            text NOT NULL,
	source          text,
	subject         text,
	idempotency_key text,
	meta            text,
	attrs           text,
	occurred_at     bigint NOT NULL,
	published_at    bigint NOT NULL,
	first_delivery  text COLLATE "C",
	last_delivery   text COLLATE "C",
	PRIMARY KEY (tenant, id)
) PARTITION BY RANGE (id);
CREATE INDEX events_subject ON postrider.events (tenant, subject, id) WHERE subject IS NOT NULL;

-- Keys that payloads are sealed with, sealed; period is of 30 days since 1970.
CREATE TABLE postrider.subject_keys (
	tenant  text COLLATE "C" NOT NULL,
	subject text COLLATE "C" NOT NULL,
	period  bigint NOT NULL,
	sealed  bytea NOT NULL,
	PRIMARY KEY (tenant, subject, period)
);
CREATE INDEX subject_keys_period ON postrider.subject_keys (period);

CREATE TABLE postrider.payloads (
	tenant text COLLATE "C" NOT NULL,
	event  text COLLATE "C" NOT NULL,
	data   bytea NOT NULL,
	PRIMARY KEY (tenant, event)
) PARTITION BY RANGE (event);

-- What has ended. claims is the number of the last claim, so that a redelivery's
-- go on, and seq its place among those of its ordering key.
CREATE TABLE postrider.deliveries (
	tenant     text COLLATE "C" NOT NULL,
	id         text COLLATE "C" NOT NULL,
	event      text COLLATE "C" NOT NULL,
	endpoint   text COLLATE "C" NOT NULL,
	status     text NOT NULL,
	reason     text,
	attempts   integer NOT NULL,
	claims     bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	seq        bigint NOT NULL DEFAULT 0,
	prio       smallint NOT NULL DEFAULT 1,
	okey       text COLLATE "C" NOT NULL DEFAULT '',
	batch      text COLLATE "C",
	PRIMARY KEY (tenant, id)
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_endpoint ON postrider.deliveries (tenant, endpoint, id);
CREATE INDEX deliveries_event ON postrider.deliveries (tenant, event);
CREATE INDEX deliveries_rare_endpoint ON postrider.deliveries (tenant, endpoint, status, id) WHERE status <> 'delivered';
-- Whoever asks for one endpoint does not say that there is one, and so is never led through all
-- failures of a tenant: to a plan for any arguments the one index looks as good as the other.
CREATE INDEX deliveries_rare ON postrider.deliveries (tenant, status, id) WHERE status <> 'delivered' AND length(endpoint) > 0;

-- Times of the phases are microseconds.
CREATE TABLE postrider.attempts (
	tenant           text COLLATE "C" NOT NULL,
	delivery         text COLLATE "C" NOT NULL,
	n                integer NOT NULL,
	id               text COLLATE "C" NOT NULL,
	at               bigint NOT NULL,
	class            text,
	status_code      integer NOT NULL,
	truncated        smallint NOT NULL,
	dns              bigint NOT NULL,
	connect          bigint NOT NULL,
	tls              bigint NOT NULL,
	first_byte       bigint NOT NULL,
	total            bigint NOT NULL,
	next_at          bigint,
	remote_addr      text,
	request_headers  text,
	response_headers text,
	response_body    bytea,
	batch            text COLLATE "C",
	PRIMARY KEY (tenant, delivery, n)
) PARTITION BY RANGE (delivery);

CREATE TABLE postrider.idempotency (
	tenant       text COLLATE "C" NOT NULL,
	key          text COLLATE "C" NOT NULL,
	content_hash bytea NOT NULL,
	event        text NOT NULL,
	deliveries   integer NOT NULL,
	expires_at   bigint NOT NULL,
	PRIMARY KEY (tenant, key)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX idempotency_expires ON postrider.idempotency (expires_at);

-- Keys by which the creation of an endpoint can be repeated.
CREATE TABLE postrider.creations (
	tenant       text COLLATE "C" NOT NULL,
	key          text COLLATE "C" NOT NULL,
	content_hash bytea NOT NULL,
	endpoint     text NOT NULL,
	expires_at   bigint NOT NULL,
	PRIMARY KEY (tenant, key)
);
CREATE INDEX creations_expires ON postrider.creations (expires_at);

-- What takes many steps. owner is the epoch that works on it, or 0.
CREATE TABLE postrider.jobs (
	tenant     text COLLATE "C" NOT NULL,
	id         text COLLATE "C" NOT NULL,
	kind       text NOT NULL,
	spec       bytea NOT NULL,
	state      text NOT NULL,
	owner      bigint NOT NULL,
	cursor     text NOT NULL,
	total      bigint NOT NULL,
	done       bigint NOT NULL,
	skipped    bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	PRIMARY KEY (tenant, id)
) WITH (fillfactor = 50);
CREATE INDEX jobs_open ON postrider.jobs (created_at, id, tenant) WHERE state = 'running';
CREATE INDEX jobs_ended ON postrider.jobs (updated_at) WHERE state <> 'running';

-- Who changed what; was and became are JSON.
CREATE TABLE postrider.audit (
	tenant   text COLLATE "C" NOT NULL,
	id       text COLLATE "C" NOT NULL,
	at       bigint NOT NULL,
	action   text NOT NULL,
	actor    text NOT NULL,
	address  text,
	resource text COLLATE "C" NOT NULL,
	was      text,
	became   text,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_resource ON postrider.audit (tenant, resource, id);
CREATE INDEX audit_at ON postrider.audit (at);

-- What is known of events of each name; config is JSON.
CREATE TABLE postrider.event_types (
	name       text COLLATE "C" NOT NULL PRIMARY KEY,
	version    bigint NOT NULL,
	revision   bigint NOT NULL,
	config     text NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL
);
CREATE INDEX event_types_revision ON postrider.event_types (revision);

-- What has happened again and again from since to ends_at.
CREATE TABLE postrider.incidents (
	tenant    text COLLATE "C" NOT NULL,
	id        text COLLATE "C" NOT NULL,
	kind      text COLLATE "C" NOT NULL,
	subject   text COLLATE "C" NOT NULL,
	since     bigint NOT NULL,
	last_at   bigint NOT NULL,
	ends_at   bigint NOT NULL,
	count     bigint NOT NULL,
	threshold bigint NOT NULL,
	PRIMARY KEY (tenant, id)
) WITH (fillfactor = 50);
CREATE INDEX incidents_open ON postrider.incidents (tenant, kind, subject, ends_at);
CREATE INDEX incidents_last ON postrider.incidents (last_at);
CREATE INDEX incidents_few ON postrider.incidents (ends_at) WHERE count < threshold;

-- Who is let in. hash is SHA-256 of the secret, which is nowhere.
CREATE TABLE postrider.tokens (
	tenant       text COLLATE "C" NOT NULL,
	id           text COLLATE "C" NOT NULL,
	kind         text COLLATE "C" NOT NULL,
	hash         bytea NOT NULL,
	name         text NOT NULL,
	role         text NOT NULL,
	scopes       text,
	created_by   text NOT NULL,
	created_at   bigint NOT NULL,
	expires_at   bigint,
	last_used_at bigint,
	PRIMARY KEY (tenant, id)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX tokens_hash ON postrider.tokens (hash);
CREATE INDEX tokens_kind ON postrider.tokens (tenant, kind, id);
CREATE INDEX tokens_expires ON postrider.tokens (expires_at) WHERE expires_at IS NOT NULL;

-- since is when the lease began to be valid without a gap.
CREATE TABLE postrider.processes (
	epoch      bigint NOT NULL PRIMARY KEY,
	host       text NOT NULL,
	pid        bigint NOT NULL,
	version    text NOT NULL,
	since      bigint NOT NULL,
	expires_at bigint NOT NULL
) WITH (fillfactor = 50);

-- One row per scope, minute and process, so that processes share none. Older
-- ones are of an hour or a day and process 0; resolution is the length in seconds.
CREATE TABLE postrider.stats (
	tenant     text COLLATE "C" NOT NULL,
	endpoint   text COLLATE "C" NOT NULL,
	type       text COLLATE "C" NOT NULL,
	start      bigint NOT NULL,
	process    bigint NOT NULL,
	resolution bigint NOT NULL,
	attempts   bigint NOT NULL,
	delivered  bigint NOT NULL,
	failed     bigint NOT NULL,
	classes    text,
	latency    bytea,
	PRIMARY KEY (tenant, endpoint, type, start, process)
) WITH (fillfactor = 80, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX stats_age ON postrider.stats (resolution, start);

-- What settlements did and stats does not have yet.
CREATE TABLE postrider.uncounted (
	seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	process bigint NOT NULL,
	batch   bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX uncounted_process ON postrider.uncounted (process);

-- ANALYZE keeps samples of what it reads, which nobody would erase there. Nothing is
-- planned by these columns; those of partitions are set as they are made.
ALTER TABLE postrider.events ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN idempotency_key SET STATISTICS 0,
	ALTER COLUMN meta SET STATISTICS 0, ALTER COLUMN attrs SET STATISTICS 0;
ALTER TABLE postrider.payloads ALTER COLUMN data SET STATISTICS 0;
ALTER TABLE postrider.deliveries ALTER COLUMN okey SET STATISTICS 0;
ALTER TABLE postrider.attempts ALTER COLUMN request_headers SET STATISTICS 0, ALTER COLUMN response_headers SET STATISTICS 0,
	ALTER COLUMN response_body SET STATISTICS 0;
ALTER TABLE postrider.idempotency ALTER COLUMN key SET STATISTICS 0;
ALTER TABLE postrider.queue ALTER COLUMN okey SET STATISTICS 0;
ALTER TABLE postrider.blocks ALTER COLUMN okey SET STATISTICS 0;
ALTER TABLE postrider.subject_keys ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE postrider.jobs ALTER COLUMN spec SET STATISTICS 0;
