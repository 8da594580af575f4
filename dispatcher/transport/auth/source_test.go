package auth_test

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
)

// 64 workers that find their token expired make one request for the next.
func TestExpiredTokenIsRenewedOnce(t *testing.T) {
	s := authtest.NewTokenServer(t, authtest.Client{ID: client.ID, Secret: client.Secret, Scope: client.Scope, Lifetime: 10 * time.Minute})
	synctest.Test(t, func(t *testing.T) {
		a := newAuthenticator(slowly(s))
		c := auth.NewCredentials(endpoint(oauth("https://login.example/token", client)))
		for want := 1; want <= 3; want++ {
			var tokens [workers]string
			var n atomic.Int64
			at(workers, func() {
				set, err := a.Authenticate(t.Context(), c, delivery(``))
				if err != nil {
					t.Errorf("Authenticate = %v; want a token", err)
				}
				tokens[n.Add(1)-1] = set.Get("Authorization")
			})
			for _, token := range tokens {
				if token != tokens[0] || token == "" {
					t.Errorf("workers have the tokens %q and %q; want the same", token, tokens[0])
				}
			}
			if got := s.Requests(); got != want {
				t.Errorf("after %d expiries %d workers each made %d requests for tokens; want %d", want-1, workers, got, want)
			}
			time.Sleep(10*time.Minute + time.Second)
		}
	})
}

// A token is replaced before it ends, by one worker, while the others go on with it;
// as long as that fails it is used to its end.
func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	s := authtest.NewTokenServer(t, authtest.Client{ID: client.ID, Secret: client.Secret, Scope: client.Scope, Lifetime: 10 * time.Minute})
	synctest.Test(t, func(t *testing.T) {
		a := newAuthenticator(slowly(s))
		c := auth.NewCredentials(endpoint(oauth("https://login.example/token", client)))
		token := func() (string, time.Duration) {
			began := time.Now()
			set, err := a.Authenticate(t.Context(), c, delivery(``))
			if err != nil {
				t.Errorf("Authenticate = %v; want a token", err)
			}
			return set.Get("Authorization"), time.Since(began)
		}
		first, _ := token()
		time.Sleep(8*time.Minute + 59*time.Second)
		if got, _ := token(); got != first || s.Requests() != 1 {
			t.Errorf("a token with more than a minute left was replaced: %d requests; want 1", s.Requests())
		}
		time.Sleep(2 * time.Second)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		for range 3 {
			if got, _ := token(); got != first {
				t.Error("a token that is still good is not used while there is no other")
			}
		}
		if got := s.Requests(); got != 2 {
			t.Errorf("a failed renewal was repeated %d times at once; want not within the second", got-2)
		}
		s.Answer(nil)
		time.Sleep(2 * time.Second)
		renewed := make(chan string, 1)
		go func() { got, _ := token(); renewed <- got }()
		synctest.Wait() // it is asking for the next
		if got, took := token(); got != first || took > 0 {
			t.Errorf("a worker waited %s for a renewal although its token is good", took)
		}
		if got := <-renewed; got == first || s.Requests() != 3 {
			t.Errorf("the token within a minute of its end is the same after %d requests; want another after 3", s.Requests())
		}
	})
}

// slowly is a transport to a token server that takes its time.
func slowly(s *authtest.TokenServer) transport.Transport {
	return inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond)
		s.ServeHTTP(w, r)
	}))
}

// Tokens of credentials that nobody uses any more are forgotten.
func TestTokensAreBounded(t *testing.T) {
	s := authtest.NewTokenServer(t, authtest.Client{Scope: client.Scope})
	s.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"x"}`))
	})
	a := newAuthenticator(inMemory(s))
	for i := range 3 * auth.MaxSources {
		c := client
		c.ID = strconv.Itoa(i)
		if _, err := a.Authenticate(t.Context(), auth.NewCredentials(endpoint(oauth("https://login.example/", c))), delivery(``)); err != nil {
			t.Fatal(err)
		}
	}
	if got := auth.Sources(a); got > 2*auth.MaxSources {
		t.Errorf("%d sources of tokens are kept after %d; want at most %d", got, 3*auth.MaxSources, 2*auth.MaxSources)
	}
}
