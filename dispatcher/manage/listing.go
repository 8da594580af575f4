package manage

import (
	"context"

	"github.com/postrider/postrider/store"
)

// Listing is a list that clients page through with cursors.
type Listing struct {
	Tenant string
	// Name and Filter are what a cursor is bound to (see Position).
	Name   string
	Filter any
	// Cursor is where the page begins; empty for the first.
	Cursor string
	// Limit is the most entries of a page.
	Limit int
}

// begin returns the id after which the page begins, or "".
func (l *Listing) begin(ctx context.Context, m *Manager) (string, error) {
	if l.Cursor == "" {
		return "", nil
	}
	return m.OpenCursor(ctx, l.Tenant, Position{List: l.Name, Filter: l.Filter}, l.Cursor)
}

// end returns what leads to the page after an id.
func (l *Listing) end(ctx context.Context, m *Manager, after string) (string, error) {
	return m.Cursor(ctx, l.Tenant, Position{List: l.Name, Filter: l.Filter, After: after})
}

// ReadPage returns a page of a list and the cursor of the next one, which is empty at the
// end. read returns a page of the list and id the id of an entry. Errors are those of
// Manager.OpenCursor and read's.
func ReadPage[T any](ctx context.Context, m *Manager, l Listing, read func(store.Page) ([]T, error), id func(*T) string) (items []T, next string, err error) {
	page := store.Page{Limit: l.Limit + 1} // one more tells whether there is another page
	if page.After, err = l.begin(ctx, m); err != nil {
		return nil, "", err
	}
	if items, err = read(page); err != nil || len(items) <= l.Limit {
		return items, "", err
	}
	items = items[:l.Limit]
	next, err = l.end(ctx, m, id(&items[l.Limit-1]))
	return items, next, err
}

// FindPage is ReadPage for what the history finds, whose pages say themselves where to go
// on.
func FindPage[T any](ctx context.Context, m *Manager, l Listing, find func(store.Page) (store.Found[T], error)) (items []T, next string, err error) {
	page := store.Page{Limit: l.Limit}
	if page.After, err = l.begin(ctx, m); err != nil {
		return nil, "", err
	}
	found, err := find(page)
	if err != nil || found.Next == "" {
		return found.Items, "", err
	}
	next, err = l.end(ctx, m, found.Next)
	return found.Items, next, err
}
