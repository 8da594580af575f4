// Package routers shows how the management API is mounted under a prefix, in the routers
// that hosts use: net/http's ServeMux, chi and gin.
package routers
