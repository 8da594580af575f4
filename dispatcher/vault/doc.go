// Package vault keeps payloads, and what receivers have answered, from being read in
// the database: it stands between the engine and a store and seals them on their way.
//
// Each subject has keys of its own, one for every 30 days, and what is about nobody
// has those of the tenant. The keys are in store.SubjectKeys, sealed by the host's
// Sealer; a process remembers those that it uses. Who erases a subject deletes its
// keys: what they have sealed is then unreadable in backups and logs as well, if the
// keys are not in them. That is up to the host, which can keep the keys in a database
// of their own.
//
// A vault always opens. Whether it seals is the host's choice, and can change: what
// was stored before stays as it is.
package vault
