-- +goose Up

CREATE TABLE postrider_sequences (
	name  TEXT    NOT NULL PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE postrider_settings (
	name  TEXT NOT NULL PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE postrider_tenants (
	tenant   TEXT    NOT NULL PRIMARY KEY,
	revision INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE postrider_endpoints (
	tenant     TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	revision   INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	config     TEXT    NOT NULL,
	sealed     BLOB,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	deleted_at INTEGER,
	dead_for   INTEGER,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX postrider_endpoints_dead ON postrider_endpoints (tenant, id) WHERE dead_for IS NOT NULL;
CREATE UNIQUE INDEX postrider_endpoints_revision ON postrider_endpoints (revision);
CREATE INDEX postrider_endpoints_tenant ON postrider_endpoints (tenant, revision);
CREATE INDEX postrider_endpoints_deleted ON postrider_endpoints (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE postrider_secrets (
	tenant      TEXT    NOT NULL,
	endpoint    TEXT    NOT NULL,
	id          TEXT    NOT NULL,
	scheme      TEXT    NOT NULL,
	sealed      BLOB    NOT NULL,
	fingerprint TEXT    NOT NULL,
	created_at  INTEGER NOT NULL,
	until       INTEGER,
	PRIMARY KEY (tenant, endpoint, id)
) WITHOUT ROWID;

-- changed_at is when something happened that other processes must hear of.
CREATE TABLE postrider_health (
	tenant          TEXT    NOT NULL,
	endpoint        TEXT    NOT NULL,
	failures        INTEGER NOT NULL,
	trips           INTEGER NOT NULL,
	last_success_at INTEGER,
	last_failure_at INTEGER,
	recovering_at   INTEGER,
	changed_at      INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, endpoint)
) WITHOUT ROWID;
CREATE INDEX postrider_health_changed ON postrider_health (changed_at) WHERE changed_at > 0;

-- One row per endpoint, from its first day. revision is the endpoint's. next_at is
-- the greatest integer for a lane that has no parked rows, and one less for a lane
-- that only a change of its endpoint opens. owner is the epoch that may take from a
-- lane with ordered rows, or 0; after and again say how far it has come with them.
CREATE TABLE postrider_lanes (
	tenant   TEXT    NOT NULL,
	endpoint TEXT    NOT NULL,
	next_at  INTEGER NOT NULL,
	revision INTEGER NOT NULL,
	owner    INTEGER NOT NULL DEFAULT 0,
	after    TEXT    NOT NULL DEFAULT '',
	again    INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, endpoint)
) WITHOUT ROWID;
CREATE INDEX postrider_lanes_next ON postrider_lanes (next_at) WHERE owner = 0;
CREATE INDEX postrider_lanes_owner ON postrider_lanes (owner, next_at) WHERE owner <> 0;

-- What is limited in its rate: an endpoint's deliveries, under its id, and what a
-- tenant does. The next slot is free at free_at.
CREATE TABLE postrider_rates (
	tenant  TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	free_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, name)
) WITHOUT ROWID;

-- What tenants have used up of what they have for a time, which began at since.
CREATE TABLE postrider_quotas (
	tenant TEXT    NOT NULL,
	name   TEXT    NOT NULL,
	since  INTEGER NOT NULL,
	used   INTEGER NOT NULL,
	PRIMARY KEY (tenant, name, since)
) WITHOUT ROWID;
CREATE INDEX postrider_quotas_since ON postrider_quotas (since);

-- seq numbers events in the order they were written.
CREATE TABLE postrider_events (
	seq             INTEGER PRIMARY KEY,
	tenant          TEXT    NOT NULL,
	id              TEXT    NOT NULL,
	type            TEXT    NOT NULL,
	source          TEXT,
	subject         TEXT,
	idempotency_key TEXT,
	meta            TEXT,
	attrs           TEXT,
	occurred_at     INTEGER NOT NULL,
	published_at    INTEGER NOT NULL
);
CREATE UNIQUE INDEX postrider_events_id ON postrider_events (tenant, id);
CREATE INDEX postrider_events_subject ON postrider_events (tenant, subject, id) WHERE subject IS NOT NULL;

-- Keys that payloads are sealed with, sealed; period is of 30 days since 1970.
CREATE TABLE postrider_subject_keys (
	tenant  TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	period  INTEGER NOT NULL,
	sealed  BLOB    NOT NULL,
	PRIMARY KEY (tenant, subject, period)
) WITHOUT ROWID;
CREATE INDEX postrider_subject_keys_period ON postrider_subject_keys (period);

CREATE TABLE postrider_payloads (
	seq  INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);

CREATE TABLE postrider_idempotency (
	seq          INTEGER PRIMARY KEY,
	tenant       TEXT    NOT NULL,
	key          TEXT    NOT NULL,
	content_hash BLOB    NOT NULL,
	event        TEXT    NOT NULL,
	deliveries   INTEGER NOT NULL,
	expires_at   INTEGER NOT NULL
);
CREATE UNIQUE INDEX postrider_idempotency_key ON postrider_idempotency (tenant, key);

-- Keys by which the creation of an endpoint can be repeated.
CREATE TABLE postrider_creations (
	tenant       TEXT    NOT NULL,
	key          TEXT    NOT NULL,
	content_hash BLOB    NOT NULL,
	endpoint     TEXT    NOT NULL,
	expires_at   INTEGER NOT NULL,
	PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE INDEX postrider_creations_expires ON postrider_creations (expires_at);

-- owner is the epoch that a row is leased to, or 0. seq is the event's. okey is ""
-- for a delivery that keeps no order, and else "=" and its ordering key; prio is the
-- rank of its priority, batch the batch that it goes in.
CREATE TABLE postrider_queue (
	owner    INTEGER NOT NULL,
	delivery TEXT    NOT NULL,
	claims   INTEGER NOT NULL,
	parked   INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	seq      INTEGER NOT NULL,
	tenant   TEXT    NOT NULL,
	endpoint TEXT    NOT NULL,
	event    TEXT    NOT NULL,
	attempts INTEGER NOT NULL,
	base     INTEGER NOT NULL,
	crashes  INTEGER NOT NULL,
	started  INTEGER NOT NULL,
	prio     INTEGER NOT NULL DEFAULT 1,
	okey     TEXT    NOT NULL DEFAULT '',
	batch    TEXT,
	canceled INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (owner, delivery)
) WITHOUT ROWID;
CREATE INDEX postrider_queue_due ON postrider_queue (due, seq) WHERE owner = 0 AND parked = 0;
CREATE INDEX postrider_queue_lane ON postrider_queue (tenant, endpoint, prio, seq) WHERE owner = 0 AND parked = 1 AND batch IS NULL AND okey = '';
CREATE INDEX postrider_queue_key ON postrider_queue (tenant, endpoint, okey, seq) WHERE okey <> '';
CREATE INDEX postrider_queue_bound ON postrider_queue (tenant, endpoint, batch) WHERE owner = 0 AND batch IS NOT NULL;
CREATE INDEX postrider_queue_batch ON postrider_queue (tenant, batch) WHERE batch IS NOT NULL;
CREATE INDEX postrider_queue_tenant ON postrider_queue (tenant, delivery) WHERE owner = 0;

-- Failed deliveries that hold up the later ones of their ordering key.
CREATE TABLE postrider_blocks (
	tenant     TEXT    NOT NULL,
	endpoint   TEXT    NOT NULL,
	okey       TEXT    NOT NULL,
	seq        INTEGER NOT NULL,
	delivery   TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, endpoint, okey, seq)
) WITHOUT ROWID;
CREATE INDEX postrider_blocks_delivery ON postrider_blocks (delivery, tenant);
CREATE INDEX postrider_blocks_age ON postrider_blocks (created_at);

-- claims is the number of the last claim, so that a redelivery's go on. Neither
-- what is pending nor what was delivered is in the index of the rare ends, so that
-- most deliveries never enter it; the queue leads to what is pending.
CREATE TABLE postrider_deliveries (
	tenant     TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	event      TEXT    NOT NULL,
	endpoint   TEXT    NOT NULL,
	status     TEXT    NOT NULL,
	reason     TEXT,
	attempts   INTEGER NOT NULL,
	claims     INTEGER NOT NULL,
	next_at    INTEGER,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	prio       INTEGER NOT NULL DEFAULT 1,
	okey       TEXT    NOT NULL DEFAULT '',
	batch      TEXT,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX postrider_deliveries_endpoint ON postrider_deliveries (tenant, endpoint, id);
CREATE INDEX postrider_deliveries_event ON postrider_deliveries (tenant, event);
CREATE INDEX postrider_deliveries_rare_endpoint ON postrider_deliveries (tenant, endpoint, status, id) WHERE status NOT IN ('delivered', 'pending');
CREATE INDEX postrider_deliveries_rare ON postrider_deliveries (tenant, status, id) WHERE status NOT IN ('delivered', 'pending');

-- Times of the phases are microseconds.
CREATE TABLE postrider_attempts (
	tenant           TEXT    NOT NULL,
	delivery         TEXT    NOT NULL,
	n                INTEGER NOT NULL,
	id               TEXT    NOT NULL,
	at               INTEGER NOT NULL,
	class            TEXT,
	status_code      INTEGER NOT NULL,
	truncated        INTEGER NOT NULL,
	dns              INTEGER NOT NULL,
	connect          INTEGER NOT NULL,
	tls              INTEGER NOT NULL,
	first_byte       INTEGER NOT NULL,
	total            INTEGER NOT NULL,
	next_at          INTEGER,
	remote_addr      TEXT,
	request_headers  TEXT,
	response_headers TEXT,
	response_body    BLOB,
	batch            TEXT,
	PRIMARY KEY (tenant, delivery, n)
) WITHOUT ROWID;

-- What takes many steps. owner is the epoch that works on it, or 0.
CREATE TABLE postrider_jobs (
	tenant     TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	kind       TEXT    NOT NULL,
	spec       BLOB    NOT NULL,
	state      TEXT    NOT NULL,
	owner      INTEGER NOT NULL,
	cursor     TEXT    NOT NULL,
	total      INTEGER NOT NULL,
	done       INTEGER NOT NULL,
	skipped    INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX postrider_jobs_open ON postrider_jobs (created_at, id, tenant) WHERE state = 'running';
CREATE INDEX postrider_jobs_ended ON postrider_jobs (updated_at) WHERE state <> 'running';

-- Who changed what; was and became are JSON.
CREATE TABLE postrider_audit (
	tenant   TEXT    NOT NULL,
	id       TEXT    NOT NULL,
	at       INTEGER NOT NULL,
	action   TEXT    NOT NULL,
	actor    TEXT    NOT NULL,
	address  TEXT,
	resource TEXT    NOT NULL,
	was      TEXT,
	became   TEXT,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX postrider_audit_resource ON postrider_audit (tenant, resource, id);
CREATE INDEX postrider_audit_at ON postrider_audit (at);

-- What is known of events of each name; config is JSON.
CREATE TABLE postrider_event_types (
	name       TEXT    NOT NULL PRIMARY KEY,
	version    INTEGER NOT NULL,
	revision   INTEGER NOT NULL,
	config     TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX postrider_event_types_revision ON postrider_event_types (revision);

-- What has happened again and again from since to ends_at.
CREATE TABLE postrider_incidents (
	tenant    TEXT    NOT NULL,
	id        TEXT    NOT NULL,
	kind      TEXT    NOT NULL,
	subject   TEXT    NOT NULL,
	since     INTEGER NOT NULL,
	last_at   INTEGER NOT NULL,
	ends_at   INTEGER NOT NULL,
	count     INTEGER NOT NULL,
	threshold INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX postrider_incidents_open ON postrider_incidents (tenant, kind, subject, ends_at);
CREATE INDEX postrider_incidents_last ON postrider_incidents (last_at);
CREATE INDEX postrider_incidents_few ON postrider_incidents (ends_at) WHERE count < threshold;

-- Who is let in. hash is SHA-256 of the secret, which is nowhere.
CREATE TABLE postrider_tokens (
	tenant       TEXT    NOT NULL,
	id           TEXT    NOT NULL,
	kind         TEXT    NOT NULL,
	hash         BLOB    NOT NULL,
	name         TEXT    NOT NULL,
	role         TEXT    NOT NULL,
	scopes       TEXT,
	created_by   TEXT    NOT NULL,
	created_at   INTEGER NOT NULL,
	expires_at   INTEGER,
	last_used_at INTEGER,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX postrider_tokens_hash ON postrider_tokens (hash);
CREATE INDEX postrider_tokens_kind ON postrider_tokens (tenant, kind, id);
CREATE INDEX postrider_tokens_expires ON postrider_tokens (expires_at) WHERE expires_at IS NOT NULL;

-- since is when the lease began to be valid without a gap.
CREATE TABLE postrider_processes (
	epoch      INTEGER PRIMARY KEY,
	host       TEXT    NOT NULL,
	pid        INTEGER NOT NULL,
	version    TEXT    NOT NULL,
	since      INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
);

-- One row per scope, minute and process, so that processes share none. Older
-- ones are of an hour or a day and process 0; resolution is the length in seconds.
CREATE TABLE postrider_stats (
	tenant     TEXT    NOT NULL,
	endpoint   TEXT    NOT NULL,
	type       TEXT    NOT NULL,
	start      INTEGER NOT NULL,
	process    INTEGER NOT NULL,
	resolution INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	delivered  INTEGER NOT NULL,
	failed     INTEGER NOT NULL,
	classes    TEXT,
	latency    BLOB,
	PRIMARY KEY (tenant, endpoint, type, start, process)
) WITHOUT ROWID;
CREATE INDEX postrider_stats_age ON postrider_stats (resolution, start);

-- What settlements did and postrider_stats does not have yet.
CREATE TABLE postrider_uncounted (
	seq     INTEGER PRIMARY KEY,
	process INTEGER NOT NULL,
	batch   BLOB    NOT NULL
);
