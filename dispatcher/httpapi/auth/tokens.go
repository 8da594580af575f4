package auth

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// APIKeys lets in who shows an API key as bearer token, with its tenant, role and scopes. A
// key that was revoked is refused at once in this process, and within a second in every
// other one.
func APIKeys(m *manage.Manager) Func { return tokensOf(m, webhook.TokenAPIKey) }

// PortalTokens is APIKeys for portal tokens.
func PortalTokens(m *manage.Manager) Func { return tokensOf(m, webhook.TokenPortal) }

func tokensOf(m *manage.Manager, kind webhook.TokenKind) Func {
	return func(r *http.Request) (webhook.Principal, error) {
		text, err := bearer(r)
		if err != nil {
			return webhook.Principal{}, err
		}
		if dispatcher.TokenKindOf(text) != kind {
			return webhook.Principal{}, ErrNone
		}
		t, err := m.CheckToken(r.Context(), kind, text)
		if errors.Is(err, manage.ErrTokenInvalid) {
			return webhook.Principal{}, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if err != nil {
			return webhook.Principal{}, err
		}
		return t.Principal(), nil
	}
}
