package routers

import (
	"cmp"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
)

// ServeMux mounts the API or the console under a prefix such as "/api/v1/platform" or
// "/settings/webhooks"; "" is all of the host.
func ServeMux(prefix string, h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
	return mux
}

// Chi mounts the API or the console under a prefix in a chi router, which strips it itself.
func Chi(prefix string, h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount(cmp.Or(prefix, "/"), h)
	return r
}

// NestedChi mounts the API or the console in two steps, as hosts with sub-routers do.
func NestedChi(outer, inner string, h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Route(outer, func(r chi.Router) {
		r.Handle(inner+"/*", http.StripPrefix(outer+inner, h))
		r.Handle(inner, http.StripPrefix(outer+inner, h)) // which redirects to the console
	})
	return r
}

// Gin mounts the API or the console under a prefix in a gin engine.
func Gin(prefix string, h http.Handler) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Any(prefix+"/*path", gin.WrapH(http.StripPrefix(prefix, h)))
	if prefix != "" {
		e.Any(prefix, gin.WrapH(http.StripPrefix(prefix, h))) // the console redirects from here
	}
	return e
}
