package memstore_test

import (
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Harness {
		st := memstore.New()
		return storetest.Harness{
			Store:  st,
			Second: func(*testing.T) store.Store { return st },
			Begin: func(*testing.T) storetest.HostTx {
				tx := st.Begin()
				return storetest.HostTx{Tx: tx, Commit: tx.Commit, Rollback: tx.Rollback}
			},
		}
	})
}
