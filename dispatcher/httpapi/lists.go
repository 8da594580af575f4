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

// of returns the list as package manage pages through it.
func (l listing) of(tenant string) manage.Listing {
	return manage.Listing{Tenant: tenant, Name: l.name, Filter: l.filter, Cursor: l.cursor, Limit: l.limit}
}

// fetch returns a page of a list and the cursor of the next, if there is one.
func fetch[T any](ctx context.Context, a *api, l listing, read func(store.Page) ([]T, error), id func(*T) string) ([]T, *string, error) {
	items, next, err := manage.ReadPage(ctx, a.m, l.of(tenant(ctx)), read, id)
	return items, nextOf(next), err
}

// look is fetch for what the history finds, whose pages say themselves where to go on.
func look[T any](ctx context.Context, a *api, l listing, find func(store.Page) (store.Found[T], error)) ([]T, *string, error) {
	items, next, err := manage.FindPage(ctx, a.m, l.of(tenant(ctx)), find)
	return items, nextOf(next), err
}

// nextOf returns a cursor, or nil at the end.
func nextOf(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
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
