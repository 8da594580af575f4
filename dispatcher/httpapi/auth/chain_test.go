package auth_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/webhook"
)

// Whoever recognises a credential has the last word on it.
func TestChain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		first error
		want  error
		asked int // how often the second is
	}{
		{"another kind", auth.ErrNone, nil, 1},
		{"another kind, wrapped", fmt.Errorf("no cookie: %w", auth.ErrNone), nil, 1},
		{"good", nil, nil, 0},
		{"bad", auth.ErrInvalid, auth.ErrInvalid, 0},
		{"forbidden", webhook.ErrForbidden, webhook.ErrForbidden, 0},
		{"undecided", webhook.ErrUndecided, webhook.ErrUndecided, 0},
	} {
		first, _ := returns(ada(), tt.first)
		second, asked := returns(ada(), nil)
		p, err := auth.Chain(first, second)(with())
		if !errors.Is(err, tt.want) || *asked != tt.asked || err == nil && p.Actor != "ada" {
			t.Errorf("%s: Chain = %v, %v after the second was asked %d times; want %v after %d", tt.name, p, err, *asked, tt.want, tt.asked)
		}
	}
	none, _ := returns(webhook.Principal{}, auth.ErrNone)
	for name, chain := range map[string]auth.Func{"of none": auth.Chain(), "where nobody knows": auth.Chain(none, none), "of chains": auth.Chain(auth.Chain(none), none)} {
		if _, err := chain(with("Bearer x")); !errors.Is(err, auth.ErrNone) {
			t.Errorf("Chain %s = %v; want ErrNone", name, err)
		}
	}
}
