// Package routers shows how the management API and the console are mounted under a prefix,
// in the routers that hosts use: net/http's ServeMux, chi and gin.
package routers
