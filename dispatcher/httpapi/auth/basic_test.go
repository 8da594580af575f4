package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const password = "obviously-not-a-real-password"

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func TestUsers(t *testing.T) {
	t.Parallel()
	check, err := auth.Users(
		auth.User{Name: "ada", Password: password, Principal: webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin}},
		auth.User{Name: "bob", Password: password + "2", Principal: webhook.Principal{Role: webhook.RoleViewer, Actor: "robert"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	authenticate := auth.Basic(check)
	for _, tt := range []struct {
		name   string
		header []string
		actor  string
		want   error
	}{
		{"ada", []string{basic("ada", password)}, "ada", nil},
		{"bob", []string{basic("bob", password+"2")}, "robert", nil},
		{"scheme in another case", []string{strings.Replace(basic("ada", password), "Basic", "BASIC", 1)}, "ada", nil},
		{"another's password", []string{basic("bob", password)}, "", auth.ErrInvalid},
		{"longer password", []string{basic("ada", password+"x")}, "", auth.ErrInvalid},
		{"no password", []string{basic("ada", "")}, "", auth.ErrInvalid},
		{"nobody's name", []string{basic("eve", password)}, "", auth.ErrInvalid},
		{"no name", []string{basic("", password)}, "", auth.ErrInvalid},
		{"no base64", []string{"Basic %%%"}, "", auth.ErrInvalid},
		{"no colon", []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("ada"))}, "", auth.ErrInvalid},
		{"nothing", []string{"Basic"}, "", auth.ErrInvalid},
		{"two headers", []string{basic("ada", password), basic("ada", password)}, "", auth.ErrInvalid},
		{"no header", nil, "", auth.ErrNone},
		{"another scheme", []string{"Bearer " + password}, "", auth.ErrNone},
	} {
		p, err := authenticate(with(tt.header...))
		if p.Actor != tt.actor || !errors.Is(err, tt.want) {
			t.Errorf("%s: Basic = %+v, %v; want %q, %v", tt.name, p, err, tt.actor, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error %q has the password in it", tt.name, err)
		}
	}
}

func TestUsersRefuses(t *testing.T) {
	t.Parallel()
	good := auth.User{Name: "ada", Password: password, Principal: ada()}
	if got := fmt.Sprintf("%v %+v", good, []auth.User{good}); strings.Contains(got, password) {
		t.Errorf("a user prints as %s; want no password", got)
	}
	short, nobody, nameless, foreign := good, good, good, good
	short.Password, nobody.Principal.Role, nameless.Name, foreign.Principal.Tenant = strings.Repeat("x", auth.MinPassword-1), "root", "", "a\x00"
	for name, users := range map[string][]auth.User{
		"nobody": nil, "a short password": {short}, "no role": {nobody}, "no name": {nameless}, "no tenant": {foreign}, "one twice": {good, good},
	} {
		if _, err := auth.Users(users...); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("Users with %s = %v; want an error without the password", name, err)
		}
	}
}

// The host's check is the last word, also if it says that it knows nothing of a name.
func TestBasicChecks(t *testing.T) {
	t.Parallel()
	for given, want := range map[error]error{
		nil: nil, auth.ErrNone: auth.ErrInvalid, store.ErrUnavailable: store.ErrUnavailable, webhook.ErrForbidden: webhook.ErrForbidden,
	} {
		p, err := auth.Basic(func(_ context.Context, name, pw string) (webhook.Principal, error) {
			if name != "ada" || pw != "a:b" {
				t.Errorf("check was given %q, %q; want ada, a:b", name, pw)
			}
			return ada(), given
		})(with(basic("ada", "a:b")))
		if !errors.Is(err, want) || errors.Is(err, auth.ErrNone) || (err == nil) != (p.Actor == "ada") {
			t.Errorf("Basic where check returns %v = %+v, %v; want %v", given, p, err, want)
		}
	}
}
