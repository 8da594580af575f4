package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/postrider/postrider/signer/redact"
	"github.com/postrider/postrider/webhook"
)

// Basic lets in whoever has a name and a password that check accepts (RFC 7617): a
// function of the host's own, or what Users returns. The error of check is the answer.
// The handlers limit how often an address may be wrong, but a check by a slow hash is
// asked at every request; remember its answers for a moment if that is too slow.
func Basic(check func(ctx context.Context, name, password string) (webhook.Principal, error)) Func {
	return func(r *http.Request) (webhook.Principal, error) {
		if _, err := credentials(r, "Basic"); err != nil {
			return webhook.Principal{}, err
		}
		name, password, ok := r.BasicAuth()
		if !ok {
			return webhook.Principal{}, invalid("they are no name and password")
		}
		p, err := check(r.Context(), name, password)
		if err != nil {
			return webhook.Principal{}, final(err)
		}
		return p, nil
	}
}

// User is somebody whom Users knows.
type User struct {
	redact.Mask
	Name string
	// Password is at least MinPassword bytes, from a generator of passwords and not
	// from a person.
	Password string
	// Principal is who they are. Its Actor defaults to Name.
	Principal webhook.Principal
}

// MinPassword is the least length of a static password, in bytes. What is as long, and
// was made by chance, has 80 bits and more even in hexadecimal digits of 5 bits: nobody
// guesses it at the pace that the handlers allow, so that a fast hash will do.
const MinPassword = 16

// Users returns a check for Basic with few users, such as scripts, that are known from
// the host's configuration. Their passwords are kept as hashes and compared in constant
// time. The error says which user is none.
func Users(users ...User) (func(context.Context, string, string) (webhook.Principal, error), error) {
	type known struct {
		hash [sha256.Size]byte
		who  webhook.Principal
	}
	all := make(map[string]known, len(users))
	for i, u := range users {
		_, twice := all[u.Name]
		switch {
		case u.Name == "" || twice:
			return nil, fmt.Errorf("auth: user %d has no name of its own", i+1)
		case len(u.Password) < MinPassword:
			return nil, fmt.Errorf("auth: the password of user %d has fewer than %d bytes", i+1, MinPassword)
		case !u.Principal.Role.Valid() || !webhook.ValidTenant(u.Principal.Tenant):
			return nil, fmt.Errorf("auth: user %d has no role, or a tenant that is none", i+1)
		}
		if u.Principal.Actor == "" {
			u.Principal.Actor = u.Name
		}
		all[u.Name] = known{sha256.Sum256([]byte(u.Password)), u.Principal}
	}
	if len(all) == 0 {
		return nil, errors.New("auth: there are no users")
	}
	nobody := known{hash: sha256.Sum256([]byte(rand.Text()))}
	return func(_ context.Context, name, password string) (webhook.Principal, error) {
		u, ok := all[name]
		if !ok {
			u = nobody // which takes as long
		}
		hash := sha256.Sum256([]byte(password))
		if subtle.ConstantTimeCompare(hash[:], u.hash[:]) != 1 || !ok {
			return webhook.Principal{}, invalid("the name or the password is wrong")
		}
		return u.who, nil
	}, nil
}
