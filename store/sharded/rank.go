package sharded

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
)

// rank returns shards in the order in which a key prefers them (rendezvous
// hashing). How it ranks two shards depends on nothing but their names and the
// key, and must never change: processes of all versions have to agree.
func rank(shards []*shard, key string) []*shard {
	type ranked struct {
		*shard
		weight [sha256.Size]byte
	}
	list := make([]ranked, len(shards))
	for i, sh := range shards {
		list[i] = ranked{sh, sha256.Sum256([]byte(sh.name + "\x00" + key))}
	}
	slices.SortFunc(list, func(a, b ranked) int {
		return cmp.Or(bytes.Compare(b.weight[:], a.weight[:]), strings.Compare(a.name, b.name))
	})
	order := make([]*shard, len(list))
	for i, r := range list {
		order[i] = r.shard
	}
	return order
}
