package store

import "context"

// Sharded is a Store that keeps each tenant in one of several others, its
// shards. Whoever delivers works on the shards one by one, each under a lease
// and with a claim loop of its own, so that one that is down holds up none of
// the others.
type Sharded interface {
	Store

	// Shards returns the shards by their names, always the same ones.
	Shards() map[string]Store

	// Shard returns the name of the shard that has a tenant, and gives one to
	// a tenant that has none. The answer is the same for ever.
	Shard(ctx context.Context, tenant string) (string, error)
}

// ShardTx is a Tx of one shard. It refuses what is of another shard's tenants.
type ShardTx interface {
	Tx

	// Shard returns the name of the shard.
	Shard() string
}
