package storetest

import (
	"bytes"
	"fmt"

	"github.com/postrider/postrider/store"
)

var settingCases = []testCase{
	{"FirstWins", settingFirstWins},
	{"OneOfManyCallersWins", settingOneOfMany},
	{"IsDurable", settingIsDurable},
}

func (w *world) setting(name, initial string) string {
	w.t.Helper()
	got, err := w.store.Setting(w.ctx, name, []byte(initial))
	w.must(err, "Setting")
	return string(got)
}

func settingFirstWins(w *world) {
	if got := w.setting("key", "a\x00\xff"); got != "a\x00\xff" {
		w.t.Errorf("Setting for the first time = %q; want the initial value", got)
	}
	if got := w.setting("key", "b"); got != "a\x00\xff" {
		w.t.Errorf("Setting for the second time = %q; want the first value: processes would disagree", got)
	}
	if got := w.setting("other", "c"); got != "c" {
		w.t.Errorf("Setting of another name = %q; want its own value", got)
	}
}

func settingOneOfMany(w *world) {
	stores := []store.Store{w.store}
	if w.h.Second != nil {
		stores = append(stores, w.h.Second(w.t))
	}
	const callers = 8
	values := make([][]byte, callers)
	concurrently(w.t, callers, func(i int) (err error) {
		values[i], err = stores[i%len(stores)].Setting(w.ctx, "key", fmt.Append(nil, "value ", i))
		return err
	})
	for i, v := range values {
		if len(v) == 0 || !bytes.Equal(v, values[0]) {
			w.t.Errorf("Setting by %d callers at once: caller %d got %q and caller 0 %q; want one value for all", callers, i, v, values[0])
		}
	}
}

func settingIsDurable(w *world) {
	w.setting("key", "a")
	w.reopen()
	if got := w.setting("key", "b"); got != "a" {
		w.t.Errorf("Setting after a crash = %q; want %q: secrets could no longer be opened", got, "a")
	}
}
