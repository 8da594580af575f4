package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
)

// listJSON is a page of a list.
type listJSON[T any] struct {
	Data []T     `json:"data"`
	Next *string `json:"next" nullable:"true" doc:"What to give as cursor for the next page; null at the end."`
}

// listing is what the pages of a list have in common.
type listing struct {
	// name and filter are what a cursor is bound to.
	name   string
	filter any
	cursor string
	limit  int
}

// page returns where the page begins. It is one longer than asked for, which tells
// whether there is another.
func (a *api) page(ctx context.Context, l listing) (store.Page, error) {
	after, err := a.after(ctx, l)
	return store.Page{After: after, Limit: l.limit + 1}, err
}

// after returns the last id of the page before, or "".
func (a *api) after(ctx context.Context, l listing) (string, error) {
	if l.cursor == "" {
		return "", nil
	}
	return a.m.OpenCursor(ctx, tenant(ctx), manage.Position{List: l.name, Filter: l.filter}, l.cursor)
}

// cursor returns what leads to the page after an id.
func (a *api) cursor(ctx context.Context, l listing, after string) (*string, error) {
	next, err := a.m.Cursor(ctx, tenant(ctx), manage.Position{List: l.name, Filter: l.filter, After: after})
	return &next, err
}

// fetch returns a page of a list and the cursor of the next, if there is one.
func fetch[T any](ctx context.Context, a *api, l listing, read func(store.Page) ([]T, error), id func(*T) string) ([]T, *string, error) {
	page, err := a.page(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	items, err := read(page)
	if err != nil || len(items) <= l.limit {
		return items, nil, err
	}
	items = items[:l.limit]
	next, err := a.cursor(ctx, l, id(&items[l.limit-1]))
	return items, next, err
}

// look is fetch for what the history finds, whose pages say themselves where to go on.
func look[T any](ctx context.Context, a *api, l listing, find func(store.Page) (store.Found[T], error)) (items []T, next *string, err error) {
	after, err := a.after(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	found, err := find(store.Page{After: after, Limit: l.limit})
	if err != nil || found.Next == "" {
		return found.Items, nil, err
	}
	next, err = a.cursor(ctx, l, found.Next)
	return found.Items, next, err
}

// pageJSON returns a page of what things are as JSON.
func pageJSON[T, J any](items []T, next *string, show func(*T) J) listJSON[J] {
	data := make([]J, len(items))
	for i := range items {
		data[i] = show(&items[i])
	}
	return listJSON[J]{Data: data, Next: next}
}

// cached answers with a list that clients may keep, and have to ask about. Cursors differ
// from call to call, so that a list has its ETag without them.
func cached[T any](page listJSON[T], ifNoneMatch string) (*tagged[listJSON[T]], error) {
	content, err := json.Marshal(page.Data)
	if err != nil {
		return nil, err
	}
	if page.Next != nil {
		content = append(content, '+')
	}
	sum := sha256.Sum256(content)
	out := &tagged[listJSON[T]]{Status: http.StatusOK, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, CacheControl: cacheLists, Body: page}
	if ifNoneMatch != "" && hasTag(ifNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}
