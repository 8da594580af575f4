package routers

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
)

// ServeMux mounts api under a prefix such as "/api/v1/platform".
func ServeMux(prefix string, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, api))
	return mux
}

// Chi mounts api under a prefix in a chi router, which strips it itself.
func Chi(prefix string, api http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount(prefix, api)
	return r
}

// NestedChi mounts api in two steps, as hosts with sub-routers do.
func NestedChi(outer, inner string, api http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Route(outer, func(r chi.Router) {
		r.Handle(inner+"/*", http.StripPrefix(outer+inner, api))
	})
	return r
}

// Gin mounts api under a prefix in a gin engine.
func Gin(prefix string, api http.Handler) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Any(prefix+"/*path", gin.WrapH(http.StripPrefix(prefix, api)))
	return e
}
