package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// trouble is why a page cannot be shown, and what to do about it. What is empty is filled
// in by the status.
type trouble struct {
	status            int
	code              string
	title, text, todo string
	retryAfter        int // seconds
}

// Error returns the sentence for people.
func (t *trouble) Error() string { return t.text }

// usual are the words for a status.
var usual = map[int]trouble{
	http.StatusUnauthorized:        {title: "You are not signed in", text: "Your session has ended, or you have not signed in yet.", todo: "Sign in where you came from, and open this page again."},
	http.StatusForbidden:           {title: "You are not allowed to do this", text: "Your role does not include this page or this change.", todo: "Ask an administrator of your account for access."},
	http.StatusNotFound:            {title: "There is nothing here", text: "It does not exist, was deleted, or belongs to somebody else.", todo: "Check the address, or go on from the overview."},
	http.StatusMethodNotAllowed:    {title: "That cannot be done here", text: "This address does not take such a request.", todo: "Go on from the overview."},
	http.StatusConflict:            {title: "That is not possible now", todo: "Open the page again to see how things stand."},
	http.StatusUnprocessableEntity: {title: "Something is not valid"},
	http.StatusTooManyRequests:     {title: "Too many requests", todo: "Wait a moment and try again."},
	http.StatusServiceUnavailable:  {title: "We cannot reach our database", text: "Nothing was changed.", todo: "Try again in a moment."},
	http.StatusInternalServerError: {title: "Something went wrong here", text: "It is not your fault, and has been logged.", todo: "Try again; if it stays like this, tell us."},
}

// troubleOf returns what an error of the library means to people. One that is nobody's
// mistake but ours is logged.
func (c *console) troubleOf(ctx context.Context, err error) *trouble {
	if t, ok := errors.AsType[*trouble](err); ok {
		return t
	}
	if inv, ok := errors.AsType[*webhook.InvalidError](err); ok {
		t := &trouble{status: http.StatusUnprocessableEntity, todo: "Go back and mend it."}
		for _, f := range inv.Fields {
			if f.Code == webhook.CodeInvalidCursor {
				return &trouble{status: http.StatusBadRequest, title: "This page of the list is no longer there", text: "Links to further pages are good for a day.", todo: "Open the list again."}
			}
			t.text = strings.TrimSpace(t.text + " " + f.Message)
		}
		return t
	}
	if quota, ok := errors.AsType[*webhook.QuotaError](err); ok {
		return &trouble{status: http.StatusTooManyRequests, code: webhook.CodeRateLimited, title: "Your plan's limit is reached", text: quota.Error(), todo: "Delete what you no longer need, or ask for a larger plan."}
	}
	for _, known := range []struct {
		err error
		trouble
	}{
		{store.ErrNotFound, trouble{status: http.StatusNotFound}},
		{store.ErrVersion, trouble{status: http.StatusConflict, title: "Somebody else was faster", text: "This was changed while you were looking at it, and your change was not made."}},
		{store.ErrPayloadGone, trouble{status: http.StatusConflict, title: "The payload is no longer kept", text: "It cannot be sent again."}},
		{manage.ErrOwnedByCode, trouble{status: http.StatusConflict, title: "This event type is in the code of the platform", text: "It is changed there alone."}},
		{manage.ErrTooManySecrets, trouble{status: http.StatusConflict, title: "Too many secrets are in use", text: "Wait until the first of the older secrets ends, then rotate again."}},
		{manage.ErrTestLimit, trouble{status: http.StatusTooManyRequests, text: "Too many tests in a row.", todo: "Try again in a second.", retryAfter: 1}},
		{manage.ErrTooManyTails, trouble{status: http.StatusTooManyRequests, text: "Your account follows as many live logs as it may.", retryAfter: 10}},
		{manage.ErrTailsBusy, trouble{status: http.StatusServiceUnavailable, text: "Too many live logs are followed at the moment.", retryAfter: 10}},
		{store.ErrTooMany, trouble{status: http.StatusConflict, title: "There are too many already", text: "Delete what you no longer need first."}},
		{webhook.ErrForbidden, trouble{status: http.StatusForbidden}},
		{store.ErrUnavailable, trouble{status: http.StatusServiceUnavailable, retryAfter: 1}},
		{store.ErrUnknown, trouble{status: http.StatusServiceUnavailable, text: "Our database did not answer, so the change may have been made or not.", todo: "Look before you try again.", retryAfter: 1}},
	} {
		if errors.Is(err, known.err) {
			return &known.trouble
		}
	}
	if ctx.Err() == nil { // else nobody waits for the answer
		c.cfg.Logger.Error("answer a request of the console", zap.Error(err))
	}
	return &trouble{status: http.StatusInternalServerError}
}

// troublePage is the page that says so.
type troublePage struct {
	page
	Status           int
	Code, Text, Todo string
}

// fail answers with the page of a trouble.
func (c *console) fail(w http.ResponseWriter, r *http.Request, t *trouble) {
	words := usual[t.status]
	p := troublePage{page: c.newPage(r, "", cmp.Or(t.title, words.title, http.StatusText(t.status))), Status: t.status, Code: t.code}
	p.Text, p.Todo = cmp.Or(t.text, words.text), cmp.Or(t.todo, words.todo)
	if t.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(t.retryAfter))
	}
	c.show(w, r, t.status, "trouble", p)
}

// isNotFound reports whether an error says that there is no such thing.
func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
