//go:build postrider_no_outbox

package sabotage

// NoOutbox publishes at once, whatever becomes of the host's transaction, and over
// SQLite in two transactions of its own.
const NoOutbox = true
